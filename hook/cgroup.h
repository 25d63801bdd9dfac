/* Where a process stands in the control groups: v2 alone, or v1 with a folder for each hierarchy, as systemd
 * lays them out (on a hybrid layout, v1's).  */
#ifndef DRI_CGROUP_H
#define DRI_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "../oci/error.h"

enum { CGROUP_PATH_MAX = 640 };

/* Is v2 all there is?  */
bool cgroup_is_v2 (void);

/* The group of the process (0: of the caller) in the hierarchy of this controller of v1's, as a path below
 * the mount of that hierarchy ("/system.slice/docker-….scope"); "" where it is not mounted: what is not, does
 * nothing, though /proc/PID/cgroup may list it. A container may move its processes to groups of its own
 * later: to be asked before the container runs.  */
int cgroup_of (pid_t pid, const char *controller, char *path, size_t size, struct error *err);

/* How long the part of such a path is that ends in the group which an engine made for the container with this
 * id: the outermost component that is ID, docker-ID, libpod-ID, libpod-payload-ID (libpod), crio-ID,
 * cri-containerd-ID or nerdctl-ID, with or without ".scope". What is below it is the container's own doing,
 * save crun's "container". 0: there is none, or the id is not of 64 digits and may be any word.  */
size_t cgroup_engines_part (const char *path, const char *id);

/* A descriptor of that group's folder, opened without following links; the caller's to close.  */
int cgroup_open (const char *controller, const char *path, struct error *err);

/* The same in two steps, for who opens many: where the hierarchy is mounted, and a group's folder below it.
 * Both descriptors are the caller's; the second call fails with errno.  */
int cgroup_open_mount (const char *controller, struct error *err);
int cgroup_open_below (int mount, const char *path);

#endif
