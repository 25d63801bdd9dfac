/* One device node of a container, opened as whoever we are now, and its DRM driver asked who it is, by the
 * kernel's own interface (include/uapi/drm/drm.h): no library runs in the container's name.  */
#ifndef DRI_NODE_H
#define DRI_NODE_H

#include <stdbool.h>

#include "../oci/error.h"
#include "../oci/grant.h"

/* Opens dev/dri/NAME below root with RESOLVE_IN_ROOT, and makes sure that it is the device granted.
 * err->status is the errno of the open, so that EPERM (device cgroup), EACCES (owner, mode) and ENXIO (no
 * driver) can be told apart.  */
int node_open (int root, const struct grant_node *node, struct error *err);

/* "i915 1.6.0", from DRM_IOCTL_VERSION.  */
int node_driver (int fd, char *text, size_t size, struct error *err);

#endif
