/* Who may use which GPU, now. Pure: structs and a request in, a decision out; no clock, no system call.  */
#ifndef DRI_ARBITER_H
#define DRI_ARBITER_H

#include "gpu.h"
#include "lease.h"
#include "placement.h"

enum verdict {
    VERDICT_GRANT,
    VERDICT_WAIT,   /* not now: no such GPU yet, or it is held by others */
    VERDICT_REFUSE, /* waiting would not help */
};

struct decision {
    enum verdict verdict;
    uint32_t gpus;                 /* VERDICT_GRANT: the set granted */
    uint32_t candidates;           /* the GPUs that fit the selectors and dri.require, granted or not */
    bool park;                     /* VERDICT_GRANT: once those of arbiter_next_to_park() stand still */
    char reason[256];              /* for people: why this GPU, or why none */
    char others[LEASE_OTHERS_MAX]; /* VERDICT_GRANT of one GPU: why not the others; placement_others() */
};

void arbiter_decide (const struct gpus *gpus, const struct leases *leases, const struct question *q,
                     struct decision *out);

/* Whom to park next, so that the request has room on this GPU: the newest first. NULL: it has.  */
struct lease *arbiter_next_to_park (const struct gpus *gpus, struct leases *leases, const struct request *req,
                                    uid_t asker, unsigned gpu);
/* Is there room again for one that is parked?  */
bool arbiter_may_wake (const struct gpus *gpus, const struct leases *leases, const struct lease *lease,
                       uint32_t reserved);

/* Slots in use on a GPU; an exclusive lease uses them all.  */
unsigned arbiter_used (const struct gpus *gpus, const struct leases *leases, unsigned gpu);

/* When it is the turn of one who arrived then: realtime before interactive before batch, each a fixed time
 * later than the one before. So nobody waits for those who arrive more than twice that after him; within a
 * class it is first come, first served. Times in µs.  */
uint64_t arbiter_turn (enum request_class class, uint64_t arrival, uint64_t ageing);

#endif
