#include "hotplug.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

enum { SETTLE_S = 3 };

static int
on_settled (sd_event_source *source, uint64_t usec, void *userdata)
{
    struct hotplug *hotplug = userdata;

    (void) source;
    (void) usec;
    hotplug->changed (hotplug->userdata);
    return 0;
}

/* Without it the events themselves do, nearly always.  */
static void
call_last (struct hotplug *hotplug)
{
    if (sd_event_source_set_time_relative (hotplug->last, SETTLE_S * UINT64_C (1000000)) >= 0)
        (void) sd_event_source_set_enabled (hotplug->last, SD_EVENT_ONESHOT);
}

static int
on_event (sd_device_monitor *monitor, sd_device *device, void *userdata)
{
    struct hotplug *hotplug = userdata;
    const char *text;

    (void) monitor;
    /* A screen was plugged in or switched off, which is nothing to us.  */
    if (sd_device_get_property_value (device, "HOTPLUG", &text) < 0) {
        hotplug->changed (hotplug->userdata);
        call_last (hotplug);
    }
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
        r = sd_event_add_time (event, &hotplug->last, CLOCK_MONOTONIC, 0, 0, on_settled, hotplug);
    if (r >= 0)
        r = sd_event_source_set_enabled (hotplug->last, SD_EVENT_OFF);
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
        hotplug->last = sd_event_source_disable_unref (hotplug->last);
        return error_set (err, -r, "listen to udev");
    }
    hotplug->monitor = monitor;
    return 0;
}

void
hotplug_stop (struct hotplug *hotplug)
{
    hotplug->monitor = sd_device_monitor_unref (hotplug->monitor);
    hotplug->last = sd_event_source_disable_unref (hotplug->last);
}
