/* Tells when GPUs come, go or change: udev's events of the subsystem "drm".
 *
 * A socket with a filter in the kernel: an idle machine costs no system call. Events come after udev's rules
 * have run, so that a node's group is in place. That of one node may come before another's, and before the
 * driver has done its part: so there is a last call some seconds after the last event.  */
#ifndef DRI_HOTPLUG_H
#define DRI_HOTPLUG_H

#include <systemd/sd-device.h>
#include <systemd/sd-event.h>

#include "../oci/error.h"

struct hotplug {
    sd_device_monitor *monitor; /* NULL while stopped */
    sd_event_source *last;      /* owned; the timer of the last call */
    void (*changed) (void *userdata);
    void *userdata;
};

/* Calls changed from event's loop, for each event (a GPU has several: card, render node) and once after. The
 * storage is the caller's and must stay where it is until hotplug_stop. Fails where there is no udev (a
 * container): then only Reload sees what comes and goes.  */
int hotplug_start (struct hotplug *hotplug, sd_event *event, void (*changed) (void *userdata), void *userdata,
                   struct error *err);

/* Does nothing if stopped, or never started but zeroed.  */
void hotplug_stop (struct hotplug *hotplug);

#endif
