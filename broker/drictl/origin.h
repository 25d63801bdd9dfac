/* Which container a process is of, by the names that engines give control groups. Pure.
 *
 * docker-ID.scope, docker/ID (moby, daemon/oci_linux.go); libpod-ID.scope (libpod); crio-ID.scope (CRI-O);
 * cri-containerd-ID.scope, kubepods/…/podUID/ID (containerd, Kubernetes); nerdctl-ID.scope; lxc.payload.NAME,
 * lxc.payload/NAME (LXC 4, lxc.container.conf(5)), lxc/NAME (Proxmox VE). user-UID.slice has the groups of
 * user@UID.service, which are that user's to make (user@.service(5)).  */
#ifndef DRI_ORIGIN_H
#define DRI_ORIGIN_H

#include <stdbool.h>
#include <sys/types.h>

struct origin {
    char engine[16]; /* "docker", "podman", "cri-o", "containerd", "lxc"; "" where only the id can be told */
    char id[80];
    uid_t owner; /* whose systemd made the group: a user can name his own as he likes; 0: the host's */
};

/* cgroup: a path of /proc/PID/cgroup. Of containers in containers it is the outermost, which the host knows.
 * False: of none that can be told.  */
bool origin_of (const char *cgroup, struct origin *origin);

#endif
