/* Which Linux has which driver for a GPU. Pure.
 *
 * First is the first release that takes the GPU without being forced to (force_probe). Distributions bring
 * drivers for newer GPUs to older kernels: a driver that is bound is new enough, whatever stands here.
 *
 * Sources: Linux, drivers/gpu/drm/i915/i915_pci.c and drivers/gpu/drm/xe/xe_pci.c (require_force_probe) of
 * the releases: 5.17 Alder Lake-S and -P; 6.2 Alder Lake-N, Raptor Lake, DG2; 6.8 Meteor and Arrow Lake; 6.12
 * Lunar Lake and Battlemage (xe); 6.17 Panther Lake (xe). The ids are those of codecs.h.  */
#ifndef DRI_DOCTOR_KERNELS_H
#define DRI_DOCTOR_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

struct kernel_support {
    const char *module; /* "i915"; NULL: no driver of Linux makes a render node of it, or none that we know */
    unsigned first;     /* KERNEL() of doctor_system.h; 0: any that is in use, or not known */
    const char *generation; /* "Alder Lake-N"; NULL where it is not known */
};

void kernel_support_find (uint16_t vendor, uint16_t device, struct kernel_support *support);

/* Drivers that make render nodes for which there is VA-API in free software.  */
bool kernel_driver_is_fit (const char *driver);

#endif
