/* PCI devices of the examined machine, as /sys/bus/pci/devices shows them (Linux, Documentation/ABI/testing/
 * sysfs-bus-pci).  */
#ifndef DRI_DOCTOR_PCI_H
#define DRI_DOCTOR_PCI_H

#include <stdbool.h>
#include <stdint.h>

#include "doctor.h"

enum { DOCTOR_PCI_MAX = 512 };

struct doctor_pci {
    char address[16]; /* "0000:00:02.0" */
    uint32_t class;   /* 24 bits: base class, subclass, interface */
    uint16_t vendor, device, subsystem_vendor, subsystem_device;
    bool boot_vga;   /* the firmware's screen is on it */
    char driver[32]; /* bound to it; "" where none is */
    char group[16];  /* number of its IOMMU group; "" where there is no IOMMU */
};

/* Base class 03h of the PCI Code and ID Assignment Specification: VGA, 3D and other display controllers.  */
bool pci_is_display (const struct doctor_pci *pci);

/* The class of audio devices that sit beside a display controller, as HDMI sound does: 0403h.  */
bool pci_is_audio (const struct doctor_pci *pci);

/* 0604h.  */
bool pci_is_bridge (const struct doctor_pci *pci);

/* "Alder Lake-N [8086:46d1]", "Intel GPU [8086:ffff]", "[8086:ffff]" of what is no display.  */
void pci_title (const struct doctor_pci *pci, char *out, size_t size);

/* All devices, sorted by address, into list, which has room for DOCTOR_PCI_MAX. How many there are.  */
size_t doctor_pci_list (const struct doctor *doctor, struct doctor_pci *list);

/* The display controllers only.  */
size_t doctor_pci_displays (const struct doctor *doctor, struct doctor_pci *list);

#endif
