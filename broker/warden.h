/* The broker's other half: a child that keeps CAP_SYS_ADMIN, which the device filter of a control group
 * wants, while the broker itself, which clients talk to, gives it up. It knows one request, and can make only
 * those system calls that the request takes (seccomp).
 */
#ifndef DRI_WARDEN_H
#define DRI_WARDEN_H

#include <systemd/sd-event.h>

#include "../hook/device_cgroup.h"
#include "../oci/error.h"

struct warden {
    int fd; /* owned */
};

/* Forks. To be called while there is nothing yet that a child should not have.  */
int warden_start (struct warden *warden, struct error *err);

/* Ends the event loop with a failure where the child dies: whoever starts the broker anew gets both halves.
 */
int warden_watch (const struct warden *warden, sd_event *event, struct error *err);

/* device_cgroup_set_drm() for the group of this path, of device_cgroup_of(). "": nothing filters, nothing to
 * do.  */
int warden_set_drm (const struct warden *warden, const char *cgroup, const struct device_number *devices,
                    unsigned n, struct error *err);

#endif
