#include "leasing.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <time.h>

#include "../oci/cleanup.h"
#include "admission.h"
#include "follow.h"
#include "herald.h"
#include "gauge.h"
#include "meter.h"
#include "process.h"
#include "record.h"
#include "recovery.h"
#include "revocation.h"
#include "throttle.h"
#include "turns.h"

static const void **
holder_of (struct leasing *l, const struct lease *lease)
{
    return &l->holders[lease - l->leases.table];
}

const void *
leasing_holder (const struct leasing *l, const struct lease *lease)
{
    return l->holders[lease - l->leases.table];
}

bool
leasing_client_holds (const struct leasing *l, const void *client)
{
    const struct lease *lease;

    leases_foreach (&l->leases, lease) {
        if (leasing_holder (l, lease) == client)
            return true;
    }
    return false;
}

void
leasing_let_go (struct leasing *l, const struct lease *lease)
{
    *holder_of (l, lease) = NULL;
}

static int
make_id (char id[33], struct error *err)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char random[16];

    if (getrandom (random, sizeof random, 0) != (ssize_t) sizeof random)
        return error_set (err, errno, "getrandom");
    for (unsigned i = 0; i < sizeof random; i++) {
        id[2 * (size_t) i] = digits[random[i] >> 4];
        id[2 * (size_t) i + 1] = digits[random[i] & 15];
    }
    id[32] = '\0';
    return 0;
}

int
leasing_note (struct leasing *l, struct writer record)
{
    struct error err = {0};
    int r = journal_append_text (&l->journal, record, &err);

    if (r < 0)
        (void) fprintf (stderr, "%s\n", err.message);
    if (journal_is_long (&l->journal) && recovery_rewrite_journal (l, &err) < 0)
        (void) fprintf (stderr, "%s\n", err.message);
    return r;
}

/* --- release --- */

static void
unwatch (struct lease *lease)
{
    lease->watch = sd_event_source_disable_unref (lease->watch);
    if (lease->pidfd >= 0)
        (void) close (lease->pidfd);
    lease->pidfd = -1;
}

static void
drop (struct leasing *l, struct lease *lease)
{
    unwatch (lease);
    meter_forget (l->meter, lease);
    revocation_forget (l->revocation, lease);
    throttle_dismiss (l->throttle, lease);
    leasing_let_go (l, lease);
    lease_drop (&l->leases, lease);
}

static bool
was_turned_away (const struct lease *lease)
{
    return lease->level != READY_AUTO && !lease->ready && lease->state != LEASE_REVOKED
           && lease->order.request.on_failure != FAILURE_START_WITHOUT;
}

void
leasing_release (struct leasing *l, struct lease *lease, const char *why)
{
    struct layout *layout = follow_layout (l, lease);
    struct writer record = record_release (lease);
    /* A user may have kept a node, and no device filter is in the way: his are closed, each by what it is. */
    const bool is_users = lease->order.owner != 0;
    char id[sizeof lease->id];

    memcpy (id, lease->id, sizeof id);
    herald_lease (l, EVENT_RELEASED, lease, why);
    /* The door asks for the reason only after the runtime has failed, and the container is gone by then.  */
    if (was_turned_away (lease)) {
        struct order order = lease->order;

        order.parameters = strdup (order.parameters);
        if (order.parameters && !turns_put_off (l, &order, lease->verdict, true))
            order_finish (&order);
        refusals_add (l, &lease->order, lease->id, lease->verdict);
    }
    drop (l, lease);
    /* After the drop: a journal that is rewritten now must not have the lease anew. Before the directory
     * goes: a broker killed meanwhile would take up a lease with half of its nodes again.  */
    (void) leasing_note (l, record);
    leasedir_remove (&l->dir, id, is_users ? NULL : layout);
    turns_run (l);
}

static int
on_exit_of (sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct leasing *l = userdata;
    struct lease *lease;

    (void) source;
    (void) revents;
    leases_foreach (&l->leases, lease) {
        if (lease->pidfd == fd) {
            leasing_release (l, lease, "its container has ended");
            break;
        }
    }
    return 0;
}

/* --- grant --- */

void
leasing_learn_home (struct leasing *l, const struct lease *lease)
{
    const bool one = lease->gpus && !(lease->gpus & (lease->gpus - 1));

    if (one && placement_is_a_choice (l->gpus))
        homes_learn (&l->homes, lease->order.owner, &lease->order.container,
                     (unsigned) __builtin_ctz (lease->gpus));
}

void
leasing_place (struct leasing *l, struct lease *lease, const struct decision *decision)
{
    lease->gpus = decision->gpus;
    (void) snprintf (lease->decision, sizeof lease->decision, "%s", decision->reason);
    (void) snprintf (lease->others, sizeof lease->others, "%s", decision->others);
    leasing_learn_home (l, lease);
}

/* Journal, directory, in this order. On failure nothing is left and the order is still the caller's.  */
static int
make_lease (struct leasing *l, struct lease *lease, const struct order *order,
            const struct decision *decision, struct layout *layout, struct error *err)
{
    if (layout_make (layout, l->gpus, decision->gpus, order, err) < 0 || make_id (lease->id, err) < 0)
        return -1;
    lease->order = *order;
    lease->state = LEASE_GRANTED;
    leasing_place (l, lease, decision);
    lease->since = (int64_t) time (NULL);
    lease->expires = alarm_now () + (uint64_t) l->config->activate_timeout_ms * 1000;
    if (journal_append_text (&l->journal, record_grant (lease, l->gpus), err) < 0)
        return -1;
    if (leasedir_make (&l->dir, lease->id, layout, err) < 0) {
        (void) leasing_note (l, record_release (lease));
        return -1;
    }
    return 0;
}

void
leasing_refuse (struct leasing *l, void *client, struct order *order, const char *reason)
{
    herald_order (l, EVENT_REFUSED, order, reason);
    l->answer (l->userdata, client, NULL, reason);
    refusals_add (l, order, "", reason);
}

/* What the door needs of the rule that counts.  */
static void
tell_policy (const struct request *req, struct grant *granted)
{
    static const enum request_key keys[] = {KEY_ACCESS, KEY_REQUIRE,    KEY_READY,
                                            KEY_WAIT,   KEY_ON_FAILURE, KEY_OWNER};

    for (size_t i = 0; i < countof (keys); i++) {
        struct grant_key *key = &granted->policy[granted->n_policy];

        if (req->source[keys[i]] != SOURCE_POLICY)
            continue;
        (void) snprintf (key->name, sizeof key->name, "%s", request_key_name (keys[i]));
        (void) snprintf (key->value, sizeof key->value, "%s", req->text[keys[i]]);
        granted->n_policy++;
    }
}

void
leasing_grant (struct leasing *l, void *client, struct order *order, bool detached,
               const struct decision *decision)
{
    static struct layout layout; /* large */
    const char *full = leases_full (&l->leases, order->owner);
    struct grant granted = {0};
    struct error err = {0};
    struct lease *lease;

    if (full) {
        leasing_refuse (l, client, order, full);
        return;
    }
    /* Room is made first: a broker that is killed in between wakes those who stand still for nobody.  */
    if (decision->park)
        throttle_make_room (l->throttle, order, decision->gpus);
    lease = lease_take (&l->leases);
    if (make_lease (l, lease, order, decision, &layout, &err) < 0) {
        lease->order.parameters = NULL;
        lease_drop (&l->leases, lease);
        alarm_need (&l->alarm, alarm_now ()); /* for those parked */
        leasing_refuse (l, client, order, err.message);
        return;
    }
    *holder_of (l, lease) = detached ? NULL : client;
    if (detached)
        alarm_need (&l->alarm, lease->expires);
    layout_to_grant (&layout, &granted);
    granted.bound = l->dir.bound;
    memcpy (granted.lease, lease->id, sizeof granted.lease);
    /* Only root can enter it; others are given a mount of it.  */
    if (lease->order.owner == 0)
        (void) snprintf (granted.directory, sizeof granted.directory, "%s/%s", l->dir.path, lease->id);
    gpus_names (l->gpus, lease->gpus, granted.gpus, sizeof granted.gpus);
    tell_policy (&lease->order.request, &granted);
    if (decision->gpus == 0)
        (void) snprintf (granted.reason, sizeof granted.reason, "%s", decision->reason);
    herald_lease (l, EVENT_GRANTED, lease, NULL);
    l->answer (l->userdata, client, &granted, NULL);
}

void
leasing_client_gone (struct leasing *l, const void *client)
{
    unsigned i = 0;
    bool waited;

    if (l->stopping)
        return;
    waited = turns_client_gone (l, client);
    while (i < l->leases.n) {
        struct lease *lease = &l->leases.table[l->leases.order[i]];

        if (*holder_of (l, lease) != client) {
            i++;
            continue;
        }
        /* The table changes; begin anew.  */
        leasing_release (l, lease, "its start has ended before a process took it up");
        i = 0;
    }
    if (waited)
        turns_run (l);
}

/* --- deadlines --- */

static bool
expire_lease (struct leasing *l, uint64_t now, uint64_t *next)
{
    struct lease *lease;

    leases_foreach (&l->leases, lease) {
        /* One that a client holds ends with that client.  */
        if (lease->state != LEASE_GRANTED || *holder_of (l, lease))
            continue;
        if (lease->expires <= now) {
            (void) fprintf (stderr, "container %s: its grant was never taken up; released\n",
                            container_label (&lease->order.container));
            leasing_release (l, lease, "it was never taken up");
            return true;
        }
        if (*next == 0 || lease->expires < *next)
            *next = lease->expires;
    }
    return false;
}

static uint64_t
on_alarm (void *userdata, uint64_t now)
{
    struct leasing *l = userdata;
    uint64_t next = 0, turn;

    turns_expire (l, now);
    while (expire_lease (l, now, &next))
        next = 0;
    turns_run (l);
    turn = turns_next (l, now);
    return next == 0 || (turn != 0 && turn < next) ? turn : next;
}

/* --- the process of a lease --- */

int
leasing_watch (struct leasing *l, struct lease *lease, pid_t pid, uint64_t start, struct error *err)
{
    _cleanup_close_ int fd = process_hold (pid, &start);
    sd_event_source *watch = NULL;
    int r;

    if (fd < 0)
        return error_set (err, 0, "process %d is gone", (int) pid);
    r = sd_event_add_io (l->event, &watch, fd, EPOLLIN, on_exit_of, l);
    if (r < 0)
        return error_set (err, -r, "watch process %d", (int) pid);
    unwatch (lease);
    lease->watch = watch;
    lease->pidfd = steal_fd (&fd);
    lease->pid = pid;
    lease->start = start;
    return 0;
}

static void
follow_all (struct leasing *l)
{
    struct lease *lease;

    leases_foreach (&l->leases, lease) {
        follow_gpus (l, lease);
    }
    gauge_follow (l->gauge);
    turns_try_again (l);
}

void
leasing_gpus_changed (struct leasing *l)
{
    revocation_check_returned (l->revocation);
    follow_all (l);
}

void
leasing_policy_changed (struct leasing *l)
{
    admission_judge_again (l);
    revocation_check_policy (l->revocation);
    follow_all (l);
}

int
leasing_start (struct leasing *l, sd_event *event, const char *lease_root, const char *journal,
               struct error *err)
{
    l->event = event;
    l->journal.fd = -1;
    leases_init (&l->leases);
    if (alarm_init (&l->alarm, event, on_alarm, l, err) < 0 || leasedir_open (&l->dir, lease_root, err) < 0)
        return -1;
    return recovery_run (l, journal, err);
}

void
leasing_finish (struct leasing *l)
{
    while (l->leases.n > 0)
        drop (l, &l->leases.table[l->leases.order[0]]);
    queue_finish (&l->queue);
    events_finish (&l->events);
    for (unsigned i = 0; i < REFUSALS_MAX; i++)
        order_finish (&l->refusals[i].order);
    journal_close (&l->journal);
    (void) close (l->dir.root);
    alarm_finish (&l->alarm);
}
