#include "governor_parts.h"

/* Tried on the model of tests/unit/gpu_model.h; there is nothing to set for a machine.  */
static const float used_least = 0.01F;   /* below, a class does not use an engine */
static const float claim_least = 0.002F; /* below, a lease does not */
static const float release = 0.8F;       /* of the threshold: below, contention is over */
static const float correction = 2.0F;    /* of the budget, for a total off the target */
static const float correction_most = 0.03F;
static const float overlap_gain = 0.5F; /* per period, for a total off the target */

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
    float most = lease->share > 0 ? lease->share : 1, wants = least (governor_rate (lease, use), 1);
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

void
governor_share (struct governor *g, uint64_t now)
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
