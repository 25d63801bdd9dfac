#include "scope.h"

#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>

#include "../oci/cleanup.h"

static bool
ends_with (const char *text, size_t len, const char *suffix)
{
    size_t n = strlen (suffix);

    return len > n && strncmp (text + len - n, suffix, n) == 0;
}

bool
scope_unit (const char *cgroup, const char *id, char *unit, size_t size)
{
    char suffix[160];

    unit[0] = '\0';
    /* A user's own manager looks after what is below its service.  */
    if (id[0] == '\0' || strstr (cgroup, "/user@"))
        return false;
    (void) snprintf (suffix, sizeof suffix, "-%.127s.scope", id);
    while (*cgroup) {
        size_t len = strcspn (cgroup, "/");

        if (ends_with (cgroup, len, ".scope") || ends_with (cgroup, len, ".service")) {
            if (!ends_with (cgroup, len, suffix) || len >= size)
                return false;
            memcpy (unit, cgroup, len);
            unit[len] = '\0';
            return true;
        }
        cgroup += len;
        cgroup += strspn (cgroup, "/");
    }
    return false;
}

static int
on_reply (sd_bus_message *reply, void *userdata, sd_bus_error *ignored)
{
    const sd_bus_error *error = sd_bus_message_get_error (reply);

    (void) userdata;
    (void) ignored;
    if (error)
        (void) fprintf (stderr, "systemd does not take the GPU of a container: %s\n", error->message);
    /* It was of this call alone.  */
    (void) sd_bus_close_unref (sd_bus_message_get_bus (reply));
    return 0;
}

static int
append_devices (sd_bus_message *call, const struct device_number *devices, unsigned n)
{
    int r = sd_bus_message_open_container (call, SD_BUS_TYPE_ARRAY, "(sv)");

    if (r >= 0)
        r = sd_bus_message_open_container (call, SD_BUS_TYPE_STRUCT, "sv");
    if (r >= 0)
        r = sd_bus_message_append (call, "s", "DeviceAllow");
    if (r >= 0)
        r = sd_bus_message_open_container (call, SD_BUS_TYPE_VARIANT, "a(ss)");
    if (r >= 0)
        r = sd_bus_message_open_container (call, SD_BUS_TYPE_ARRAY, "(ss)");
    for (unsigned i = 0; i < n && r >= 0; i++) {
        char path[48];

        (void) snprintf (path, sizeof path, "/dev/char/%u:%u", devices[i].major, devices[i].minor);
        r = sd_bus_message_append (call, "(ss)", path, "rw");
    }
    for (int depth = 0; depth < 4 && r >= 0; depth++)
        r = sd_bus_message_close_container (call);
    return r;
}

static int
send_call (sd_bus *bus, sd_event *event, const char *unit, const struct device_number *devices, unsigned n)
{
    sd_bus_message *call = NULL;
    int r = sd_bus_attach_event (bus, event, SD_EVENT_PRIORITY_NORMAL);

    if (r >= 0)
        r = sd_bus_message_new_method_call (bus, &call, "org.freedesktop.systemd1",
                                            "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
                                            "SetUnitProperties");
    if (r >= 0)
        r = sd_bus_message_append (call, "sb", unit, 1);
    if (r >= 0)
        r = append_devices (call, devices, n);
    if (r >= 0)
        r = sd_bus_call_async (bus, NULL, call, on_reply, NULL, 0);
    (void) sd_bus_message_unref (call);
    return r;
}

void
scope_allow (sd_event *event, const char *cgroup, const char *id, const struct device_number *devices,
             unsigned n)
{
    sd_bus *bus = NULL;
    char unit[256];
    int r;

    if (n == 0 || !scope_unit (cgroup, id, unit, sizeof unit) || sd_booted () <= 0)
        return;
    r = sd_bus_open_system (&bus);
    if (r >= 0)
        r = send_call (bus, event, unit, devices, n);
    if (r < 0) {
        (void) fprintf (stderr, "systemd cannot be told of the GPU of %s: %s\n", unit, strerror (-r));
        (void) sd_bus_close_unref (bus);
    }
}
