/* Which DRM devices a container's control group lets it open.
 *
 * v1: devices.list, devices.allow and devices.deny of the group (kernel, admin-guide/cgroup-v1/devices). v2:
 * the programs of type BPF_PROG_TYPE_CGROUP_DEVICE attached to the group. All have to agree to an access, so
 * each gets a prologue that decides about DRM devices and leaves everything else to the program behind it.
 */
#ifndef DRI_DEVICE_CGROUP_H
#define DRI_DEVICE_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "../oci/error.h"

enum { DEVICE_CGROUP_DEVICES_MAX = 64 };

struct device_number {
    unsigned major, minor;
};

/* From now on the group may open, for reading and writing, of all DRM devices just these; those of other
 * majors (stand-ins of simulated GPUs) it may open in addition. Open files stay open. On v1 a group that may
 * open everything is left so. Wants CAP_SYS_ADMIN.  */
int device_cgroup_set_drm (int group, const struct device_number *devices, unsigned n, struct error *err);

/* No DRM device from now on, and not for a group that may open everything either: on v1 that one, and those
 * below it, cannot be given any back.  */
int device_cgroup_shut_drm (int group, struct error *err);

struct bpf_insn;
enum { DEVICE_CGROUP_PROLOGUE_MAX = 16 + 4 * DEVICE_CGROUP_DEVICES_MAX };

/* v2's part that asks no kernel: into whole, with room for DEVICE_CGROUP_PROLOGUE_MAX instructions more than
 * len, the program insns behind a prologue for these devices, which takes the place of the one it had.
 * Returns the length.  */
unsigned device_cgroup_program (struct bpf_insn *whole, const struct bpf_insn *insns, unsigned len,
                                const struct device_number *devices, unsigned n);

#endif
