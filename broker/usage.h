/* What leases have had of their GPUs: the counters of DRM clients added up, and their rates. Pure: fdinfo and
 * a clock in, figures out.
 *
 * A client is one (GPU, client id), in however many files and processes it is seen; of several readings the
 * largest counts, and one that fell counts as no progress, both as drm-usage-stats.rst allows drivers. An
 * engine that no client tells of any more is not known. What a client did before its lease was first looked
 * at is not counted, unless the lease is new; what went with one that has closed is kept.  */
#ifndef DRI_USAGE_H
#define DRI_USAGE_H

#include "fdinfo.h"
#include "gpu.h"
#include "lease.h"

enum { USAGE_CLIENTS_MAX = 4096, USAGE_HASH = 2 * USAGE_CLIENTS_MAX };

struct usage_client {
    uint64_t id;
    uint16_t lease;
    uint8_t gpu;
    struct fdinfo_engine engines[ENGINES];
    uint64_t memory, resident;
};

struct usage_clients {
    struct usage_client table[USAGE_CLIENTS_MAX];
    unsigned n;
    uint16_t hash[USAGE_HASH]; /* index + 1; 0: none */
};

/* Of one lease on one GPU.  */
struct usage_sum {
    unsigned clients; /* open ones */
    bool has_memory;
    uint64_t memory, resident; /* bytes */
    bool known[ENGINES];
    uint64_t busy[ENGINES]; /* ns, over the number of such engines: it grows by 1 s in a second at most */
};

struct usage_mark {
    uint64_t at; /* ns; 0: none */
    uint64_t busy[ENGINES];
};

struct usage_lease {
    uint64_t looked; /* ns: the last look, or the start; 0: never */
    bool fresh;      /* started, not looked at yet */
    unsigned round;  /* of that look */
    uint32_t gpus;   /* bit set: those of that look */
};

/* What a lease has had of a GPU.  */
struct usage_share {
    struct usage_sum sum;
    struct usage_mark marks[2]; /* the older one first: where a rate begins */
};

/* What all leases together have had of a GPU, also those that ended: it never falls.  */
struct usage_total {
    bool known[ENGINES];
    uint64_t busy[ENGINES]; /* ns, as in usage_sum */
};

/* Large (2 MiB), but only what is used is touched: to be had all zero, as static storage is.  */
struct usage {
    uint64_t now;
    unsigned round;
    bool missed; /* there were more clients than there is room for */
    bool missed_before;
    struct usage_clients rounds[2];
    unsigned current;
    struct usage_lease leases[LEASES_MAX];
    struct usage_total totals[GPUS_MAX];
    struct usage_share shares[GPUS_MAX][LEASES_MAX]; /* of the few GPUs that there are, few pages */
};

/* A round: begin, every lease that is looked at with its GPUs, all of its clients on these, end. One that a
 * round left out starts anew in the next, but keeps what it has. now: ns, on a monotonic clock.  */
void usage_begin (struct usage *usage, uint64_t now);
void usage_look_at (struct usage *usage, unsigned lease, uint32_t gpus);
void usage_add (struct usage *usage, unsigned lease, unsigned gpu, const struct fdinfo *info);
void usage_end (struct usage *usage);

/* The container starts now: it has no clients yet.  */
void usage_start (struct usage *usage, unsigned lease, uint32_t gpus, uint64_t now);
/* The lease has gone; its place may be another's.  */
void usage_forget (struct usage *usage, unsigned lease);

/* Busy part of an engine, 0 to 1, over the last second or two, or since the look before where that is longer
 * ago; below 0: not known.  */
double usage_rate (const struct usage *usage, unsigned lease, unsigned gpu, enum engine engine);
/* ns: how long ago that began; 0: there is no rate yet.  */
uint64_t usage_span (const struct usage *usage, unsigned lease, unsigned gpu);

#endif
