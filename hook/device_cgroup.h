/* Which DRM devices a container's control group lets it open.
 *
 * v1: devices.list, devices.allow and devices.deny of the group (kernel, admin-guide/cgroup-v1/devices). v2:
 * the programs of type BPF_PROG_TYPE_CGROUP_DEVICE attached to the group. All have to agree to an access, so
 * each gets a prologue that decides about DRM devices and leaves everything else to the program behind it.
 */
#ifndef DRI_DEVICE_CGROUP_H
#define DRI_DEVICE_CGROUP_H

#include <stddef.h>
#include <sys/types.h>

#include "../oci/error.h"

enum { DEVICE_CGROUP_PATH_MAX = 640, DEVICE_CGROUP_DEVICES_MAX = 64 };

struct device_number {
    unsigned major, minor;
};

/* The group of the process in the hierarchy that filters devices, as a path below the mount of that hierarchy
 * ("/system.slice/docker-….scope"); "" where none filters. A container may move its processes to groups of
 * its own later: to be asked before the container runs.  */
int device_cgroup_of (pid_t pid, char *path, size_t size, struct error *err);

/* An O_PATH descriptor of that group, opened without following links; the caller's to close.  */
int device_cgroup_open (const char *path, struct error *err);

/* From now on the group may open, for reading and writing, of all DRM devices just these; those of other
 * majors (stand-ins of simulated GPUs) it may open in addition. Open files stay open. Wants CAP_SYS_ADMIN. */
int device_cgroup_set_drm (int group, const struct device_number *devices, unsigned n, struct error *err);

#endif
