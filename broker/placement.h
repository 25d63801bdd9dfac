/* Which of several GPUs, all of them good for a request and with room, and why not the others. Pure.  */
#ifndef DRI_PLACEMENT_H
#define DRI_PLACEMENT_H

#include "fitness.h"
#include "occupancy.h"

/* How busy the containers keep each GPU: percent of its busiest engine, a mean of seconds to a minute; below
 * 0: not known.  */
struct load {
    int percent[GPUS_MAX];
};

/* What is asked, by whom, and what is known about it beside the tables.  */
struct question {
    const struct request *req;
    uid_t asker;       /* who is not root learns of others how many slots they use, and no more */
    uint32_t reserved; /* GPUs that requests before this one wait for; they are not given away */
    const struct policy_mark *policy;
    int home;                /* the GPU that the container had last; -1: none */
    const struct load *load; /* NULL: not known */
};

/* Are there several GPUs now?  */
bool placement_is_a_choice (const struct gpus *gpus);

/* The home where it is in the set. Else the GPU that is least full, by slots or by load, whichever of the two
 * is more: a slot says what may come, the load what is there. Where the load of one is not known that of none
 * counts. Of equals the one with more free slots, then the first. GPUS_MAX: the set is empty.  */
unsigned placement_choose (const struct gpus *gpus, const struct occupancy *usage, const struct question *q,
                           uint32_t set);

/* "had 1 of 16 slots in use and was 5% busy", "…; it had it before": of the one that was chosen of this set.
 */
void placement_describe (const struct gpus *gpus, const struct occupancy *usage, const struct question *q,
                         uint32_t set, unsigned chosen, char *out, size_t size);

/* Each other GPU: "arc: 7 of 8 slots in use; old: gone". selector: which of the request's words was followed.
 * fitness: of all that the request and the policy allow. */
void placement_others (const struct gpus *gpus, const struct occupancy *usage, const struct question *q,
                       const struct fitness *fitness, unsigned chosen, unsigned selector, char *out,
                       size_t size);

#endif
