/* Who may use which GPU, now. Pure: structs and a request in, a decision out; no clock, no system call.  */
#ifndef DRI_ARBITER_H
#define DRI_ARBITER_H

#include "gpu.h"
#include "lease.h"

enum verdict {
    VERDICT_GRANT,
    VERDICT_WAIT,   /* not now: no such GPU yet, or it is held by others */
    VERDICT_REFUSE, /* waiting would not help */
};

struct decision {
    enum verdict verdict;
    uint32_t gpus;       /* VERDICT_GRANT: the set granted */
    uint32_t candidates; /* the GPUs that fit the selectors, granted or not */
    char reason[256];    /* for people: why this GPU, or why none */
};

/* reserved: GPUs that requests before this one in the queue wait for; they are not given away.  */
void arbiter_decide (const struct gpus *gpus, const struct leases *leases, const struct request *req,
                     uint32_t reserved, struct decision *out);

/* Slots in use on a GPU; an exclusive lease uses them all.  */
unsigned arbiter_used (const struct gpus *gpus, const struct leases *leases, unsigned gpu);

/* Does a come before b in the queue? By class; equals keep the order in which they came.  */
bool arbiter_before (const struct request *a, const struct request *b);

#endif
