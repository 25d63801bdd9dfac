/* Who may work on a GPU when, by freezing control groups. Pure: figures and a clock in, decisions out; no
 * system call, no allocation. How it decides stands in governor.c.
 *
 * A lease's ceiling (dri.share) holds at all times, for every class, on each engine by itself: the busiest
 * engine decides. Apart from ceilings, leases are frozen under contention only: batch while realtime or
 * interactive, and interactive while realtime uses the same engine, and that engine is busy. Realtime is
 * never frozen for others.
 *
 * Whose engine time is not known (some drivers do not tell: xe on a virtual function) is never frozen, nor is
 * anybody for his sake.
 *
 * Where no lease has a ceiling, and no two classes share a GPU, no sample is ever asked for. Where they do,
 * but nothing is to be done, one is every watch_ms.  */
#ifndef DRI_GOVERNOR_H
#define DRI_GOVERNOR_H

#include <stdbool.h>
#include <stdint.h>

#include "../oci/request.h"
#include "fdinfo.h"
#include "gpu.h"
#include "lease.h"

struct governor_config {
    unsigned period_ms; /* from sample to sample while there is something to do; 20 to 1000 */
    unsigned slice_ms;  /* nobody is thawed, or frozen, for less; up to a quarter of the period */
    unsigned frozen_ms; /* nobody stays frozen for longer, however much he owes; four periods at least */
    unsigned watch_ms;  /* from sample to sample while there might be something to do */
    unsigned hold_ms;   /* a class counts as using an engine for so long after it did */
    unsigned threshold; /* percent busy from which on an engine is contended */
    unsigned target;    /* percent busy at which a contended one is held; above the threshold, below 100 */
    unsigned interactive_weight, batch_weight; /* under contention; of a single lease */
};

#define GOVERNOR_DEFAULTS                                                                                    \
    ((struct governor_config){.period_ms = 100,                                                              \
                              .slice_ms = 10,                                                                \
                              .frozen_ms = 2000,                                                             \
                              .watch_ms = 1000,                                                              \
                              .hold_ms = 2000,                                                               \
                              .threshold = 90,                                                               \
                              .target = 97,                                                                  \
                              .interactive_weight = 4,                                                       \
                              .batch_weight = 1})

/* A lease on one engine. Engine time is in parts of the time passed: 0.4 is 400 ms in a second.  */
struct governor_use {
    uint64_t busy;   /* ns, the largest that was reported */
    float fresh;     /* s since the last sample */
    float use;       /* a moving mean */
    float allowance; /* GOVERNOR_UNLIMITED: none */
    bool shared;     /* the engine is contended, and this is a part of it */
    float debt;      /* s used beyond the allowance; below 0: saved up */
    uint8_t back;    /* reports below busy, in a row */
};

struct governor_lease {
    /* What came of it, for the caller.  */
    bool active;
    bool frozen;    /* as it is to be now */
    bool blind;     /* it may have to be held, but none of its GPUs gives figures, for some time */
    uint64_t until; /* µs: frozen will then be the other; 0: stays as it is */

    enum request_class class;
    float share;    /* the ceiling; 0: none */
    uint32_t gpus;  /* bit set, as of struct lease */
    uint32_t known; /* those with figures in the last sample */
    uint32_t reported;
    uint8_t blank; /* samples without figures, less those with */
    struct governor_use use[GPUS_MAX][ENGINES];
    float thawed;        /* a moving mean of the part of time not frozen */
    uint64_t ran;        /* µs thawed since the last sample */
    uint64_t since;      /* µs: frozen since */
    uint64_t start, run; /* µs: its slice, from the start of the period; run is the period: not throttled */
};

struct governor_contention {
    bool contended;
    uint64_t realtime, interactive; /* µs: when one last used it; 0: never */
    float budget;                   /* what is shared, of the engine's time */
    float overlap;                  /* how many slices at a time, as a mean, are on it; 1 at least */
    bool tight;                     /* for that, a lease was not given its slice */
};

/* Large (800 KiB), but only what is used is touched: to be had all zero, as static storage is.  */
struct governor {
    uint64_t sample_at; /* µs: report and sample then; 0: no need */
    uint64_t wake_at;   /* µs: the sample, or only governor_advance; 0: no need */

    struct governor_config config;
    struct governor_lease leases[LEASES_MAX];
    uint16_t order[LEASES_MAX]; /* the active ones */
    unsigned n;
    struct governor_contention engines[GPUS_MAX][ENGINES];
    uint64_t sampled, advanced, planned; /* µs */
    bool fast;                           /* the last sample asked for one a period later */
};

#define GOVERNOR_UNLIMITED 1e9F

void governor_init (struct governor *g, const struct governor_config *config);

/* A lease has become active, in the place i of the table of leases; its container is thawed. Monitors are not
 * admitted, nor leases whose control group cannot be frozen. All times are µs on a monotonic clock that is
 * never 0; after each call the caller freezes and thaws as the leases say, and comes back at wake_at.  */
void governor_admit (struct governor *g, unsigned i, enum request_class class, unsigned share, uint32_t gpus,
                     uint64_t now);
/* It has gone, or the container is to be left alone: the caller thaws what he froze.  */
void governor_dismiss (struct governor *g, unsigned i, uint64_t now);

/* The engine time, in ns, that the lease's clients have had on a GPU since they are counted, over the number
 * of such engines (drm-engine-capacity). Clients that went stay in the sum; a lease without clients is
 * reported too. What is not reported between two samples is not known. A sum may fall for a while, as the
 * kernel allows; it is taken as it is if it does not rise again.  */
void governor_report (struct governor *g, unsigned i, unsigned gpu, const uint64_t busy[ENGINES]);

/* Takes in what was reported and decides anew. Late calls are no harm.  */
void governor_sample (struct governor *g, uint64_t now);

/* Brings frozen and until of every lease, and wake_at, up to now.  */
void governor_advance (struct governor *g, uint64_t now);

#endif
