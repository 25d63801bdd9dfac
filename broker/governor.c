/* A freeze stops submission only: what is queued is still worked off, and the freeze itself takes a moment
 * (kernel, admin-guide/cgroup-v2.rst, cgroup.freeze). So this is no scheduler of jobs, but a slow controller
 * of shares. What it measures is the engine time of each lease (kernel, gpu/drm-usage-stats.rst).
 *
 * Time goes in periods. A lease with an allowance, which is a part of an engine's time, gets one slice of the
 * period to run in. How long, that is the allowance, less what was used beyond it before (the debt: an
 * integral, with bounds), over the engine time that the lease takes per time thawed. That rate is measured,
 * so that deep queues and long jobs make slices shorter. A slice that would be too short is saved up for.
 *
 * The allowance is the ceiling, or the lease's part of a contended engine, whichever is less. What is shared
 * there is the target less what the class on top uses. The target is below 1: on an engine that is idle for a
 * moment in each period, the class on top has nothing queued, so it gets all that it asks for, however the
 * kernel takes turns. It could not be seen otherwise: engine time does not tell who waits.
 *
 * Slices on a contended engine follow one another, so that the class on top has few to compete with at once.
 * Only where that leaves the engine idle, because some cannot keep it busy, they overlap.  */
#include "governor.h"

#include <string.h>

/* Tried on the model of tests/unit/gpu_model.h; there is nothing to set for a machine.  */
static const float memory = 0.2F;        /* s: time constant of the moving means */
static const float used_least = 0.01F;   /* below, a class does not use an engine */
static const float claim_least = 0.002F; /* below, a lease does not */
static const float release = 0.8F;       /* of the threshold: below, contention is over */
static const float correction = 2.0F;    /* of the budget, for a total off the target */
static const float correction_most = 0.03F;
static const float overlap_gain = 0.5F; /* per period, for a total off the target */
static const float rate_least = 0.01F;  /* to divide by */
static const float allowance_least = 0.001F;
static const float plausible_most = 10; /* times the time passed: a long job may count when it is done */

enum { BACK_MAX = 10 }; /* samples */

static float
least (float a, float b)
{
    return a < b ? a : b;
}

static float
clamp (float value, float low, float high)
{
    return value < low ? low : least (value, high);
}

static uint64_t
us (unsigned ms)
{
    return (uint64_t) ms * 1000;
}

static float
seconds (uint64_t us)
{
    return (float) us / 1e6F;
}

static float
percent (unsigned n)
{
    return (float) n / 100;
}

void
governor_init (struct governor *g, const struct governor_config *config)
{
    g->config = *config;
}

/* --- who is there --- */

static void
forget (struct governor_use *use)
{
    *use = (struct governor_use){.busy = use->busy, .allowance = GOVERNOR_UNLIMITED};
}

static void
forget_gpus (struct governor_lease *lease, uint32_t gpus)
{
    for (uint32_t rest = gpus; rest != 0; rest &= rest - 1)
        for (unsigned e = 0; e < ENGINES; e++)
            forget (&lease->use[__builtin_ctz (rest)][e]);
}

/* Can there ever be something to do? */
static bool
is_needed (const struct governor *g)
{
    uint32_t realtime = 0, interactive = 0, batch = 0;

    for (unsigned k = 0; k < g->n; k++) {
        const struct governor_lease *lease = &g->leases[g->order[k]];

        if (lease->share > 0 && lease->gpus != 0)
            return true;
        if (lease->class == CLASS_REALTIME)
            realtime |= lease->gpus;
        else if (lease->class == CLASS_INTERACTIVE)
            interactive |= lease->gpus;
        else
            batch |= lease->gpus;
    }
    return ((realtime | interactive) & batch) != 0 || (realtime & interactive) != 0;
}

static void
set_wake (struct governor *g)
{
    g->wake_at = g->sample_at;
    for (unsigned k = 0; k < g->n; k++) {
        uint64_t until = g->leases[g->order[k]].until;

        if (until != 0 && (g->wake_at == 0 || until < g->wake_at))
            g->wake_at = until;
    }
}

/* Those who came or went make a sample necessary, or needless. The first one only notes where the counters
 * stand.  */
static void
others_came (struct governor *g, uint64_t now)
{
    if (!is_needed (g)) {
        for (unsigned k = 0; k < g->n; k++)
            g->leases[g->order[k]].run = us (g->config.period_ms);
        memset (g->engines, 0, sizeof g->engines);
        g->fast = false;
        g->sample_at = 0;
    } else if (g->sample_at == 0) {
        for (unsigned k = 0; k < g->n; k++)
            g->leases[g->order[k]].known = 0;
        g->sample_at = now;
    }
    governor_advance (g, now);
}

void
governor_admit (struct governor *g, unsigned i, enum request_class class, unsigned share, uint32_t gpus,
                uint64_t now)
{
    struct governor_lease *lease = &g->leases[i];

    governor_advance (g, now);
    memset (lease, 0, sizeof *lease);
    lease->active = true;
    lease->class = class;
    lease->share = percent (share);
    lease->gpus = gpus;
    lease->thawed = 1;
    lease->run = us (g->config.period_ms);
    forget_gpus (lease, gpus);
    g->order[g->n++] = (uint16_t) i;
    others_came (g, now);
}

void
governor_dismiss (struct governor *g, unsigned i, uint64_t now)
{
    unsigned k = 0;

    if (!g->leases[i].active)
        return;
    while (g->order[k] != i)
        k++;
    memmove (&g->order[k], &g->order[k + 1], (--g->n - k) * sizeof g->order[0]);
    g->leases[i].active = g->leases[i].frozen = false;
    g->leases[i].until = 0;
    others_came (g, now);
}

/* --- figures --- */

/* The kernel lets a counter fall for a while, and wants the larger value kept meanwhile
 * (drm-usage-stats.rst). One that does not come back is another counter.  */
static void
count (struct governor_use *use, uint64_t busy)
{
    use->fresh = 0;
    if (busy >= use->busy) {
        use->fresh = (float) (busy - use->busy) / 1e9F;
    } else if (++use->back < BACK_MAX) {
        return;
    }
    use->busy = busy;
    use->back = 0;
}

void
governor_report (struct governor *g, unsigned i, unsigned gpu, const uint64_t busy[ENGINES])
{
    struct governor_lease *lease = &g->leases[i];

    if (!lease->active || !(lease->gpus & (1U << gpu)))
        return;
    lease->reported |= 1U << gpu;
    for (unsigned e = 0; e < ENGINES; e++)
        count (&lease->use[gpu][e], busy[e]);
}

/* Engine time per time thawed. Both means fade at the same pace, so it stays while a lease is frozen.  */
static float
rate (const struct governor_lease *lease, const struct governor_use *use)
{
    return lease->thawed > 0 ? use->use / lease->thawed : 0;
}

/* The debt has its bounds: what is saved up lasts for one slice, or one period's allowance; what is owed is
 * paid back within the longest freeze.  */
static void
charge (const struct governor *g, const struct governor_lease *lease, struct governor_use *use, float dt)
{
    float period = seconds (us (g->config.period_ms));
    float saved = use->allowance * period, slice = seconds (us (g->config.slice_ms)) * rate (lease, use);

    if (use->allowance >= GOVERNOR_UNLIMITED) {
        use->debt = 0;
        return;
    }
    use->debt += use->fresh - use->allowance * dt;
    use->debt = clamp (use->debt, saved > slice ? -saved : -slice,
                       use->allowance * seconds (us (g->config.frozen_ms)));
}

/* Are there figures that were not there before?  */
static bool
take_in (const struct governor *g, struct governor_lease *lease, float dt)
{
    float alpha = dt / (dt + memory);
    uint32_t known = lease->known & lease->reported;
    bool news = (lease->reported & ~known) != 0;

    /* The first report says where a counter stands, and no more.  */
    forget_gpus (lease, lease->gpus & ~known);
    lease->known = lease->reported;
    lease->reported = 0;
    lease->blind = lease->share > 0 && lease->known == 0;
    lease->thawed += alpha * (least (seconds (lease->ran) / dt, 1) - lease->thawed);
    if (known == 0)
        lease->thawed = 1;
    lease->ran = 0;
    for (uint32_t rest = known; rest != 0; rest &= rest - 1)
        for (unsigned e = 0; e < ENGINES; e++) {
            struct governor_use *use = &lease->use[__builtin_ctz (rest)][e];

            if (use->fresh > plausible_most * dt)
                use->fresh = 0;
            use->use += alpha * (use->fresh / dt - use->use);
            if (g->fast)
                charge (g, lease, use, dt);
        }
    return news;
}

/* --- allowances --- */

/* A lease that wants its part of a contended engine.  */
struct claim {
    struct governor_use *use;
    float weight, demand, most, part;
    bool batch, met;
};

/* Weighted max-min fairness: who wants less than his part gets what he wants, and the others share the rest.
 * What nobody wants is shared out too, so that demands can grow.  */
static void
share_out (struct claim *claims, unsigned n, float budget)
{
    float rest = budget, weights = 0, all, level;
    unsigned n_met = 0, before;

    for (unsigned k = 0; k < n; k++) {
        weights += claims[k].weight;
        claims[k].met = false;
    }
    all = weights;
    do {
        before = n_met;
        level = rest / weights;
        for (unsigned k = 0; k < n; k++)
            if (!claims[k].met && claims[k].demand < level * claims[k].weight) {
                claims[k].met = true;
                rest -= claims[k].demand;
                weights -= claims[k].weight;
                n_met++;
            }
    } while (n_met > before && n_met < n);
    for (unsigned k = 0; k < n; k++) {
        claims[k].part = level * claims[k].weight;
        if (n_met == n)
            claims[k].part = claims[k].demand + rest * claims[k].weight / all;
    }
}

/* What the leases make of an engine together.  */
struct load {
    float realtime, interactive, total; /* engine time */
    float wanted;                       /* the total, were nobody frozen */
    struct claim claims[LEASES_MAX];    /* of all but realtime */
    unsigned n;
};

static void
load_add (const struct governor *g, struct governor_lease *lease, unsigned gpu, unsigned e, struct load *load)
{
    struct governor_use *use = &lease->use[gpu][e];
    float most = lease->share > 0 ? lease->share : 1, wants = least (rate (lease, use), 1);
    bool batch = lease->class == CLASS_BATCH;

    load->total += use->use;
    load->wanted += wants;
    if (lease->class == CLASS_REALTIME)
        load->realtime += use->use;
    else if (lease->class == CLASS_INTERACTIVE)
        load->interactive += use->use;
    if (wants < claim_least || lease->class == CLASS_REALTIME)
        return;
    load->claims[load->n++] = (struct claim){
        .use = use,
        .weight = (float) (batch ? g->config.batch_weight : g->config.interactive_weight),
        .demand = least (wants, most),
        .most = most,
        .batch = batch,
    };
}

static void
load_init (struct governor *g, unsigned gpu, unsigned e, uint64_t now, struct load *load)
{
    struct governor_contention *engine = &g->engines[gpu][e];

    load->realtime = load->interactive = load->total = load->wanted = 0;
    load->n = 0;
    for (unsigned k = 0; k < g->n; k++)
        if (g->leases[g->order[k]].known & (1U << gpu))
            load_add (g, &g->leases[g->order[k]], gpu, e, load);
    if (load->realtime >= used_least)
        engine->realtime = now;
    if (load->interactive >= used_least)
        engine->interactive = now;
}

/* Realtime gets what it asks for, and the others what it leaves. Interactive on top has no more than its
 * weight for sure: that it wants more than it gets cannot be seen.  */
static void
share_engine (const struct governor *g, struct governor_contention *engine, struct load *load, bool realtime)
{
    float target = percent (g->config.target), part = 0;
    float budget = target - (realtime ? load->realtime : load->interactive)
                   + correction * clamp (target - load->total, -correction_most, correction_most);
    unsigned n = 0;

    if (!realtime) {
        for (unsigned k = 0; k < load->n; k++)
            if (!load->claims[k].batch)
                load->claims[k].demand = load->claims[k].most;
        share_out (load->claims, load->n, target);
        for (unsigned k = 0; k < load->n; k++)
            part += load->claims[k].batch ? load->claims[k].part : 0;
    }
    for (unsigned k = 0; k < load->n; k++)
        if (realtime || load->claims[k].batch)
            load->claims[n++] = load->claims[k];
    engine->budget = clamp (budget, part, target);
    share_out (load->claims, n, engine->budget);
    for (unsigned k = 0; k < n; k++) {
        load->claims[k].use->allowance = least (load->claims[k].use->allowance, load->claims[k].part);
        load->claims[k].use->shared = true;
    }
}

/* More slices at a time where that leaves the engine idle, since some leases cannot keep it busy; fewer where
 * it is never idle.  */
static void
set_overlap (const struct governor *g, struct governor_contention *engine, float total)
{
    float target = percent (g->config.target);

    if (engine->tight || total > target)
        engine->overlap = clamp (engine->overlap * (1 + overlap_gain * (target - total)), 1, LEASES_MAX);
    engine->tight = false;
}

static bool
was_lately (const struct governor *g, uint64_t time, uint64_t now)
{
    return time != 0 && now - time <= us (g->config.hold_ms);
}

static void
judge (struct governor *g, unsigned gpu, unsigned e, uint64_t now)
{
    struct governor_contention *engine = &g->engines[gpu][e];
    float threshold = percent (g->config.threshold);
    bool realtime, top, below = false, before = engine->contended;
    struct load load;

    load_init (g, gpu, e, now, &load);
    realtime = was_lately (g, engine->realtime, now);
    top = realtime || was_lately (g, engine->interactive, now);
    for (unsigned k = 0; k < load.n; k++)
        below |= realtime || load.claims[k].batch;
    engine->contended =
        top && below && (before ? load.wanted >= release * threshold : load.total >= threshold);
    if (!engine->contended)
        return;
    if (before)
        set_overlap (g, engine, load.total);
    else
        engine->overlap = 1;
    share_engine (g, engine, &load, realtime);
}

static void
set_allowances (struct governor *g, uint64_t now)
{
    for (unsigned k = 0; k < g->n; k++) {
        struct governor_lease *lease = &g->leases[g->order[k]];

        for (uint32_t rest = lease->known; rest != 0; rest &= rest - 1)
            for (unsigned e = 0; e < ENGINES; e++) {
                struct governor_use *use = &lease->use[__builtin_ctz (rest)][e];

                use->allowance = lease->share > 0 ? lease->share : GOVERNOR_UNLIMITED;
                use->shared = false;
            }
    }
    for (unsigned gpu = 0; gpu < GPUS_MAX; gpu++)
        for (unsigned e = 0; e < ENGINES; e++)
            judge (g, gpu, e, now);
}

/* --- slices --- */

/* The slices of a period on one engine.  */
struct row {
    struct governor_contention *engine;
    uint64_t length; /* µs */
    unsigned n;
};

/* A lease that an allowance binds, in line for its slice.  */
struct turn {
    struct governor_lease *lease;
    struct row *row; /* of the engine whose allowance is the tightest */
    unsigned place;  /* in it */
    bool shared;     /* it is a part of a contended engine */
    float run;       /* µs that the allowance affords */
    float rate;
    float lag; /* the debt, in s of allowance */
};

/* Takes this engine if its allowance affords less than those before.  */
static void
turn_consider (const struct governor *g, const struct governor_use *use, struct row *row, struct turn *turn)
{
    float period = seconds (us (g->config.period_ms)), its_rate = rate (turn->lease, use), run;

    if (use->allowance >= GOVERNOR_UNLIMITED)
        return;
    run = (use->allowance * period - use->debt) / (its_rate > rate_least ? its_rate : rate_least) * 1e6F;
    if (run >= turn->run)
        return;
    turn->row = row;
    turn->shared = use->shared;
    turn->run = run;
    turn->rate = its_rate;
    turn->lag = use->debt / clamp (use->allowance, allowance_least, 1);
}

/* Puts the turn in its place: who has the least debt comes first.  */
static void
line_up (struct turn *turns, unsigned n, const struct turn *turn)
{
    while (n > 0 && turns[n - 1].lag > turn->lag) {
        turns[n] = turns[n - 1];
        n--;
    }
    turns[n] = *turn;
}

/* May it have a slice that it cannot afford? If it was frozen for long: put off, its slice could come as late
 * as at the end of the period after this one. Or as an advance, if it owes nothing and the engine would be
 * idle.  */
static bool
is_favoured (const struct governor *g, const struct turn *turn, float portion, uint64_t now)
{
    const struct governor_lease *lease = turn->lease;
    uint64_t period = us (g->config.period_ms);

    if (lease->frozen && now + 2 * period >= lease->since + us (g->config.frozen_ms))
        return true;
    return turn->shared && turn->lag <= 0
           && (float) turn->row->length + portion <= turn->row->engine->budget * (float) period;
}

static void
give_slice (const struct governor *g, struct turn *turn, uint64_t now)
{
    struct governor_lease *lease = turn->lease;
    struct row *row = turn->row;
    uint64_t period = us (g->config.period_ms), slice = us (g->config.slice_ms);
    float run = clamp (turn->run, 0, (float) period);
    float with_queue = turn->rate > 1 ? turn->rate : 1;

    if (turn->shared) {
        float room = row->engine->overlap * (float) period - (float) row->length;

        row->engine->tight |= run > room;
        run = clamp (run, 0, room > 0 ? room : 0);
    }
    lease->run = (uint64_t) run;
    if (lease->run + slice > period)
        lease->run = period;
    if (lease->run < slice)
        lease->run = is_favoured (g, turn, (float) slice * with_queue, now) ? slice : 0;
    lease->start = row->length;
    turn->place = row->n;
    if (lease->run == 0)
        return;
    row->length += (uint64_t) ((float) lease->run * with_queue);
    row->n++;
}

/* What the slices leave of the period comes between them: there the queues are worked off.  */
static void
space_out (const struct governor *g, struct turn *turn)
{
    uint64_t period = us (g->config.period_ms);

    if (turn->row->length < period && turn->row->n > 0)
        turn->lease->start += (period - turn->row->length) / turn->row->n * turn->place;
    turn->lease->start %= period;
}

static void
plan (struct governor *g, uint64_t now)
{
    struct row rows[GPUS_MAX][ENGINES];
    struct turn turns[LEASES_MAX], turn;
    unsigned n = 0;

    for (unsigned gpu = 0; gpu < GPUS_MAX; gpu++)
        for (unsigned e = 0; e < ENGINES; e++)
            rows[gpu][e] = (struct row){.engine = &g->engines[gpu][e]};
    for (unsigned k = 0; k < g->n; k++) {
        struct governor_lease *lease = &g->leases[g->order[k]];

        lease->run = us (g->config.period_ms);
        turn = (struct turn){.lease = lease, .run = GOVERNOR_UNLIMITED};
        for (uint32_t rest = lease->known; rest != 0; rest &= rest - 1)
            for (unsigned e = 0, gpu = (unsigned) __builtin_ctz (rest); e < ENGINES; e++)
                turn_consider (g, &lease->use[gpu][e], &rows[gpu][e], &turn);
        if (turn.row)
            line_up (turns, n++, &turn);
    }
    for (unsigned k = 0; k < n; k++)
        give_slice (g, &turns[k], now);
    for (unsigned k = 0; k < n; k++)
        space_out (g, &turns[k]);
}

static bool
is_busy (const struct governor *g, const struct governor_lease *lease)
{
    float most = 0;

    for (uint32_t rest = lease->known; rest != 0; rest &= rest - 1)
        for (unsigned e = 0; e < ENGINES; e++) {
            unsigned gpu = (unsigned) __builtin_ctz (rest);
            float use = lease->use[gpu][e].use;

            if (g->engines[gpu][e].contended)
                return true;
            most = use > most ? use : most;
        }
    return lease->run < us (g->config.period_ms) || (lease->share > 0 && most >= lease->share / 2);
}

void
governor_sample (struct governor *g, uint64_t now)
{
    float dt = seconds (now - g->sampled < 1000 ? 1000 : now - g->sampled);
    bool fast = false;

    governor_advance (g, now);
    for (unsigned k = 0; k < g->n; k++)
        fast |= take_in (g, &g->leases[g->order[k]], dt);
    g->sampled = g->planned = now;
    set_allowances (g, now);
    plan (g, now);
    for (unsigned k = 0; k < g->n; k++)
        fast |= is_busy (g, &g->leases[g->order[k]]);
    g->fast = fast;
    g->sample_at = is_needed (g) ? now + us (fast ? g->config.period_ms : g->config.watch_ms) : 0;
    governor_advance (g, now);
}

void
governor_advance (struct governor *g, uint64_t now)
{
    uint64_t period = us (g->config.period_ms);

    for (unsigned k = 0; k < g->n; k++) {
        struct governor_lease *lease = &g->leases[g->order[k]];
        uint64_t at = (now - g->planned + period - lease->start) % period;
        bool frozen = at >= lease->run;

        lease->ran += lease->frozen ? 0 : now - g->advanced;
        if (frozen && !lease->frozen)
            lease->since = now;
        lease->frozen = frozen;
        lease->until = 0;
        if (lease->run > 0 && lease->run < period)
            lease->until = now + (frozen ? period : lease->run) - at;
    }
    g->advanced = now;
    set_wake (g);
}
