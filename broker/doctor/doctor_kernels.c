#include "doctor_kernels.h"

#include <string.h>

#include "../../oci/cleanup.h"
#include "../codecs.h"
#include "doctor_system.h"

static const struct {
    const char *generation, *module;
    unsigned first;
} generations[] = {
    {"Alder Lake-S", "i915", KERNEL (5, 17)}, {"Alder Lake-P", "i915", KERNEL (5, 17)},
    {"Alder Lake-N", "i915", KERNEL (6, 2)},  {"Raptor Lake-P", "i915", KERNEL (6, 2)},
    {"Raptor Lake-S", "i915", KERNEL (6, 2)}, {"Arc (DG2)", "i915", KERNEL (6, 2)},
    {"Flex (DG2)", "i915", KERNEL (6, 2)},    {"Meteor Lake", "i915", KERNEL (6, 8)},
    {"Arrow Lake", "i915", KERNEL (6, 8)},    {"Lunar Lake", "xe", KERNEL (6, 12)},
    {"Battlemage", "xe", KERNEL (6, 12)},     {"Panther Lake", "xe", KERNEL (6, 17)},
};

/* Displays of hypervisors and of servers' remote management are not here: their drivers only show pictures.
 */
static const struct {
    uint16_t vendor;
    const char *module;
} vendors[] = {{0x8086, "i915"}, {0x1002, "amdgpu"}, {0x10de, "nouveau"}, {0x1af4, "virtio_gpu"}};

void
kernel_support_find (uint16_t vendor, uint16_t device, struct kernel_support *support)
{
    struct generation generation;

    *support = (struct kernel_support){.module = NULL};
    for (size_t i = 0; i < countof (vendors); i++)
        if (vendors[i].vendor == vendor)
            support->module = vendors[i].module;
    if (!codecs_find (vendor, device, &generation))
        return;
    support->generation = generation.name;
    for (size_t i = 0; i < countof (generations); i++) {
        if (strcmp (generations[i].generation, generation.name) == 0) {
            support->module = generations[i].module;
            support->first = generations[i].first;
        }
    }
}

bool
kernel_driver_is_fit (const char *driver)
{
    static const char *const drivers[] = {"i915",    "xe",         "amdgpu",    "radeon",
                                          "nouveau", "virtio-pci", "virtio_gpu"};

    for (size_t i = 0; i < countof (drivers); i++)
        if (strcmp (driver, drivers[i]) == 0)
            return true;
    return false;
}
