#include "governor_parts.h"

static const float rate_least = 0.01F; /* to divide by */
static const float allowance_least = 0.001F;

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
    float period = seconds (us (g->config.period_ms)), its_rate = governor_rate (turn->lease, use), run;

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

void
governor_plan (struct governor *g, uint64_t now)
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
