#include "meter.h"

#include <stdio.h>
#include <string.h>

#include "../oci/cleanup.h"

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
look (struct meter *meter)
{
    struct observation *o = meter->observer.shared;
    const struct lease *lease;
    struct error err;

    memset (meter->gone, 0, sizeof meter->gone);
    usage_begin (&meter->usage, alarm_now () * 1000);
    o->n_groups = 0;
    leases_foreach (meter->leases, lease) {
        struct observed_group *group = &o->groups[o->n_groups];

        if (!is_read (lease))
            continue;
        group->tag = index_of (meter, lease);
        (void) snprintf (group->cgroup, sizeof group->cgroup, "%s", lease->cgroup);
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
    usage_forget (&meter->usage, i);
}

/* --- figures --- */

struct figures {
    double rates[ENGINES]; /* below 0: not known */
    double over;           /* s */
    bool has_memory;
    uint64_t memory, resident;
};

static struct figures
no_figures (void)
{
    struct figures f = {.over = 0};

    for (unsigned i = 0; i < ENGINES; i++)
        f.rates[i] = -1;
    return f;
}

static void
add_up (const struct meter *meter, unsigned lease, unsigned gpu, struct figures *f)
{
    const struct usage_sum *sum = &meter->usage.shares[gpu][lease].sum;
    double over = (double) usage_span (&meter->usage, lease, gpu) / 1e9;

    for (unsigned i = 0; i < ENGINES; i++) {
        double rate = usage_rate (&meter->usage, lease, gpu, i);

        if (rate >= 0)
            f->rates[i] = f->rates[i] < 0 ? rate : f->rates[i] + rate;
    }
    f->over = over > f->over ? over : f->over;
    f->has_memory |= sum->has_memory;
    f->memory += sum->memory;
    f->resident += sum->resident;
}

static void
put (const struct figures *f, json_t *object)
{
    json_t *engines = NULL;

    for (unsigned i = 0; i < ENGINES; i++) {
        if (f->rates[i] < 0)
            continue;
        if (!engines)
            engines = json_object ();
        (void) json_object_set_new (engines, engine_name (i), json_real (f->rates[i] > 1 ? 1 : f->rates[i]));
    }
    (void) json_object_set_new (object, "over", engines ? json_real (f->over) : json_null ());
    (void) json_object_set_new (object, "engines", engines ? engines : json_null ());
    (void) json_object_set_new (object, "memory",
                                f->has_memory ? json_pack ("{s:I s:I}", "total", (json_int_t) f->memory,
                                                           "resident", (json_int_t) f->resident)
                                              : json_null ());
}

void
meter_add_lease (const struct meter *meter, const struct lease *lease, json_t *object)
{
    struct figures f = no_figures ();

    for (unsigned gpu = 0; gpu < GPUS_MAX; gpu++)
        if (lease->gpus & (1U << gpu))
            add_up (meter, index_of (meter, lease), gpu, &f);
    put (&f, object);
}

void
meter_add_gpu (const struct meter *meter, unsigned gpu, json_t *object)
{
    struct figures f = no_figures ();
    const struct lease *lease;

    leases_foreach (meter->leases, lease) {
        if (lease->gpus & (1U << gpu))
            add_up (meter, index_of (meter, lease), gpu, &f);
    }
    put (&f, object);
}
