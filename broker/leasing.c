#include "leasing.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <time.h>

#include "../oci/cleanup.h"
#include "docker.h"
#include "layout.h"
#include "process.h"
#include "recovery.h"
#include "scope.h"

/* How long after a failure that no change of the GPUs may mend a container is tried again.  */
static const uint64_t retry_us = 60 * UINT64_C (1000000);

static void run_queue (struct leasing *l);
static bool put_off (struct leasing *l, struct order *order, const char *reason, uint64_t not_before);

static const void **
holder_of (struct leasing *l, const struct lease *lease)
{
    return &l->holders[lease - l->leases.table];
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

static void
note_journal (struct leasing *l, struct writer record)
{
    struct error err = {0};

    /* What is lost here a restart finds out by itself: the process is gone, or the directory is.  */
    if (journal_append_text (&l->journal, record, &err) < 0)
        (void) fprintf (stderr, "%s\n", err.message);
    if (journal_is_long (&l->journal) && recovery_rewrite_journal (l, &err) < 0)
        (void) fprintf (stderr, "%s\n", err.message);
}

/* What a lease's directory should hold, in storage that the next call uses again (it is large). NULL where
 * that cannot be told.  */
static struct layout *
layout_of (struct leasing *l, const struct lease *lease)
{
    static struct layout layout;
    struct error ignored;

    return layout_make (&layout, l->gpus, lease->gpus, &lease->order, &ignored) < 0 ? NULL : &layout;
}

/* --- refusals --- */

/* Takes the order over.  */
static void
remember_refusal (struct leasing *l, struct order *order, const char *lease, const char *reason)
{
    struct refusal *refusal = &l->refusals[l->next_refusal];

    l->next_refusal = (l->next_refusal + 1) % REFUSALS_MAX;
    order_finish (&refusal->order);
    refusal->order = *order;
    order->parameters = NULL;
    refusal->at = (int64_t) time (NULL);
    (void) snprintf (refusal->lease, sizeof refusal->lease, "%s", lease);
    (void) snprintf (refusal->reason, sizeof refusal->reason, "%s", reason);
    text_clean (refusal->reason); /* it may be cut in the middle of a character */
}

const struct refusal *
leasing_find_turned_away (const struct leasing *l, const char *lease)
{
    for (unsigned i = 0; i < REFUSALS_MAX; i++)
        if (l->refusals[i].lease[0] && strcmp (l->refusals[i].lease, lease) == 0)
            return &l->refusals[i];
    return NULL;
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
    *holder_of (l, lease) = NULL;
    lease_drop (&l->leases, lease);
}

static bool
was_turned_away (const struct lease *lease)
{
    return lease->level != READY_AUTO && !lease->ready
           && lease->order.request.on_failure != FAILURE_START_WITHOUT;
}

void
leasing_release (struct leasing *l, struct lease *lease)
{
    struct layout *layout = layout_of (l, lease);
    struct writer record = recovery_release_record (lease);
    char id[sizeof lease->id];

    memcpy (id, lease->id, sizeof id);
    /* The door asks for the reason only after the runtime has failed, and the container is gone by then.  */
    if (was_turned_away (lease)) {
        struct order order = lease->order;

        order.parameters = strdup (order.parameters);
        if (order.parameters && !put_off (l, &order, lease->verdict, alarm_now () + retry_us))
            order_finish (&order);
        remember_refusal (l, &lease->order, lease->id, lease->verdict);
    }
    drop (l, lease);
    /* After the drop: a journal that is rewritten now must not have the lease anew. Before the directory
     * goes: a broker killed meanwhile would take up a lease with half of its nodes again.  */
    note_journal (l, record);
    leasedir_remove (&l->dir, id, layout);
    run_queue (l);
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
            leasing_release (l, lease);
            break;
        }
    }
    return 0;
}

/* --- grant --- */

/* Journal, directory, in this order. On failure nothing is left and the order is still the caller's.  */
static int
make_lease (struct leasing *l, struct lease *lease, const struct order *order,
            const struct decision *decision, struct layout *layout, struct error *err)
{
    if (layout_make (layout, l->gpus, decision->gpus, order, err) < 0 || make_id (lease->id, err) < 0)
        return -1;
    lease->order = *order;
    lease->state = LEASE_GRANTED;
    lease->gpus = decision->gpus;
    lease->since = (int64_t) time (NULL);
    lease->expires = alarm_now () + (uint64_t) l->config->activate_timeout_ms * 1000;
    (void) snprintf (lease->decision, sizeof lease->decision, "%s", decision->reason);
    if (journal_append_text (&l->journal, recovery_grant_record (lease, l->gpus), err) < 0)
        return -1;
    if (leasedir_make (&l->dir, lease->id, layout, err) < 0) {
        note_journal (l, recovery_release_record (lease));
        return -1;
    }
    return 0;
}

void
leasing_refuse (struct leasing *l, void *client, struct order *order, const char *reason)
{
    l->answer (l->userdata, client, NULL, reason);
    remember_refusal (l, order, "", reason);
}

/* decision->gpus empty: a lease without a GPU, for a container that may start so.  */
static void
grant (struct leasing *l, void *client, struct order *order, bool detached, const struct decision *decision)
{
    static struct layout layout; /* large */
    struct lease *lease = lease_take (&l->leases);
    struct grant granted = {0};
    struct error err = {0};

    if (!lease) {
        leasing_refuse (l, client, order, "all 256 leases are in use (drictl status)");
        return;
    }
    if (make_lease (l, lease, order, decision, &layout, &err) < 0) {
        lease->order.parameters = NULL;
        lease_drop (&l->leases, lease);
        leasing_refuse (l, client, order, err.message);
        return;
    }
    *holder_of (l, lease) = detached ? NULL : client;
    if (detached)
        alarm_need (&l->alarm, lease->expires);
    layout_to_grant (&layout, &granted);
    memcpy (granted.lease, lease->id, sizeof granted.lease);
    (void) snprintf (granted.directory, sizeof granted.directory, "%s/%s", l->dir.path, lease->id);
    gpus_names (l->gpus, lease->gpus, granted.gpus, sizeof granted.gpus);
    if (decision->gpus == 0)
        (void) snprintf (granted.reason, sizeof granted.reason, "%s", decision->reason);
    l->answer (l->userdata, client, &granted, NULL);
}

/* --- the directory and the device filter follow the GPUs --- */

static bool
is_whole (const struct leasing *l, const struct lease *lease)
{
    for (unsigned i = 0; i < GPUS_MAX; i++)
        if ((lease->gpus & (1U << i)) && l->gpus->table[i].state != GPU_PRESENT)
            return false;
    return true;
}

/* layout NULL: no device at all.  */
static void
set_filter (struct leasing *l, struct lease *lease, const struct layout *layout)
{
    struct device_number devices[GRANT_NODES_MAX];
    unsigned n = layout ? layout->n_nodes : 0;
    struct error err;

    for (unsigned i = 0; i < n; i++)
        devices[i] = (struct device_number){layout->nodes[i].node.major, layout->nodes[i].node.minor};
    lease->shut = warden_set_drm (l->warden, lease->cgroup, devices, n, &err) < 0;
    if (lease->shut)
        (void) fprintf (
            stderr,
            "container %s: its device filter does not follow its GPU, it has to be started anew: %s\n",
            container_label (&lease->order.container), err.message);
    else
        scope_allow (l->event, lease->cgroup, lease->order.container.id, devices, n);
}

void
leasing_revoke (struct leasing *l, struct lease *lease)
{
    set_filter (l, lease, NULL);
}

/* What the directory shows is made what it should show: the number of a GPU that is gone may be another's by
 * now, its nodes go at once and come back with it, under whatever number. The filter comes first: a directory
 * that is right tells a broker that was killed in between that the filter is.  */
static void
follow_gpus (struct leasing *l, struct lease *lease)
{
    const struct layout *layout = layout_of (l, lease);
    struct error err;

    lease->lost = !is_whole (l, lease);
    if (!lease->moved && layout && leasedir_shows (&l->dir, lease->id, layout))
        return;
    /* Without a process there is no group yet.  */
    lease->moved = lease->pid == 0;
    if (!lease->moved)
        set_filter (l, lease, layout);
    leasedir_empty (&l->dir, lease->id);
    /* Empty, it makes the next broker try again.  */
    if (lease->shut)
        return;
    if (layout && leasedir_fill (&l->dir, lease->id, layout, &err) < 0)
        (void) fprintf (stderr, "container %s: %s\n", container_label (&lease->order.container), err.message);
}

/* --- the queue --- */

static bool
may_be_put_off (const struct order *order)
{
    return order->request.on_failure == FAILURE_DEFER && strcmp (order->container.engine, "docker") == 0;
}

/* Takes the order over, unless it is of a container that cannot be put off, or there are too many.  */
static bool
put_off (struct leasing *l, struct order *order, const char *reason, uint64_t not_before)
{
    struct waiter waiter = {
        .kind = WAITER_PUT_OFF, .order = *order, .since = (int64_t) time (NULL), .deadline = not_before};
    const struct waiter *added;

    (void) snprintf (waiter.reason, sizeof waiter.reason, "%s", reason);
    added = may_be_put_off (order) ? queue_add (&l->queue, &waiter) : NULL;
    if (!added)
        return false;
    order->parameters = NULL;
    if (not_before)
        alarm_need (&l->alarm, not_before);
    note_journal (l, recovery_put_off_record (added));
    return true;
}

void
leasing_forget (struct leasing *l, struct waiter *waiter)
{
    struct waiter taken = queue_take (&l->queue, waiter);

    note_journal (l, recovery_forget_record (&taken));
    order_finish (&taken.order);
}

static struct waiter *
add_client (struct leasing *l, void *client, struct order *order, bool detached,
            const struct decision *decision)
{
    struct waiter waiter = {
        .kind = WAITER_CLIENT,
        .client = client,
        .detached = detached,
        .order = *order,
        .since = (int64_t) time (NULL),
        .deadline = alarm_now () + (uint64_t) order->request.wait_ms * 1000,
        .candidates = decision->candidates,
    };
    struct waiter *added;

    (void) snprintf (waiter.reason, sizeof waiter.reason, "%s", decision->reason);
    added = queue_add (&l->queue, &waiter);
    if (added)
        alarm_need (&l->alarm, added->deadline);
    return added;
}

static void
on_started (void *userdata, const char *id, enum docker_answer outcome, const char *reason)
{
    struct leasing *l = userdata;
    struct waiter *w = queue_find_put_off (&l->queue, id);

    /* Its own Acquire has come, and has put it off again or not.  */
    if (!w || w->kind != WAITER_STARTING)
        return;
    if (outcome == DOCKER_AWAY) {
        queue_set_kind (&l->queue, w, WAITER_PUT_OFF);
        w->deadline = alarm_now () + retry_us;
        alarm_need (&l->alarm, w->deadline);
        return;
    }
    if (outcome == DOCKER_FAILED)
        (void) fprintf (stderr, "container %s: Docker cannot start it, and it is not tried again: %s\n",
                        container_label (&w->order.container), reason);
    leasing_forget (l, w);
    run_queue (l);
}

static void
start_again (struct leasing *l, struct waiter *w)
{
    struct error err;

    (void) fprintf (stderr, "container %s: there is a GPU for it now; asking Docker to start it\n",
                    container_label (&w->order.container));
    queue_set_kind (&l->queue, w, WAITER_STARTING);
    if (docker_start (l->event, l->config->docker_socket, w->order.container.id, on_started, l, &err) < 0)
        on_started (l, w->order.container.id, DOCKER_AWAY, err.message);
}

/* The answer to a client whose turn it is.  */
static void
serve_client (struct leasing *l, struct waiter *w, const struct decision *decision)
{
    struct waiter taken = queue_take (&l->queue, w);

    if (decision->verdict == VERDICT_GRANT)
        grant (l, taken.client, &taken.order, taken.detached, decision);
    else
        leasing_refuse (l, taken.client, &taken.order, decision->reason);
}

/* Returns the GPUs that those behind it do not get. One that was put off keeps nobody waiting: it may wait
 * for days.
 */
static uint32_t
take_turn (struct leasing *l, struct waiter *w, uint32_t reserved)
{
    bool resting = w->kind == WAITER_PUT_OFF && w->deadline > alarm_now ();
    struct decision decision;

    arbiter_decide (l->gpus, &l->leases, &w->order.request, reserved, &decision);
    if (w->kind == WAITER_CLIENT && decision.verdict != VERDICT_WAIT) {
        serve_client (l, w, &decision);
        return 0;
    }
    if (decision.verdict == VERDICT_GRANT && !resting) {
        if (w->kind == WAITER_PUT_OFF)
            start_again (l, w);
        return decision.gpus;
    }
    w->candidates = decision.candidates;
    if (!resting)
        (void) snprintf (w->reason, sizeof w->reason, "%s", decision.reason);
    return w->kind == WAITER_CLIENT ? decision.candidates : 0;
}

/* A running container that had to start without gets what is left: its nodes appear where it looks for them.
 * Not one whose driver failed the check.  */
static void
serve_without (struct leasing *l, uint32_t reserved)
{
    struct lease *lease;

    l->some_without = false;
    leases_foreach (&l->leases, lease) {
        struct decision decision;

        if (lease->state != LEASE_WITHOUT || lease->level != READY_AUTO)
            continue;
        l->some_without = true;
        arbiter_decide (l->gpus, &l->leases, &lease->order.request, reserved, &decision);
        if (decision.verdict != VERDICT_GRANT)
            continue;
        lease->gpus = decision.gpus;
        lease->state = LEASE_ACTIVE;
        (void) snprintf (lease->decision, sizeof lease->decision, "%s", decision.reason);
        note_journal (l, recovery_move_record (lease, l->gpus));
        follow_gpus (l, lease);
    }
}

/* Everybody in turn; whom an earlier one still waits for is reserved.  */
static void
run_queue (struct leasing *l)
{
    uint32_t reserved = 0;

    for (struct waiter *w = queue_next (&l->queue, NULL); w;) {
        struct waiter at = *w;

        reserved |= take_turn (l, w, reserved);
        w = queue_next (&l->queue, &at);
    }
    if (l->some_without)
        serve_without (l, reserved);
}

/* For whom waiting has no end that would help: without a GPU if it may be, later if it may be, else not at
 * all.  */
static void
give_up (struct leasing *l, void *client, struct order *order, bool detached, struct decision *decision)
{
    char reason[sizeof decision->reason + 80];

    if (order->request.on_failure == FAILURE_START_WITHOUT) {
        decision->gpus = 0;
        grant (l, client, order, detached, decision);
    } else if (decision->verdict == VERDICT_WAIT && put_off (l, order, decision->reason, 0)) {
        (void) snprintf (reason, sizeof reason, "%s; dri-broker will have it started when that changes",
                         decision->reason);
        l->answer (l->userdata, client, NULL, reason);
    } else {
        leasing_refuse (l, client, order, decision->reason);
    }
}

void
leasing_acquire (struct leasing *l, void *client, struct order *order, bool detached)
{
    struct waiter *before = queue_find_put_off (&l->queue, order->container.id);
    struct decision decision;

    if (before)
        leasing_forget (l, before);
    if (order->request.wait_ms > l->config->max_wait_ms)
        order->request.wait_ms = l->config->max_wait_ms;
    arbiter_decide (l->gpus, &l->leases, &order->request, queue_reserved_before (&l->queue, &order->request),
                    &decision);
    if (decision.verdict == VERDICT_GRANT)
        grant (l, client, order, detached, &decision);
    else if (decision.verdict == VERDICT_REFUSE || order->request.wait_ms == 0)
        give_up (l, client, order, detached, &decision);
    else if (!add_client (l, client, order, detached, &decision))
        leasing_refuse (l, client, order, "too many containers wait for a GPU already (drictl status)");
}

bool
leasing_client_waits (const struct leasing *l, const void *client)
{
    for (unsigned i = 0; i < QUEUE_MAX && l->queue.n[WAITER_CLIENT] > 0; i++)
        if (l->queue.waiters[i].kind == WAITER_CLIENT && l->queue.waiters[i].client == client)
            return true;
    return false;
}

bool
leasing_client_holds (const struct leasing *l, const void *client)
{
    const struct lease *lease;

    leases_foreach (&l->leases, lease) {
        if (l->holders[lease - l->leases.table] == client)
            return true;
    }
    return false;
}

const void *
leasing_holder (const struct leasing *l, const struct lease *lease)
{
    return l->holders[lease - l->leases.table];
}

void
leasing_client_gone (struct leasing *l, const void *client)
{
    bool queue_changed = false;
    unsigned i = 0;

    for (unsigned j = 0; j < QUEUE_MAX; j++)
        if (l->queue.waiters[j].kind == WAITER_CLIENT && l->queue.waiters[j].client == client) {
            struct waiter gone = queue_take (&l->queue, &l->queue.waiters[j]);

            order_finish (&gone.order);
            queue_changed = true;
        }
    while (i < l->leases.n) {
        struct lease *lease = &l->leases.table[l->leases.order[i]];

        if (*holder_of (l, lease) != client) {
            i++;
            continue;
        }
        /* The table changes; begin anew.  */
        leasing_release (l, lease);
        i = 0;
    }
    if (queue_changed)
        run_queue (l);
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
            leasing_release (l, lease);
            return true;
        }
        if (*next == 0 || lease->expires < *next)
            *next = lease->expires;
    }
    return false;
}

static void
expire_client (struct leasing *l, struct waiter *w)
{
    struct waiter late = queue_take (&l->queue, w);
    struct decision decision = {.verdict = VERDICT_WAIT};

    (void) snprintf (decision.reason, sizeof decision.reason, "%.200s (waited %u s)", late.reason,
                     late.order.request.wait_ms / 1000);
    give_up (l, late.client, &late.order, late.detached, &decision);
}

static uint64_t
on_alarm (void *userdata, uint64_t now)
{
    struct leasing *l = userdata;
    uint64_t next = 0;

    for (unsigned i = 0; i < QUEUE_MAX; i++)
        if (l->queue.waiters[i].kind == WAITER_CLIENT && l->queue.waiters[i].deadline <= now)
            expire_client (l, &l->queue.waiters[i]);
    while (expire_lease (l, now, &next))
        next = 0;
    run_queue (l);
    for (unsigned i = 0; i < QUEUE_MAX; i++) {
        const struct waiter *w = &l->queue.waiters[i];

        if (w->kind != WAITER_NONE && w->deadline > now && (next == 0 || w->deadline < next))
            next = w->deadline;
    }
    return next;
}

/* --- a container takes its grant up --- */

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

int
leasing_activate (struct leasing *l, struct lease *lease, pid_t pid, struct error *err)
{
    if (leasing_watch (l, lease, pid, 0, err) < 0)
        return -1;
    lease->state = lease->gpus ? LEASE_ACTIVE : LEASE_WITHOUT;
    l->some_without |= lease->gpus == 0;
    *holder_of (l, lease) = NULL;
    if (device_cgroup_of (pid, lease->cgroup, sizeof lease->cgroup, err) < 0) {
        (void) fprintf (stderr, "container %s: %s\n", container_label (&lease->order.container),
                        err->message);
        /* One that cannot be opened: a filter that has to change later is then known not to.  */
        (void) snprintf (lease->cgroup, sizeof lease->cgroup, "..");
    }
    /* What config.json allows is of the time of the grant.  */
    if (lease->moved)
        follow_gpus (l, lease);
    return journal_append_text (&l->journal, recovery_activate_record (lease), err);
}

void
leasing_report (struct leasing *l, struct lease *lease, enum request_ready level, bool ok, const char *reason)
{
    lease->level = level;
    lease->ready = ok;
    (void) snprintf (lease->verdict, sizeof lease->verdict, "%s", reason);
    if (!ok && lease->order.request.on_failure == FAILURE_START_WITHOUT) {
        lease->gpus = 0;
        lease->state = LEASE_WITHOUT;
        (void) snprintf (lease->decision, sizeof lease->decision, "%s", reason);
        follow_gpus (l, lease);
    }
    note_journal (l, recovery_report_record (lease));
    if (lease->gpus == 0)
        run_queue (l);
}

void
leasing_gpus_changed (struct leasing *l)
{
    struct lease *lease;

    leases_foreach (&l->leases, lease) {
        follow_gpus (l, lease);
    }
    /* What a driver said before may not hold any more.  */
    for (unsigned i = 0; i < QUEUE_MAX; i++)
        if (l->queue.waiters[i].kind == WAITER_PUT_OFF)
            l->queue.waiters[i].deadline = 0;
    run_queue (l);
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
    for (unsigned i = 0; i < REFUSALS_MAX; i++)
        order_finish (&l->refusals[i].order);
    journal_close (&l->journal);
    (void) close (l->dir.root);
    alarm_finish (&l->alarm);
}
