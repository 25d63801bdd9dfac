/* What the parts of the governor share: governor.c keeps the books, governor_share.c says how much of an
 * engine each lease may have, governor_slices.c when it runs. All pure.  */
#ifndef DRI_GOVERNOR_PARTS_H
#define DRI_GOVERNOR_PARTS_H

#include "governor.h"

/* The allowance of each lease on each engine, by its ceiling and by who contends there now.  */
void governor_share (struct governor *g, uint64_t now);

/* The slice of each lease in the period that begins now, by its allowances and debts.  */
void governor_plan (struct governor *g, uint64_t now);

static inline float
least (float a, float b)
{
    return a < b ? a : b;
}

static inline float
clamp (float value, float low, float high)
{
    return value < low ? low : least (value, high);
}

static inline uint64_t
us (unsigned ms)
{
    return (uint64_t) ms * 1000;
}

static inline float
seconds (uint64_t us)
{
    return (float) us / 1e6F;
}

static inline float
percent (unsigned n)
{
    return (float) n / 100;
}

/* Engine time per time thawed. Both means fade at the same pace, so it stays while a lease is frozen.  */
static inline float
governor_rate (const struct governor_lease *lease, const struct governor_use *use)
{
    return lease->thawed > 0 ? use->use / lease->thawed : 0;
}

#endif
