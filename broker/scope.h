/* systemd, where it manages a container's control group: at a daemon-reload it sets the device filter of the
 * scope anew, from what it was told, so it is told of every device that is allowed later.
 */
#ifndef DRI_SCOPE_H
#define DRI_SCOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

#include "../hook/device_cgroup.h"

/* The unit that manages a control group: the last part of its path with the name of a scope or service.
 * false: it is no unit of the system's manager.  */
bool scope_unit (const char *cgroup, char *unit, size_t size);

/* Adds the devices to the unit's DeviceAllow= (org.freedesktop.systemd1(5), SetUnitProperties), without
 * waiting. A failure is logged: the container has its devices until the next daemon-reload.  */
void scope_allow (sd_event *event, const char *cgroup, const struct device_number *devices, unsigned n);

#endif
