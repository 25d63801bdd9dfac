/* One device node of a container, opened as whoever we are now.  */
#ifndef DRI_NODE_H
#define DRI_NODE_H

#include <stdbool.h>

#include "../oci/error.h"
#include "../oci/grant.h"

/* Opens dev/dri/NAME below root with RESOLVE_IN_ROOT, and makes sure that it is the device granted.
 * err->status is the errno of the open, so that EPERM (device cgroup), EACCES (owner, mode) and ENXIO (no
 * driver) can be told apart.  */
int node_open (int root, const struct grant_node *node, struct error *err);

#endif
