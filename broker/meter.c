#include "meter.h"

#include <stdio.h>
#include <string.h>

#include "../oci/cleanup.h"
#include "figures.h"

static const uint64_t patience_us = 1000000;

static unsigned
index_of (const struct meter *meter, const struct lease *lease)
{
    return (unsigned) (lease - meter->leases->table);
}

/* Which of the lease's GPUs; -1: none, it is another device that the container has got hold of.  */
static int
gpu_of (const struct meter *meter, const struct lease *lease, const struct fdinfo *info)
{
    for (unsigned i = 0; i < GPUS_MAX; i++) {
        const struct gpu *gpu = &meter->gpus->table[i];

        if ((lease->gpus & (1U << i)) && strcmp (gpu->pci, info->pdev) == 0
            && (info->pdev[0] || strcmp (gpu->driver, info->driver) == 0))
            return (int) i;
    }
    return -1;
}

static bool
is_read (const struct lease *lease)
{
    return lease->state == LEASE_ACTIVE && lease->gpus && lease->cgroup[0] == '/';
}

/* Of a user's container nobody knows the group: which one it is in is his own word.  */
static bool
is_searched (const struct lease *lease)
{
    return lease->state == LEASE_REVOKED && lease->cgroup[0] == '/';
}

static void
call_readers (struct meter *meter, bool fresh)
{
    for (struct meter_reader *r = meter->readers; r; r = r->next) {
        if (!r->waits)
            continue;
        r->waits = false;
        r->done (r->userdata, fresh);
    }
}

static void
take_holders (struct meter *meter)
{
    const volatile unsigned *counted = &meter->observer.shared->n_holders;
    unsigned n = *counted;

    meter->n_holders = 0;
    for (unsigned i = 0; i < n && i < OBSERVED_HOLDERS_MAX; i++) {
        struct observed_holder seen = meter->observer.shared->holders[i];
        struct meter_holder *holder = &meter->holders[meter->n_holders];

        if (seen.tag >= LEASES_MAX || meter->gone[seen.tag])
            continue;
        seen.comm[sizeof seen.comm - 1] = '\0';
        text_clean (seen.comm);
        *holder = (struct meter_holder){.lease = seen.tag, .pid = seen.pid};
        memcpy (holder->comm, seen.comm, sizeof holder->comm);
        meter->n_holders++;
    }
}

static void
on_observed (void *userdata, const struct observed_client *clients, unsigned n, bool more)
{
    struct meter *meter = userdata;

    for (unsigned i = 0; i < n; i++) {
        struct observed_client c = clients[i];
        int gpu;

        if (c.tag >= LEASES_MAX || meter->gone[c.tag])
            continue;
        c.info.pdev[sizeof c.info.pdev - 1] = c.info.driver[sizeof c.info.driver - 1] = '\0';
        gpu = gpu_of (meter, &meter->leases->table[c.tag], &c.info);
        if (gpu >= 0)
            usage_add (&meter->usage, c.tag, (unsigned) gpu, &c.info);
    }
    take_holders (meter);
    meter->usage.missed |= more;
    usage_end (&meter->usage);
    call_readers (meter, true);
}

/* The observer hangs, in some driver: the figures stay those of before.  */
static uint64_t
on_alarm (void *userdata, uint64_t now)
{
    struct meter *meter = userdata;

    (void) now;
    if (meter->observer.asked)
        call_readers (meter, false);
    return 0;
}

static void
name_device (const struct gpu_node *node, struct observation *o)
{
    if (node->name[0] && o->n_devices < OBSERVED_DEVICES_MAX)
        o->devices[o->n_devices++] = (struct device_number){node->major, node->minor};
}

/* Those of simulated GPUs may be of any kind.  */
static void
name_devices (const struct meter *meter, struct observation *o)
{
    o->n_devices = 0;
    for (unsigned i = 0; i < GPUS_MAX; i++) {
        const struct gpu *gpu = &meter->gpus->table[i];

        name_device (&gpu->render, o);
        name_device (&gpu->card, o);
    }
}

static void
look (struct meter *meter)
{
    struct observation *o = meter->observer.shared;
    const struct lease *lease;
    struct error err;

    memset (meter->gone, 0, sizeof meter->gone);
    memset (meter->looked, 0, sizeof meter->looked);
    name_devices (meter, o);
    usage_begin (&meter->usage, alarm_now () * 1000);
    o->n_groups = 0;
    leases_foreach (meter->leases, lease) {
        struct observed_group *group = &o->groups[o->n_groups];

        if (!is_read (lease) && !is_searched (lease))
            continue;
        group->tag = index_of (meter, lease);
        group->who = meter->looked[group->tag] = is_searched (lease);
        (void) snprintf (group->cgroup, sizeof group->cgroup, "%s", lease->cgroup);
        if (!group->who)
            usage_look_at (&meter->usage, group->tag, lease->gpus);
        o->n_groups++;
    }
    if (o->n_groups > 0 && observer_ask (&meter->observer, &err) == 0)
        return;
    usage_end (&meter->usage);
    call_readers (meter, o->n_groups == 0);
}

void
meter_read (struct meter *meter, struct meter_reader *reader)
{
    reader->waits = true;
    alarm_need (&meter->alarm, alarm_now () + patience_us);
    if (!meter->observer.asked)
        look (meter);
}

void
meter_add_reader (struct meter *meter, struct meter_reader *reader)
{
    reader->next = meter->readers;
    meter->readers = reader;
}

int
meter_start (struct meter *meter, bool simulated, struct error *err)
{
    meter->observer.done = on_observed;
    meter->observer.userdata = meter;
    return observer_start (&meter->observer, simulated, err);
}

int
meter_watch (struct meter *meter, sd_event *event, struct error *err)
{
    if (alarm_init (&meter->alarm, event, on_alarm, meter, err) < 0)
        return -1;
    return observer_watch (&meter->observer, event, err);
}

void
meter_finish (struct meter *meter)
{
    alarm_finish (&meter->alarm);
    (void) close (meter->observer.fd);
}

void
meter_begin (struct meter *meter, const struct lease *lease)
{
    usage_start (&meter->usage, index_of (meter, lease), lease->gpus, alarm_now () * 1000);
}

void
meter_forget (struct meter *meter, const struct lease *lease)
{
    unsigned i = index_of (meter, lease);

    meter->gone[i] = true;
    meter->looked[i] = false;
    usage_forget (&meter->usage, i);
}

bool
meter_looked_for (const struct meter *meter, const struct lease *lease)
{
    return !is_searched (lease) || meter->looked[index_of (meter, lease)];
}

json_t *
meter_holders (const struct meter *meter, const struct lease *lease)
{
    json_t *array = json_array ();

    for (unsigned i = 0; i < meter->n_holders && meter->looked[index_of (meter, lease)]; i++) {
        const struct meter_holder *holder = &meter->holders[i];

        if (holder->lease == index_of (meter, lease))
            (void) json_array_append_new (
                array, json_pack ("{s:i s:s}", "pid", holder->pid, "command", holder->comm));
    }
    return array;
}

/* --- figures --- */

/* Of the engines that are known, in seconds; null: none is.  */
static json_t *
seconds (const bool known[ENGINES], const uint64_t busy[ENGINES])
{
    json_t *engines = NULL;

    for (unsigned i = 0; i < ENGINES; i++) {
        if (!known[i])
            continue;
        if (!engines)
            engines = json_object ();
        (void) json_object_set_new (engines, engine_name (i), json_real ((double) busy[i] / 1e9));
    }
    return engines ? engines : json_null ();
}

void
meter_add_lease (const struct meter *meter, const struct lease *lease, json_t *object)
{
    struct figures f = figures_none ();
    struct usage_total had = {.known = {false}};

    for (unsigned gpu = 0; gpu < GPUS_MAX; gpu++) {
        const struct usage_sum *sum = &meter->usage.shares[gpu][index_of (meter, lease)].sum;

        if ((lease->gpus & (1U << gpu)) == 0)
            continue;
        figures_add (&f, &meter->usage, index_of (meter, lease), gpu);
        for (unsigned i = 0; i < ENGINES; i++) {
            had.known[i] |= sum->known[i];
            had.busy[i] += sum->busy[i];
        }
    }
    figures_put (&f, object);
    (void) json_object_set_new (object, "busy", seconds (had.known, had.busy));
}

void
meter_add_gpu (const struct meter *meter, unsigned gpu, json_t *object)
{
    struct figures f = figures_none ();
    const struct lease *lease;

    leases_foreach (meter->leases, lease) {
        if (lease->gpus & (1U << gpu))
            figures_add (&f, &meter->usage, index_of (meter, lease), gpu);
    }
    figures_put (&f, object);
    (void) json_object_set_new (object, "busy",
                                seconds (meter->usage.totals[gpu].known, meter->usage.totals[gpu].busy));
}
