/* What leases are called in metrics: what people call them, and no two the same. Pure.  */
#ifndef DRI_METRICS_NAMES_H
#define DRI_METRICS_NAMES_H

#include <jansson.h>

/* Of a reply of Status: an array of a name for each of its leases, in their order; the reference is the
 * caller's.  */
json_t *metrics_lease_names (const json_t *status);

#endif
