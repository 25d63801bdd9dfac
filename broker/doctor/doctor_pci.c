#include "doctor_pci.h"

#include <stdio.h>
#include <string.h>

#include "../codecs.h"

bool
pci_is_display (const struct doctor_pci *pci)
{
    return pci->class >> 16 == 0x03;
}

bool
pci_is_audio (const struct doctor_pci *pci)
{
    return pci->class >> 8 == 0x0403;
}

bool
pci_is_bridge (const struct doctor_pci *pci)
{
    return pci->class >> 8 == 0x0604;
}

static const char *
vendor_name (uint16_t vendor)
{
    switch (vendor) {
    case 0x8086:
        return "Intel GPU ";
    case 0x1002:
        return "AMD GPU ";
    case 0x10de:
        return "NVIDIA GPU ";
    case 0x1af4:
        return "virtio GPU ";
    case 0x1234:
    case 0x1b36:
    case 0x1013:
    case 0x15ad:
        return "a hypervisor's display ";
    case 0x1a03:
    case 0x102b:
        return "a server's display for remote management ";
    default:
        return "GPU ";
    }
}

void
pci_title (const struct doctor_pci *pci, char *out, size_t size)
{
    struct generation generation;

    if (codecs_find (pci->vendor, pci->device, &generation))
        (void) snprintf (out, size, "%s [%04x:%04x]", generation.name, pci->vendor, pci->device);
    else
        (void) snprintf (out, size, "%s[%04x:%04x]", pci_is_display (pci) ? vendor_name (pci->vendor) : "",
                         pci->vendor, pci->device);
}

static unsigned long long
attribute (const struct doctor *doctor, const char *address, const char *name)
{
    unsigned long long number = 0;

    (void) doctor_read_number (doctor, &number, "/sys/bus/pci/devices/%s/%s", address, name);
    return number;
}

static void
read_device (const struct doctor *doctor, const char *address, struct doctor_pci *pci)
{
    *pci = (struct doctor_pci){
        .class = (uint32_t) attribute (doctor, address, "class"),
        .vendor = (uint16_t) attribute (doctor, address, "vendor"),
        .device = (uint16_t) attribute (doctor, address, "device"),
        .subsystem_vendor = (uint16_t) attribute (doctor, address, "subsystem_vendor"),
        .subsystem_device = (uint16_t) attribute (doctor, address, "subsystem_device"),
        .boot_vga = attribute (doctor, address, "boot_vga") == 1,
    };
    (void) snprintf (pci->address, sizeof pci->address, "%s", address);
    (void) doctor_link_name (doctor, pci->driver, sizeof pci->driver, "/sys/bus/pci/devices/%s/driver",
                             address);
    (void) doctor_link_name (doctor, pci->group, sizeof pci->group, "/sys/bus/pci/devices/%s/iommu_group",
                             address);
}

/* "0000:00:02.0"; a domain may have more digits (Linux, drivers/pci/controller/vmd.c: "10000:e0:06.0").  */
static bool
is_address (const char *name)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = strspn (name, hex);
    const char *rest = name + n;

    return n >= 4 && strlen (rest) == 8 && rest[0] == ':' && strspn (rest + 1, hex) == 2 && rest[3] == ':'
           && strspn (rest + 4, hex) == 2 && rest[6] == '.' && rest[7] >= '0' && rest[7] <= '7';
}

static size_t
list_devices (const struct doctor *doctor, struct doctor_pci *list, bool displays)
{
    _cleanup_names_ struct doctor_names names = {0};
    size_t n = 0;

    (void) doctor_list_dir (doctor, &names, "/sys/bus/pci/devices");
    for (size_t i = 0; i < names.n && n < DOCTOR_PCI_MAX; i++) {
        if (strlen (names.list[i]) >= sizeof list->address || !is_address (names.list[i]))
            continue;
        read_device (doctor, names.list[i], &list[n]);
        if (!displays || pci_is_display (&list[n]))
            n++;
    }
    return n;
}

size_t
doctor_pci_list (const struct doctor *doctor, struct doctor_pci *list)
{
    return list_devices (doctor, list, false);
}

size_t
doctor_pci_displays (const struct doctor *doctor, struct doctor_pci *list)
{
    return list_devices (doctor, list, true);
}
