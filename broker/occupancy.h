/* What room the GPUs have. Pure.  */
#ifndef DRI_OCCUPANCY_H
#define DRI_OCCUPANCY_H

#include "gpu.h"
#include "lease.h"

/* Slots in use, of every GPU: counted once for a decision.  */
struct occupancy {
    unsigned used[GPUS_MAX];
};

/* Monitors count as no user, nor do those who are parked; a lease without a GPU holds an empty set. parking:
 * as if all were parked that this asker may have parked; NULL: none.  */
struct occupancy occupancy_count (const struct gpus *gpus, const struct leases *leases, const uid_t *parking);

bool occupancy_has_room (const struct occupancy *usage, const struct gpus *gpus, const struct request *req,
                         unsigned gpu);
/* Those of the set that have.  */
uint32_t occupancy_roomy (const struct occupancy *usage, const struct gpus *gpus, const struct request *req,
                          uint32_t among);

/* Nobody but root has other users' containers parked.  */
bool occupancy_may_park (const struct lease *lease, uid_t asker);

#endif
