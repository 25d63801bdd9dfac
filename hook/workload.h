/* Becoming the workload, in a child that will never be anything else: its device cgroup, mount and user
 * namespaces, ids, and no capability but what it will have itself.  */
#ifndef DRI_WORKLOAD_H
#define DRI_WORKLOAD_H

#include <stdbool.h>
#include <sys/types.h>

#include "../oci/container.h"
#include "../oci/error.h"

struct workload_user {
    uid_t uid; /* ids as in the container */
    gid_t gid;
    gid_t gids[WORKLOAD_GIDS_MAX + 8];
    unsigned n_gids;
    bool dac_override; /* root with CAP_DAC_OVERRIDE */
};

/* "UID:GID[:GID…]".  */
int workload_parse_user (struct workload_user *user, const char *text, struct error *err);

/* Becomes the workload of the container whose init is pid. rootfs is the path of its root file system as the
 * runtime's mount namespace has it: before pivot_root that is where the container's mounts are. On success
 * returns an O_PATH descriptor of that root; below it, paths are to be resolved with RESOLVE_IN_ROOT only. */
int workload_become (pid_t pid, const char *rootfs, const struct workload_user *user, struct error *err);

#endif
