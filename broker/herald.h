/* Tells of what happens to leases, at the place where it does: an entry in the ring of events, and no more.
 */
#ifndef DRI_HERALD_H
#define DRI_HERALD_H

#include "leasing.h"

/* reason NULL: that of the lease.  */
void herald_lease (struct leasing *l, enum event_kind kind, const struct lease *lease, const char *reason);
/* The same about GPUs that are not, or not any more, the lease's.  */
void herald_gpus (struct leasing *l, enum event_kind kind, const struct lease *lease, uint32_t gpus,
                  const char *reason);

/* Of one without a lease.  */
void herald_order (struct leasing *l, enum event_kind kind, const struct order *order, const char *reason);

/* Of one that waits: with its place in the queue.  */
void herald_queued (struct leasing *l, const struct waiter *waiter);

#endif
