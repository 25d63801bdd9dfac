#include "recovery.h"

#include <stdio.h>
#include <string.h>

#include "follow.h"
#include "freezer.h"
#include "process.h"
#include "record.h"
#include "throttle.h"
#include "turns.h"

/* A GPU that was leased and is not here now keeps its place for its return.  */
static uint32_t
find_gpus (struct gpus *gpus, const json_t *buses)
{
    uint32_t set = 0;
    size_t i;
    json_t *bus;

    json_array_foreach ((json_t *) buses, i, bus) {
        int index = json_is_string (bus) ? gpus_expect (gpus, json_string_value (bus)) : -1;

        if (index >= 0)
            set |= 1U << index;
    }
    return set;
}

static int
replay_order (struct order *order, const json_t *record)
{
    const json_t *parameters = json_object_get (record, "order");
    struct error err;

    if (order_parse (order, parameters, &err) < 0)
        return -1;
    order->owner = (uid_t) json_integer_value (json_object_get (record, "owner"));
    policy_read (order, json_object_get (record, "policy"));
    order->parameters = json_dumps (parameters, JSON_COMPACT);
    return order->parameters ? 0 : -1;
}

static void
replay_move (struct leasing *l, struct lease *lease, const json_t *record)
{
    lease->gpus = find_gpus (l->gpus, json_object_get (record, "gpus"));
    journal_text (lease->decision, sizeof lease->decision, record, "decision");
    journal_text (lease->others, sizeof lease->others, record, "others");
    leasing_learn_home (l, lease);
}

static void
replay_grant (struct leasing *l, const char *id, const json_t *record)
{
    struct lease *lease;
    struct order order;

    if (lease_find (&l->leases, id) || replay_order (&order, record) < 0)
        return;
    lease = lease_take (&l->leases);
    if (!lease) {
        order_finish (&order);
        return;
    }
    lease->state = LEASE_GRANTED;
    lease->order = order;
    lease->since = json_integer_value (json_object_get (record, "since"));
    (void) snprintf (lease->id, sizeof lease->id, "%s", id);
    replay_move (l, lease, record);
}

static void
replay_activate (struct lease *lease, const json_t *record)
{
    lease->pid = (pid_t) json_integer_value (json_object_get (record, "pid"));
    lease->start = (uint64_t) json_integer_value (json_object_get (record, "start"));
    journal_text (lease->cgroup, sizeof lease->cgroup, record, "cgroup");
    lease->shared = json_is_true (json_object_get (record, "shared"));
    journal_text (lease->freezer, sizeof lease->freezer, record, "freezer");
}

static void
replay_freeze (struct lease *lease, const json_t *record)
{
    lease->governed = json_is_true (json_object_get (record, "governed"));
    lease->parked = json_is_true (json_object_get (record, "parked"));
}

static void
replay_report (struct lease *lease, const json_t *record)
{
    json_int_t level = json_integer_value (json_object_get (record, "level"));

    lease->level = level > READY_AUTO && level <= READY_VAAPI ? (enum request_ready) level : READY_AUTO;
    lease->ready = json_is_true (json_object_get (record, "ok"));
    journal_text (lease->verdict, sizeof lease->verdict, record, "reason");
    if (!lease->ready && lease->order.request.on_failure == FAILURE_START_WITHOUT)
        lease->gpus = 0;
}

/* Its filter is set anew: who knows how far the broker before us came.  */
static void
take_away (struct leasing *l, struct lease *lease)
{
    lease->state = LEASE_REVOKED;
    lease->gpus = 0;
    lease->parked = false;
    lease->moved = true;
    l->some_revoked = true;
}

static void
replay_forget (struct leasing *l, const char *id)
{
    struct waiter *waiter = queue_find_put_off (&l->queue, id);
    struct waiter taken;

    if (!waiter)
        return;
    taken = queue_take (&l->queue, waiter);
    order_finish (&taken.order);
}

static void
replay_put_off (struct leasing *l, const json_t *record)
{
    struct waiter waiter = {.kind = WAITER_PUT_OFF, .kept = true};

    if (replay_order (&waiter.order, record) < 0)
        return;
    replay_forget (l, waiter.order.container.id);
    waiter.since = waiter.order.arrived = json_integer_value (json_object_get (record, "since"));
    waiter.turn = turns_of (l, &waiter.order);
    journal_text (waiter.reason, sizeof waiter.reason, record, "reason");
    if (!queue_add (&l->queue, &waiter))
        order_finish (&waiter.order);
}

static void
replay_of_container (struct leasing *l, const char *op, const char *id, const json_t *record)
{
    if (strcmp (op, "put-off") == 0)
        replay_put_off (l, record);
    else if (strcmp (op, "forget") == 0)
        replay_forget (l, id);
}

static void
replay_home (struct leasing *l, const json_t *record)
{
    const char *key = json_string_value (json_object_get (record, "key"));
    const char *bus = json_string_value (json_object_get (record, "gpu"));
    uid_t owner = (uid_t) json_integer_value (json_object_get (record, "owner"));

    for (unsigned i = 0; i < GPUS_MAX && key && bus; i++)
        if (l->gpus->table[i].state != GPU_ABSENT && strcmp (l->gpus->table[i].bus, bus) == 0)
            homes_restore (&l->homes, owner, key, i);
}

static void
replay (void *userdata, json_t *record)
{
    struct leasing *l = userdata;
    const char *op = json_string_value (json_object_get (record, "op"));
    const char *id = json_string_value (json_object_get (record, "lease"));
    const char *container = json_string_value (json_object_get (record, "container"));
    struct lease *lease;

    if (op && strcmp (op, "home") == 0)
        replay_home (l, record);
    if (op && container)
        replay_of_container (l, op, container, record);
    if (!op || !id || !lease_id_valid (id))
        return;
    if (strcmp (op, "grant") == 0) {
        replay_grant (l, id, record);
        return;
    }
    lease = lease_find (&l->leases, id);
    if (!lease)
        return;
    if (strcmp (op, "activate") == 0) {
        replay_activate (lease, record);
    } else if (strcmp (op, "freeze") == 0) {
        replay_freeze (lease, record);
    } else if (strcmp (op, "move") == 0) {
        replay_move (l, lease, record);
    } else if (strcmp (op, "report") == 0) {
        replay_report (lease, record);
    } else if (strcmp (op, "revoke") == 0) {
        journal_text (lease->decision, sizeof lease->decision, record, "reason");
        take_away (l, lease);
    } else if (strcmp (op, "release") == 0) {
        lease_drop (&l->leases, lease);
    }
}

/* Nothing of another boot lives. The lease directory is part of a lease: it is made right after the record.
 */
static bool
is_alive (struct leasing *l, struct lease *lease, struct error *err)
{
    static const struct layout nothing;
    const bool vanished = !leasedir_exists (&l->dir, lease->id);

    if (vanished && lease->pid == 0)
        return false;
    if (lease->pid == 0) {
        lease->moved = true; /* for all that we know */
        lease->expires = alarm_now () + (uint64_t) l->config->activate_timeout_ms * 1000;
        alarm_need (&l->alarm, lease->expires);
        return true;
    }
    if (leasing_watch (l, lease, lease->pid, lease->start, err) < 0)
        return false;
    if (vanished && lease->state != LEASE_REVOKED) {
        (void) snprintf (lease->decision, sizeof lease->decision,
                         "its directory has vanished (was the lease root unmounted?): start it anew");
        take_away (l, lease);
    }
    /* Without it, too, the device filter has to be shut.  */
    if (vanished && leasedir_make (&l->dir, lease->id, &nothing, err) < 0)
        (void) fprintf (stderr, "container %s: %s\n", container_label (&lease->order.container),
                        err->message);
    if (lease->state == LEASE_REVOKED)
        follow_own_group (lease);
    else
        lease->state = lease->gpus ? LEASE_ACTIVE : LEASE_WITHOUT;
    l->some_without |= lease->state == LEASE_WITHOUT;
    throttle_recover (l->throttle, lease);
    return true;
}

static void
drop_dead (struct leasing *l)
{
    unsigned i = 0;

    while (i < l->leases.n) {
        struct lease *lease = &l->leases.table[l->leases.order[i]];
        struct error err;

        if (is_alive (l, lease, &err)) {
            i++;
            continue;
        }
        if (lease->governed)
            (void) freezer_set (lease->freezer, false, &err);
        lease_drop (&l->leases, lease);
    }
}

static bool
is_known (void *userdata, const char *id)
{
    struct leasing *l = userdata;

    return lease_find (&l->leases, id) != NULL;
}

static int
write_everything (void *userdata, struct journal *journal, struct error *err)
{
    struct leasing *l = userdata;
    const struct waiter *waiter;
    const struct lease *lease;
    const struct home *home;
    char boot[BOOT_ID_MAX];

    process_boot_id (boot);
    if (journal_append (journal, json_pack ("{s:s s:s}", "op", "boot", "boot", boot), err) < 0)
        return -1;
    for (home = homes_next (&l->homes, NULL); home; home = homes_next (&l->homes, home))
        if (journal_append (journal, record_home (home, l->gpus), err) < 0)
            return -1;
    leases_foreach (&l->leases, lease) {
        if (journal_append_text (journal, record_grant (lease, l->gpus), err) < 0
            || (lease->pid && journal_append_text (journal, record_activate (lease), err) < 0)
            || ((lease->governed || lease->parked)
                && journal_append_text (journal, record_freeze (lease), err) < 0)
            || (lease->level != READY_AUTO && journal_append_text (journal, record_report (lease), err) < 0)
            || (lease->state == LEASE_REVOKED
                && journal_append_text (journal, record_revoke (lease), err) < 0))
            return -1;
    }
    for (waiter = queue_next (&l->queue, NULL); waiter; waiter = queue_next (&l->queue, waiter))
        if (waiter->kept && journal_append_text (journal, record_put_off (waiter), err) < 0)
            return -1;
    return 0;
}

int
recovery_rewrite_journal (struct leasing *l, struct error *err)
{
    char path[sizeof l->journal.path];

    (void) snprintf (path, sizeof path, "%s", l->journal.path);
    return journal_start (&l->journal, path, write_everything, l, err);
}

struct boot {
    char now[BOOT_ID_MAX];
    bool other;
};

static void
check_boot (void *userdata, json_t *record)
{
    struct boot *boot = userdata;
    const char *op = json_string_value (json_object_get (record, "op"));
    const char *id = json_string_value (json_object_get (record, "boot"));

    if (op && id && strcmp (op, "boot") == 0)
        boot->other = strcmp (id, boot->now) != 0;
}

int
recovery_run (struct leasing *l, const char *journal, struct error *err)
{
    struct boot boot = {.other = false};
    unsigned skipped;

    process_boot_id (boot.now);
    if (journal_read (journal, check_boot, &boot, &skipped, err) < 0
        || (!boot.other && journal_read (journal, replay, l, &skipped, err) < 0))
        return -1;
    if (skipped > 0)
        (void) fprintf (stderr,
                        "journal %s: %u damaged records passed over: a running container that drictl "
                        "status does not show has to be started anew\n",
                        journal, skipped);
    drop_dead (l);
    leasedir_sweep (&l->dir, is_known, l);
    if (journal_start (&l->journal, journal, write_everything, l, err) < 0)
        return -1;
    leasing_policy_changed (l);
    return 0;
}
