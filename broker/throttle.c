#include "throttle.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "freezer.h"
#include "herald.h"
#include "leasing.h"
#include "process.h"
#include "record.h"

/* A parked container that is told to stop is let go within this.  */
static const uint64_t parked_us = 250000;
/* A throttling that begins again within this has not ended for those who watch.  */
static const uint64_t told_us = 3000000;
/* Slices are short.  */
static const uint64_t accuracy_us = 1000;

static unsigned
index_of (const struct throttle *t, const struct lease *lease)
{
    return (unsigned) (lease - t->leasing->leases.table);
}

static const char *
label (const struct lease *lease)
{
    return container_label (&lease->order.container);
}

/* --- groups --- */

static bool
is_frozen (const struct lease *lease)
{
    struct error ignored;
    bool frozen;

    return freezer_get (lease->freezer, &frozen, &ignored) == 0 && frozen;
}

/* What the journal does not say the next broker would not thaw, and what it says of one that somebody else
 * has frozen since it would. A start freezes nobody before its journal is written.  */
static bool
note_governed (struct throttle *t, struct lease *lease, bool governed)
{
    const bool before = lease->governed;

    if (before == governed)
        return true;
    if (t->leasing->journal.fd < 0)
        return false;
    lease->governed = governed;
    if (leasing_note (t->leasing, record_freeze (lease)) == 0)
        return true;
    lease->governed = before;
    return false;
}

static void
set_frozen (struct throttle *t, struct lease *lease, bool frozen)
{
    bool *is = &t->frozen[index_of (t, lease)];
    struct error err;

    /* Frozen by somebody else it stays his.  */
    if (frozen == *is || (frozen && is_frozen (lease)))
        return;
    if (frozen && !note_governed (t, lease, true))
        return;
    if (freezer_set (lease->freezer, frozen, &err) == 0 || err.status == ENOENT || err.status == ENODEV)
        *is = frozen;
    else
        (void) fprintf (stderr, "container %s: %s\n", label (lease), err.message);
}

static bool
is_wanted_frozen (const struct throttle *t, const struct lease *lease)
{
    unsigned i = index_of (t, lease);

    return lease->parked || (t->admitted[i] && t->governor.leases[i].frozen);
}

static void
apply (struct throttle *t)
{
    struct lease *lease;

    leases_foreach (&t->leasing->leases, lease) {
        set_frozen (t, lease, is_wanted_frozen (t, lease));
    }
}

static void
set_parked (struct throttle *t, struct lease *lease, bool parked)
{
    lease->parked = parked;
    lease->parked_at = (int64_t) time (NULL);
    t->leasing->some_parked |= parked;
    (void) leasing_note (t->leasing, record_freeze (lease));
}

/* A signal waits for a process that is frozen. Returns whether some are parked still.  */
static bool
let_go (struct throttle *t)
{
    struct lease *lease;
    bool some = false;

    leases_foreach (&t->leasing->leases, lease) {
        if (!lease->parked)
            continue;
        if (process_is_asked_to_stop (lease->pid))
            set_parked (t, lease, false);
        some |= lease->parked;
    }
    return some;
}

/* --- time --- */

static uint64_t
next_time (struct throttle *t, uint64_t now, bool some_parked)
{
    const struct governor *g = &t->governor;
    uint64_t next = t->reader.waits ? now + (uint64_t) g->config.slice_ms * 1000 : g->wake_at;

    if (some_parked && (next == 0 || next > now + parked_us))
        next = now + parked_us;
    return next;
}

static enum throttle_word
word_of (const struct throttle *t, const struct lease *lease)
{
    const char *state = throttle_state (t, lease);

    if (!state)
        return TOLD_NOTHING;
    return lease->parked ? TOLD_PARKED : TOLD_THROTTLED;
}

/* Returns when it has to be looked at again; 0: not before something happens.  */
static uint64_t
tell (struct throttle *t, struct lease *lease, uint64_t now)
{
    const unsigned i = index_of (t, lease);
    const enum throttle_word word = word_of (t, lease);

    if (word == TOLD_THROTTLED)
        t->told_until[i] = now + told_us;
    if (word == t->told[i])
        return 0;
    if (t->told[i] == TOLD_THROTTLED && word == TOLD_NOTHING && now < t->told_until[i])
        return t->told_until[i];
    t->told[i] = word;
    if (word == TOLD_NOTHING && !t->frozen[i])
        (void) note_governed (t, lease, false);
    if (word == TOLD_NOTHING)
        herald_lease (t->leasing, EVENT_RESUMED, lease, "it runs freely again");
    else if (word == TOLD_PARKED)
        herald_lease (t->leasing, EVENT_PARKED, lease, "it stands still to make room for another");
    else
        herald_lease (t->leasing, EVENT_THROTTLED, lease,
                      lease->order.request.share
                          ? "it is stopped for moments, for its dri.share or for others"
                          : "it is stopped for moments: others need its GPU");
    return 0;
}

static uint64_t
tell_all (struct throttle *t, uint64_t now)
{
    struct lease *lease;
    uint64_t next = 0;

    leases_foreach (&t->leasing->leases, lease) {
        uint64_t at = tell (t, lease, now);

        if (at != 0 && (next == 0 || at < next))
            next = at;
    }
    return next;
}

static void
go_on (struct throttle *t)
{
    bool some_parked = let_go (t);
    uint64_t now = alarm_now (), again;

    apply (t);
    again = tell_all (t, now);
    alarm_need (&t->alarm, next_time (t, now, some_parked));
    if (again != 0)
        alarm_need (&t->alarm, again);
}

static uint64_t
on_alarm (void *userdata, uint64_t now)
{
    struct throttle *t = userdata;

    governor_advance (&t->governor, now);
    if (t->governor.sample_at != 0 && t->governor.sample_at <= now && !t->reader.waits)
        meter_read (t->leasing->meter, &t->reader);
    go_on (t);
    return 0;
}

static bool
is_known (const struct usage_sum *sum)
{
    for (unsigned i = 0; i < ENGINES; i++)
        if (sum->known[i])
            return true;
    return sum->clients == 0;
}

static void
report (struct throttle *t, unsigned i, uint32_t gpus)
{
    for (unsigned gpu = 0; gpu < GPUS_MAX; gpu++) {
        const struct usage_sum *sum = &t->leasing->meter->usage.shares[gpu][i].sum;

        if ((gpus & (1U << gpu)) && is_known (sum))
            governor_report (&t->governor, i, gpu, sum->busy);
    }
}

static void
on_metered (void *userdata, bool fresh)
{
    struct throttle *t = userdata;
    const struct lease *lease;

    if (t->governor.sample_at == 0)
        return;
    leases_foreach (&t->leasing->leases, lease) {
        unsigned i = index_of (t, lease);

        if (fresh && t->admitted[i])
            report (t, i, lease->gpus);
    }
    governor_sample (&t->governor, alarm_now ());
    go_on (t);
}

/* --- leases --- */

static bool
is_admissible (const struct lease *lease)
{
    return lease->state == LEASE_ACTIVE && lease->gpus && lease->freezer[0] == '/' && lease->freezer[1]
           && lease->order.request.access != ACCESS_MONITOR;
}

void
throttle_admit (struct throttle *t, struct lease *lease)
{
    const struct request *req = &lease->order.request;
    unsigned i = index_of (t, lease);

    if (t->admitted[i])
        governor_dismiss (&t->governor, i, alarm_now ());
    t->admitted[i] = false;
    lease->parkable =
        is_admissible (lease) && req->class == CLASS_BATCH && t->leasing->config->throttle.parking;
    if (is_admissible (lease) && t->leasing->config->throttle.on) {
        t->admitted[i] = true;
        governor_admit (&t->governor, i, req->class, req->share, lease->gpus, alarm_now ());
    }
    go_on (t);
}

void
throttle_recover (struct throttle *t, struct lease *lease)
{
    t->frozen[index_of (t, lease)] = lease->governed && is_frozen (lease);
    t->leasing->some_parked |= lease->parked;
    t->told[index_of (t, lease)] = lease->parked ? TOLD_PARKED : TOLD_NOTHING;
    throttle_admit (t, lease);
    /* The journal is written anew with that.  */
    lease->governed = t->frozen[index_of (t, lease)];
}

void
throttle_dismiss (struct throttle *t, struct lease *lease)
{
    unsigned i = index_of (t, lease);

    lease->parked = lease->parkable = false;
    t->told[i] = TOLD_NOTHING;
    set_frozen (t, lease, false);
    if (t->admitted[i])
        governor_dismiss (&t->governor, i, alarm_now ());
    t->admitted[i] = false;
    go_on (t);
}

void
throttle_make_room (struct throttle *t, const struct order *order, uint32_t gpus)
{
    struct leasing *l = t->leasing;
    struct lease *lease;

    for (uint32_t rest = gpus; rest != 0; rest &= rest - 1)
        while ((lease = arbiter_next_to_park (l->gpus, &l->leases, &order->request, order->owner,
                                              (unsigned) __builtin_ctz (rest))))
            set_parked (t, lease, true);
    go_on (t);
}

void
throttle_wake (struct throttle *t, struct lease *lease)
{
    set_parked (t, lease, false);
    go_on (t);
}

const char *
throttle_state (const struct throttle *t, const struct lease *lease)
{
    unsigned i = index_of (t, lease);

    if (lease->parked)
        return "parked";
    if (!t->admitted[i] || t->governor.leases[i].run >= (uint64_t) t->governor.config.period_ms * 1000)
        return NULL;
    return "throttled";
}

const char *
throttle_unheld (const struct throttle *t, const struct lease *lease)
{
    const unsigned i = index_of (t, lease);
    const unsigned share = lease->order.request.share;

    if (lease->state != LEASE_ACTIVE || !lease->gpus || lease->lost)
        return NULL;
    if (t->admitted[i] && t->governor.leases[i].blind)
        return share
                   ? "its dri.share is not held: the driver of its GPU does not tell how much of the engines "
                     "each program has"
                   : "it does not give way to others: the driver of its GPU does not tell how much of the "
                     "engines each program has";
    if (t->admitted[i] || !share)
        return NULL;
    if (!t->leasing->config->throttle.on)
        return "its dri.share is not held: \"throttle\" is false in /etc/dri-broker/config.json";
    return "its dri.share is not held: it has no control group of its own that the broker could stop (a "
           "user's "
           "container, LXC, or --cgroups=disabled)";
}

static struct governor_config
configured (const struct config_throttle *c)
{
    struct governor_config g = GOVERNOR_DEFAULTS;

    g.period_ms = c->period_ms;
    g.slice_ms = c->slice_ms;
    g.frozen_ms = c->frozen_ms;
    g.threshold = c->threshold;
    g.target = c->target;
    g.interactive_weight = c->interactive_weight;
    g.batch_weight = c->batch_weight;
    return g;
}

void
throttle_configure (struct throttle *t)
{
    const struct governor_config config = configured (&t->leasing->config->throttle);
    struct lease *lease;

    governor_init (&t->governor, &config);
    leases_foreach (&t->leasing->leases, lease) {
        throttle_admit (t, lease);
    }
}

int
throttle_start (struct throttle *t, sd_event *event, struct error *err)
{
    const struct governor_config config = configured (&t->leasing->config->throttle);
    int r;

    governor_init (&t->governor, &config);
    t->reader = (struct meter_reader){.done = on_metered, .userdata = t};
    meter_add_reader (t->leasing->meter, &t->reader);
    if (alarm_init (&t->alarm, event, on_alarm, t, err) < 0)
        return -1;
    r = sd_event_source_set_time_accuracy (t->alarm.source, accuracy_us);
    return r < 0 ? error_set (err, -r, "timer") : 0;
}

void
throttle_finish (struct throttle *t)
{
    struct lease *lease;

    leases_foreach (&t->leasing->leases, lease) {
        set_frozen (t, lease, false);
    }
    alarm_finish (&t->alarm);
}
