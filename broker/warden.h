/* The broker's other half: a child that keeps CAP_SYS_ADMIN, which the device filter of a control group and
 * a mount want, while the broker itself, which clients talk to, gives it up. It knows two requests, and can
 * make only those system calls that they take (seccomp).
 */
#ifndef DRI_WARDEN_H
#define DRI_WARDEN_H

#include <systemd/sd-event.h>

#include "../hook/device_cgroup.h"
#include "../oci/error.h"

struct warden {
    int fd; /* owned */
};

/* Forks. To be called while there is nothing yet that a child should not have. lease_root lives as long.  */
int warden_start (struct warden *warden, const char *lease_root, struct error *err);

/* Ends the event loop with a failure where the child dies: whoever starts the broker anew gets both halves.
 */
int warden_watch (const struct warden *warden, sd_event *event, struct error *err);

/* device_cgroup_set_drm() for the group of this path, of cgroup_of(). "": nothing filters, nothing to
 * do.  */
int warden_set_drm (const struct warden *warden, const char *cgroup, const struct device_number *devices,
                    unsigned n, struct error *err);
/* The same for device_cgroup_shut_drm().  */
int warden_shut_drm (const struct warden *warden, const char *cgroup, struct error *err);

/* A detached mount of the directory of this lease, read-only, for somebody who may not enter the lease root
 * himself; the caller's to close.  */
int warden_mount (const struct warden *warden, const char *lease, struct error *err);

#endif
