#include "turns.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "admission.h"
#include "docker.h"
#include "follow.h"
#include "herald.h"
#include "gauge.h"
#include "record.h"
#include "throttle.h"

/* How long after a failure that no change of the GPUs may mend a container is tried again.  */
static const uint64_t retry_us = 60 * UINT64_C (1000000);

/* Docker would start it with root's powers: none of another user's naming.  */
static bool
may_be_put_off (const struct order *order)
{
    return order->request.on_failure == FAILURE_DEFER && order->owner == 0
           && strcmp (order->container.engine, "docker") == 0;
}

uint64_t
turns_of (const struct leasing *l, const struct order *order)
{
    return arbiter_turn (order->request.class, (uint64_t) order->arrived * 1000000,
                         (uint64_t) l->config->ageing_ms * 1000);
}

bool
turns_put_off (struct leasing *l, struct order *order, const char *reason, bool rest)
{
    struct waiter waiter = {.kind = WAITER_PUT_OFF, .kept = true, .order = *order, .since = order->arrived};
    const struct waiter *added;

    waiter.turn = turns_of (l, order);
    if (rest)
        waiter.deadline = alarm_now () + retry_us;
    (void) snprintf (waiter.reason, sizeof waiter.reason, "%s", reason);
    added = may_be_put_off (order) ? queue_add (&l->queue, &waiter) : NULL;
    if (!added)
        return false;
    order->parameters = NULL;
    if (rest)
        alarm_need (&l->alarm, added->deadline);
    herald_order (l, EVENT_PUT_OFF, &added->order, added->reason);
    (void) leasing_note (l, record_put_off (added));
    return true;
}

void
turns_forget (struct leasing *l, struct waiter *waiter)
{
    struct waiter taken = queue_take (&l->queue, waiter);

    (void) leasing_note (l, record_forget (&taken));
    order_finish (&taken.order);
}

void
turns_settled (struct leasing *l, const struct waiter *taken)
{
    if (taken->kept && !queue_keeps (&l->queue, taken->order.container.id))
        (void) leasing_note (l, record_forget (taken));
}

void
turns_started (struct leasing *l, const struct lease *lease)
{
    struct waiter *waiter =
        lease->order.owner == 0 ? queue_find_put_off (&l->queue, lease->order.container.id) : NULL;

    if (waiter)
        turns_forget (l, waiter);
}

static struct waiter *
add_client (struct leasing *l, void *client, struct order *order, bool detached,
            const struct decision *decision)
{
    struct waiter waiter = {
        .kind = WAITER_CLIENT,
        .client = client,
        .detached = detached,
        .kept = may_be_put_off (order) && queue_may_keep (&l->queue),
        .order = *order,
        .since = order->arrived,
        .turn = turns_of (l, order),
        .deadline = alarm_now () + (uint64_t) order->request.wait_ms * 1000,
        .candidates = decision->candidates,
    };
    struct waiter *added;

    (void) snprintf (waiter.reason, sizeof waiter.reason, "%s", decision->reason);
    added = queue_add (&l->queue, &waiter);
    if (!added)
        return NULL;
    alarm_need (&l->alarm, added->deadline);
    herald_queued (l, added);
    if (added->kept)
        (void) leasing_note (l, record_put_off (added));
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
    if (outcome == DOCKER_FAILED)
        herald_order (l, EVENT_CANCELLED, &w->order, reason);
    turns_forget (l, w);
    turns_run (l);
}

static void
start_again (struct leasing *l, struct waiter *w)
{
    struct error err;

    (void) fprintf (stderr, "container %s: there is a GPU for it now; asking Docker to start it\n",
                    container_label (&w->order.container));
    queue_set_kind (&l->queue, w, WAITER_STARTING);
    herald_order (l, EVENT_STARTING, &w->order,
                  "there is a GPU for it now, and Docker was asked to start it");
    if (docker_start (l->event, l->config->docker_socket, w->order.container.id, on_started, l, &err) < 0)
        on_started (l, w->order.container.id, DOCKER_AWAY, err.message);
}

static void
consider (const struct leasing *l, const struct order *order, uint32_t reserved, struct decision *decision)
{
    struct load load;
    const struct question question = {
        .req = &order->request,
        .asker = order->owner,
        .reserved = reserved,
        .policy = &order->policy,
        .home = homes_find (&l->homes, order->owner, &order->container),
        .load = gauge_read (l->gauge, &load) ? &load : NULL,
    };

    arbiter_decide (l->gpus, &l->leases, &question, decision);
}

/* The answer to a client whose turn it is.  */
static void
serve_client (struct leasing *l, struct waiter *w, const struct decision *decision)
{
    struct waiter taken = queue_take (&l->queue, w);

    if (decision->verdict == VERDICT_GRANT)
        leasing_grant (l, taken.client, &taken.order, taken.detached, decision);
    else
        leasing_refuse (l, taken.client, &taken.order, decision->reason);
    turns_settled (l, &taken);
}

/* Returns the GPUs that those behind it do not get. One that was put off keeps nobody waiting: it may wait
 * for days.
 */
static uint32_t
take_turn (struct leasing *l, struct waiter *w, uint32_t reserved)
{
    bool resting = w->kind == WAITER_PUT_OFF && w->deadline > alarm_now ();
    struct decision decision;

    consider (l, &w->order, reserved, &decision);
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
        consider (l, &lease->order, reserved, &decision);
        if (decision.verdict != VERDICT_GRANT)
            continue;
        if (decision.park)
            throttle_make_room (l->throttle, &lease->order, decision.gpus);
        leasing_place (l, lease, &decision);
        lease->state = LEASE_ACTIVE;
        (void) leasing_note (l, record_move (lease, l->gpus));
        herald_lease (l, EVENT_GRANTED, lease, NULL);
        follow_gpus (l, lease);
    }
}

/* Those parked for others, whose turn is not after this.  */
static uint32_t
wake_parked (struct leasing *l, uint64_t turn, uint32_t reserved)
{
    struct lease *lease;

    leases_foreach (&l->leases, lease) {
        uint64_t own = arbiter_turn (CLASS_BATCH, (uint64_t) lease->parked_at * 1000000,
                                     (uint64_t) l->config->ageing_ms * 1000);

        if (!lease->parked || own > turn)
            continue;
        if (arbiter_may_wake (l->gpus, &l->leases, lease, reserved))
            throttle_wake (l->throttle, lease);
        else
            reserved |= lease->gpus;
    }
    return reserved;
}

/* Everybody in turn; what an earlier one still waits for is reserved.  */
void
turns_run (struct leasing *l)
{
    uint32_t reserved = 0;

    for (struct waiter *w = queue_next (&l->queue, NULL); w;) {
        struct waiter at = *w;

        if (l->some_parked)
            reserved = wake_parked (l, w->turn, reserved);
        reserved |= take_turn (l, w, reserved);
        w = queue_next (&l->queue, &at);
    }
    if (l->some_parked)
        (void) wake_parked (l, UINT64_MAX, reserved);
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
        leasing_grant (l, client, order, detached, decision);
    } else if (decision->verdict == VERDICT_WAIT && turns_put_off (l, order, decision->reason, false)) {
        (void) snprintf (reason, sizeof reason, "%s; dri-broker will have it started when that changes",
                         decision->reason);
        l->answer (l->userdata, client, NULL, reason);
    } else {
        leasing_refuse (l, client, order, decision->reason);
    }
}

static void
take_in (struct leasing *l, void *client, struct order *order, bool detached)
{
    struct decision decision;
    struct error err;

    if (admission_judge (l, order, &err) < 0) {
        leasing_refuse (l, client, order, err.message);
        return;
    }
    consider (l, order, queue_reserved_before (&l->queue, turns_of (l, order)), &decision);
    if (decision.verdict == VERDICT_GRANT)
        leasing_grant (l, client, order, detached, &decision);
    else if (decision.verdict == VERDICT_REFUSE || order->request.wait_ms == 0)
        give_up (l, client, order, detached, &decision);
    else if (!add_client (l, client, order, detached, &decision))
        leasing_refuse (l, client, order, "too many containers wait for a GPU already (drictl status)");
}

void
turns_acquire (struct leasing *l, void *client, struct order *order, bool detached)
{
    struct waiter *before = order->owner == 0 ? queue_find_put_off (&l->queue, order->container.id) : NULL;
    struct waiter taken;

    order->arrived = before ? before->since : (int64_t) time (NULL);
    if (!before) {
        take_in (l, client, order, detached);
        return;
    }
    taken = queue_take (&l->queue, before);
    take_in (l, client, order, detached);
    turns_settled (l, &taken);
    order_finish (&taken.order);
}

bool
turns_client_waits (const struct leasing *l, const void *client)
{
    for (unsigned i = 0; i < QUEUE_MAX && l->queue.n[WAITER_CLIENT] > 0; i++)
        if (l->queue.waiters[i].kind == WAITER_CLIENT && l->queue.waiters[i].client == client)
            return true;
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
    turns_settled (l, &late);
}

void
turns_expire (struct leasing *l, uint64_t now)
{
    for (unsigned i = 0; i < QUEUE_MAX; i++)
        if (l->queue.waiters[i].kind == WAITER_CLIENT && l->queue.waiters[i].deadline <= now)
            expire_client (l, &l->queue.waiters[i]);
}

uint64_t
turns_next (const struct leasing *l, uint64_t now)
{
    uint64_t next = 0;

    for (unsigned i = 0; i < QUEUE_MAX; i++) {
        const struct waiter *w = &l->queue.waiters[i];

        if (w->kind != WAITER_NONE && w->deadline > now && (next == 0 || w->deadline < next))
            next = w->deadline;
    }
    return next;
}

bool
turns_client_gone (struct leasing *l, const void *client)
{
    bool waited = false;

    for (unsigned i = 0; i < QUEUE_MAX; i++)
        if (l->queue.waiters[i].kind == WAITER_CLIENT && l->queue.waiters[i].client == client) {
            struct waiter gone = queue_take (&l->queue, &l->queue.waiters[i]);

            herald_order (l, EVENT_CANCELLED, &gone.order, "whoever asked for it has gone");
            turns_settled (l, &gone);
            order_finish (&gone.order);
            waited = true;
        }
    return waited;
}

void
turns_try_again (struct leasing *l)
{
    for (unsigned i = 0; i < QUEUE_MAX; i++)
        if (l->queue.waiters[i].kind == WAITER_PUT_OFF)
            l->queue.waiters[i].deadline = 0;
    turns_run (l);
}
