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

#include "governor_parts.h"

/* Tried on the model of tests/unit/gpu_model.h; there is nothing to set for a machine.  */
static const float memory = 0.2F;       /* s: time constant of the moving means */
static const float plausible_most = 10; /* times the time passed: a long job may count when it is done */

enum { BACK_MAX = 10, BLANK_MAX = 3 }; /* samples */

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
        for (unsigned k = 0; k < g->n; k++) {
            g->leases[g->order[k]].run = us (g->config.period_ms);
            g->leases[g->order[k]].blind = false;
            g->leases[g->order[k]].blank = 0;
        }
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

/* The debt has its bounds: what is saved up lasts for one slice, or one period's allowance; what is owed is
 * paid back within the longest freeze.  */
static void
charge (const struct governor *g, const struct governor_lease *lease, struct governor_use *use, float dt)
{
    float period = seconds (us (g->config.period_ms));
    float saved = use->allowance * period,
          slice = seconds (us (g->config.slice_ms)) * governor_rate (lease, use);

    if (use->allowance >= GOVERNOR_UNLIMITED) {
        use->debt = 0;
        return;
    }
    use->debt += use->fresh - use->allowance * dt;
    use->debt = clamp (use->debt, saved > slice ? -saved : -slice,
                       use->allowance * seconds (us (g->config.frozen_ms)));
}

/* A look may be missed, or come between two programs: neither changes it.  */
static void
see_whether_blind (struct governor_lease *lease)
{
    if (lease->known && lease->blank > 0)
        lease->blank--;
    else if (!lease->known && lease->blank < BLANK_MAX
             && (lease->share > 0 || lease->class != CLASS_REALTIME))
        lease->blank++;
    if (lease->blank == 0 || lease->blank == BLANK_MAX)
        lease->blind = lease->blank > 0;
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
    see_whether_blind (lease);
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

/* --- decisions --- */

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
    governor_share (g, now);
    governor_plan (g, now);
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
