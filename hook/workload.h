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
    bool dac_override;  /* root with CAP_DAC_OVERRIDE */
    bool own_namespace; /* its ids are said to be of a user namespace of its own: outside it, they are others'
                         */
};

/* "UID:GID[:GID…]".  */
int workload_parse_user (struct workload_user *user, const char *text, struct error *err);

/* fork() for a child that will become the workload of that container. Where the kernel can (v2) it is born in
 * the container's device cgroup, since to be moved there takes 10 ms and more; what this leaves undone
 * workload_become does.  */
pid_t workload_fork (pid_t container);

/* How much of the container a child needs.  */
enum workload_view {
    WORKLOAD_LOOKS,      /* to look at its files and open its nodes: its mounts and users */
    WORKLOAD_RUNS,       /* to run a program of ours in it: all its namespaces, and its root as root. Its pid
                          * namespace       has to be entered by whoever forks the child.  */
    WORKLOAD_RUNS_THEIRS /* the same, and all mounts are read-only to it, to run one of the image's */
};

/* Becomes the workload of the container whose init is pid, and process its pidfd: in the container's pid
 * namespace that number would be another's. rootfs is the path of its root file system as the runtime's mount
 * namespace has it: before pivot_root that is where the container's mounts are. On success returns an O_PATH
 * descriptor of that root; below it, paths are to be resolved with RESOLVE_IN_ROOT only.
 *
 * Before a program is executed no process of the container, which may share the ids and the pid namespace of
 * the child, can look into it or get at its executable.  */
int workload_become (pid_t pid, int process, const char *rootfs, const struct workload_user *user,
                     enum workload_view view, struct error *err);

#endif
