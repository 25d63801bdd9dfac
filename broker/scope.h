/* systemd, where it manages a container's control group: at a daemon-reload it sets the device filter of the
 * scope anew, from what it was told, so it is told of every device that is allowed later.
 */
#ifndef DRI_SCOPE_H
#define DRI_SCOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

#include "../hook/device_cgroup.h"

/* The scope that an engine had systemd make for the container with this id: the first unit in the path of its
 * control group, named after it ("docker-ID.scope"). What is below it a container may name as it likes, and a
 * unit with another name (the service of a quadlet) has a device policy of its own. false: there is none.  */
bool scope_unit (const char *cgroup, const char *id, char *unit, size_t size);

/* Adds the devices to the unit's DeviceAllow= (org.freedesktop.systemd1(5), SetUnitProperties), without
 * waiting. A failure is logged: the container has its devices until the next daemon-reload.  */
void scope_allow (sd_event *event, const char *cgroup, const char *id, const struct device_number *devices,
                  unsigned n);

#endif
