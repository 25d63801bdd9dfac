/* The IOMMU of a host: on, in which mode, and whether its groups are clean and true.
 *
 * Sources: the kernel's admin-guide/kernel-parameters (intel_iommu=, amd_iommu=, iommu=),
 * Documentation/ABI/testing/ sysfs-class-iommu and sysfs-kernel-iommu_groups, driver-api/vfio (what a group
 * means); Proxmox VE's PCI passthrough chapter (intel_iommu=on is its kernel's default since 6.8); Debian bug
 * 935270 (Debian's kernels leave the integrated GPU out by default); PVE::SysFSTools (a VM's start takes the
 * whole group).  */
#include <stdio.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "doctor_host.h"

enum { INTEL_DEFAULT = KERNEL (6, 8) };

static bool
is_pve_kernel (const struct host *host)
{
    return strstr (host->system.release, "-pve") != NULL;
}

static bool
is_amd (const struct host *host)
{
    _cleanup_free_ char *cpu = doctor_read_file (host->doctor, NULL, "/proc/cpuinfo");

    return cpu && strstr (cpu, "AuthenticAMD") != NULL;
}

/* The word that turns the IOMMU off, or NULL.  */
static const char *
turned_off (const struct host *host)
{
    if (boot_line_says (host->system.boot_line, "iommu", "off"))
        return "iommu=off";
    if (boot_line_says (host->system.boot_line, "intel_iommu", "off"))
        return "intel_iommu=off";
    return boot_line_says (host->system.boot_line, "amd_iommu", "off") ? "amd_iommu=off" : NULL;
}

static void
explain_amd (const struct host *host)
{
    if (!doctor_exists (host->doctor, "/sys/firmware/acpi/tables/IVRS")) {
        doctor_bad (
            host->doctor, "host.iommu",
            "the IOMMU is off in the firmware: it has no IVRS table; the kernel needs no word for AMD's, "
            "and amd_iommu=on is none");
        host_next_firmware (host);
        doctor_next_comment (host->doctor, "turn on \"IOMMU\" or \"AMD-Vi\", not \"Auto\"");
        return;
    }
    doctor_bad (host->doctor, "host.iommu",
                "the IOMMU is off, though the firmware has it (IVRS table) and AMD's is on by default");
    doctor_next (host->doctor, "journalctl -k -g 'AMD-Vi|IOMMU'  # says why");
}

static void
explain_intel (const struct host *host)
{
    if (!doctor_exists (host->doctor, "/sys/firmware/acpi/tables/DMAR")) {
        doctor_bad (
            host->doctor, "host.iommu",
            "the IOMMU is off in the firmware: it has no DMAR table; no word on the kernel command line "
            "helps");
        host_next_firmware (host);
        doctor_next_comment (host->doctor, "turn on \"VT-d\"");
        return;
    }
    if (is_pve_kernel (host) && host->system.kernel >= INTEL_DEFAULT) {
        doctor_bad (
            host->doctor, "host.iommu",
            "the IOMMU is off, though the firmware has it (DMAR table) and Proxmox VE's kernels since 6.8 "
            "turn it on by themselves");
        doctor_next (host->doctor, "journalctl -k -g DMAR  # says why");
        return;
    }
    doctor_bad (
        host->doctor, "host.iommu",
        "the IOMMU is off: the firmware has it (DMAR table), and kernel %s wants to be told; Proxmox VE's "
        "kernels since 6.8 do not",
        host->system.release[0] ? host->system.release : "of this version");
    doctor_next_boot_add (&host->system, "intel_iommu=on");
}

static void
explain_off (const struct host *host)
{
    const char *word = turned_off (host);

    if (!host_passes_devices (host)) {
        doctor_none (host->doctor, "host.iommu",
                     "the IOMMU is off, which matters to virtual machines only: none is given a device, and "
                     "containers need none");
    } else if (word) {
        doctor_bad (host->doctor, "host.iommu", "the IOMMU is off: %s is on the kernel command line", word);
        doctor_next_boot_remove (&host->system, word);
    } else if (!doctor_exists (host->doctor, "/sys/firmware/acpi/tables")) {
        doctor_bad (host->doctor, "host.iommu",
                    "the IOMMU is off, and the firmware's tables cannot be seen here");
        doctor_next (host->doctor,
                     "ls /sys/firmware/acpi/tables  # DMAR (Intel) or IVRS (AMD) is there if it is on");
    } else if (is_amd (host)) {
        explain_amd (host);
    } else {
        explain_intel (host);
    }
}

/* Words that are said in every guide, and change nothing.  */
static void
check_words (const struct host *host)
{
    if (boot_line_says (host->system.boot_line, "amd_iommu", "on"))
        doctor_none (host->doctor, "host.iommu-words",
                     "amd_iommu=on is on the kernel command line and means nothing: the kernel knows no such "
                     "word, AMD's IOMMU is on by default");
    else if (boot_line_says (host->system.boot_line, "intel_iommu", "on") && is_amd (host))
        doctor_none (
            host->doctor, "host.iommu-words",
            "intel_iommu=on is on the kernel command line, and this processor is AMD's: it does nothing");
    else if (boot_line_says (host->system.boot_line, "intel_iommu", "on") && is_pve_kernel (host)
             && host->system.kernel >= INTEL_DEFAULT)
        doctor_none (host->doctor, "host.iommu-words",
                     "intel_iommu=on is on the kernel command line: since Linux 6.8 of Proxmox VE it is the "
                     "default, and does no harm");
}

/* iommu=pt concerns devices that the host keeps: those of VMs are translated in any mode.  */
static void
check_mode (const struct host *host)
{
    if (boot_line_says (host->system.boot_line, "iommu", "pt")
        || boot_line_says (host->system.boot_line, "iommu.passthrough", "1"))
        doctor_good (
            host->doctor, "host.iommu-mode",
            "devices that the host keeps are not translated (iommu=pt), which saves it some time; those "
            "of VMs are translated all the same");
    else
        doctor_good (host->doctor, "host.iommu-mode",
                     "all devices are translated; iommu=pt would spare those that the host keeps, and is not "
                     "needed to give one to a VM");
}

/* igfx_off, intgpu_off, or Debian's default of the latter.  */
static void
check_left_out (const struct host *host, const struct doctor_pci *pci)
{
    char title[HOST_TITLE_MAX];
    size_t len;

    host_title (pci, title);
    doctor_bad (host->doctor, "host.iommu-gpu", "GPU %s is in no IOMMU group: %s", title,
                boot_line_value (host->system.boot_line, "intel_iommu", &len) && len > 0
                    ? "a word of intel_iommu= on the kernel command line leaves it out"
                    : "this kernel leaves integrated GPUs out by default (Debian's do)");
    if (boot_line_value (host->system.boot_line, "intel_iommu", &len))
        doctor_next_boot_remove (&host->system, "intel_iommu=");
    doctor_next_boot_add (&host->system, "intel_iommu=on");
}

/* --- groups --- */

/* Neither ports nor host bridges are given to anybody; vfio does not count them either.  */
static bool
does_not_count (const struct doctor_pci *pci)
{
    return pci_is_bridge (pci) || pci->class >> 8 == 0x0600;
}

static void
add_other (char *list, size_t size, const struct doctor_pci *pci)
{
    size_t used = strlen (list);

    (void) snprintf (list + used, size - used, "%s%s [%04x:%04x]%s%s", used ? ", " : "", pci->address,
                     pci->vendor, pci->device, pci->driver[0] ? " of " : "", pci->driver);
}

static void
check_group (const struct host *host, const struct doctor_pci *gpu)
{
    char title[HOST_TITLE_MAX], others[512] = "";
    bool card = false;

    host_title (gpu, title);
    for (size_t i = 0; i < host->n_devices; i++) {
        const struct doctor_pci *pci = &host->devices[i];

        if (pci == gpu || strcmp (pci->group, gpu->group) != 0 || does_not_count (pci))
            continue;
        if (host_same_card (gpu, pci))
            card = true;
        else
            add_other (others, sizeof others, pci);
    }
    if (others[0] == '\0') {
        doctor_good (host->doctor, "host.group", "GPU %s is in IOMMU group %s, %s", title, gpu->group,
                     card ? "with other functions of the same card only" : "alone");
    } else if (!host_passes_devices (host)) {
        doctor_none (
            host->doctor, "host.group",
            "GPU %s shares IOMMU group %s with %s; no VM is given a device, and containers do not mind",
            title, gpu->group, others);
    } else {
        doctor_bad (
            host->doctor, "host.group",
            "GPU %s shares IOMMU group %s with %s: whoever has one of them reaches all, and Proxmox VE "
            "takes the whole group from the host when the VM starts",
            title, gpu->group, others);
        doctor_next (host->doctor,
                     "drictl iommu  # after the card went to another slot, or the firmware was told of "
                     "ACS; pcie_acs_override hides it only");
    }
}

static void
check_acs (const struct host *host)
{
    size_t len;
    const char *value = boot_line_value (host->system.boot_line, "pcie_acs_override", &len);

    if (!value) {
        doctor_good (host->doctor, "host.acs",
                     "no ACS override: the groups are what the hardware can keep apart");
        return;
    }
    doctor_bad (
        host->doctor, "host.acs",
        "pcie_acs_override=%.*s is on the kernel command line%s: devices in groups of their own may still "
        "reach each other's memory, so a VM may read and write what another or the host has",
        (int) len, value, is_pve_kernel (host) ? "" : ", which this kernel does not know");
    doctor_next_boot_remove (&host->system, "pcie_acs_override=");
    doctor_next (host->doctor, "drictl iommu  # the groups as they are");
}

static void
check_interrupts (const struct host *host)
{
    _cleanup_free_ char *value = doctor_read_file (
        host->doctor, NULL, "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts");

    if (!value || *value != 'Y')
        return;
    doctor_bad (
        host->doctor, "host.interrupts",
        "allow_unsafe_interrupts is on: a VM's device may send the host any interrupt; it is meant for "
        "boards without interrupt remapping");
    doctor_next (host->doctor,
                 "sed -i '/allow_unsafe_interrupts/d' /etc/modprobe.d/*.conf && update-initramfs -u -k all "
                 "&& reboot");
}

void
doctor_host_iommu (const struct host *host)
{
    _cleanup_names_ struct doctor_names iommus = {0};
    _cleanup_names_ struct doctor_names groups = {0};

    (void) doctor_list_dir (host->doctor, &iommus, "/sys/class/iommu");
    (void) doctor_list_dir (host->doctor, &groups, "/sys/kernel/iommu_groups");
    if (iommus.n == 0 || groups.n == 0) {
        explain_off (host);
        check_words (host);
        return;
    }
    doctor_good (host->doctor, "host.iommu", "the IOMMU is on: %zu of them (%s …), %zu groups", iommus.n,
                 iommus.list[0], groups.n);
    check_words (host);
    check_mode (host);
    for (size_t i = 0; i < host->n_devices; i++) {
        if (!host_is_gpu (&host->devices[i]))
            continue;
        if (host->devices[i].group[0] == '\0')
            check_left_out (host, &host->devices[i]);
        else
            check_group (host, &host->devices[i]);
    }
    check_acs (host);
    check_interrupts (host);
}
