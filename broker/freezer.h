/* Stops and starts all processes of a control group (kernel, admin-guide/cgroup-v1/freezer-subsystem and
 * admin-guide/cgroup-v2, cgroup.freeze). What the GPU was given before goes on to its end.  */
#ifndef DRI_FREEZER_H
#define DRI_FREEZER_H

#include <stdbool.h>

#include "../hook/cgroup.h"
#include "../oci/error.h"

/* cgroup: of cgroup_of (pid, "freezer", …). The kernel takes the order and carries it out later. errno of
 * failures in err->status; ENOENT: the group is gone.  */
int freezer_set (const char *cgroup, bool frozen, struct error *err);

/* Has somebody, whoever, ordered it to be frozen?  */
int freezer_get (const char *cgroup, bool *frozen, struct error *err);

#endif
