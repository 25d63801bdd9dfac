#include "hotplug.h"

#include <errno.h>
#include <unistd.h>

static int
on_event (sd_device_monitor *monitor, sd_device *device, void *userdata)
{
    struct hotplug *hotplug = userdata;
    const char *text;

    (void) monitor;
    /* A screen was plugged in or switched off, which is nothing to us.  */
    if (sd_device_get_property_value (device, "HOTPLUG", &text) < 0)
        hotplug->changed (hotplug->userdata);
    return 0;
}

static int
start_monitor (sd_device_monitor *monitor, sd_event *event, struct hotplug *hotplug)
{
    /* The devtype leaves out connectors, of which a card has several.  */
    int r = sd_device_monitor_filter_add_match_subsystem_devtype (monitor, "drm", "drm_minor");

    if (r >= 0)
        r = sd_device_monitor_attach_event (monitor, event);
    if (r >= 0)
        r = sd_device_monitor_start (monitor, on_event, hotplug);
    return r;
}

int
hotplug_start (struct hotplug *hotplug, sd_event *event, void (*changed) (void *userdata), void *userdata,
               struct error *err)
{
    sd_device_monitor *monitor;
    int r;

    /* sd_device_monitor_new would succeed and hear nothing.  */
    if (access ("/run/udev", F_OK) < 0)
        return error_set (err, errno, "no udev to tell when GPUs come and go (/run/udev)");
    r = sd_device_monitor_new (&monitor);
    if (r < 0)
        return error_set (err, -r, "listen to udev");
    *hotplug = (struct hotplug){.changed = changed, .userdata = userdata};
    r = start_monitor (monitor, event, hotplug);
    if (r < 0) {
        (void) sd_device_monitor_unref (monitor);
        return error_set (err, -r, "listen to udev");
    }
    hotplug->monitor = monitor;
    return 0;
}

void
hotplug_stop (struct hotplug *hotplug)
{
    hotplug->monitor = sd_device_monitor_unref (hotplug->monitor);
}
