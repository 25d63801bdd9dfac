/* What a host's GPUs show and map: boot framebuffers, the only display, Above 4G and resizable BARs.
 *
 * Sources: /proc/iomem, where what lies within a device's range is indented below it; the kernel's
 * drivers/firmware/sysfb.c, which since 5.15 makes the framebuffer's device whatever video= says (report:
 * furkanmustafa/forcefully-remove-bootfb issue 1, Proxmox VE 7.2); Documentation/ABI/testing/sysfs-bus-pci
 * (resource, resourceN_resize; the latter since 6.1).  */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "doctor_host.h"

/* What is smaller are registers, or a hypervisor's display.  */
enum { SMALLEST_MEMORY = 16 << 20 };

static bool
is_given_away (const struct host *host, const struct doctor_pci *gpu)
{
    return host_vm_of (host, gpu) || strcmp (gpu->driver, "vfio-pci") == 0;
}

/* --- framebuffers --- */

static bool
is_framebuffer (const char *name)
{
    static const char *const names[] = {"BOOTFB", "simplefb", "simpledrm", "simple-framebuffer",
                                        "efifb",  "vesafb",   "efidrm",    "vesadrm"};

    for (size_t i = 0; i < countof (names); i++)
        if (strncmp (name, names[i], strlen (names[i])) == 0)
            return true;
    return false;
}

/* One line: "    80000000-807effff : BOOTFB". Without the right to see them, addresses are 0, and the rest
 * the same. False: it is no such line.  */
static bool
parse_range (const char *line, size_t *depth, char name[64])
{
    const char *colon = strstr (line, " : ");
    size_t len = strcspn (line, "\n");

    if (!colon || (size_t) (colon - line) >= len)
        return false;
    *depth = strspn (line, " ");
    (void) snprintf (name, 64, "%.*s", (int) (len - (size_t) (colon + 3 - line)), colon + 3);
    return true;
}

/* The framebuffer that lies within the device's ranges; "" where there is none.  */
static void
find_framebuffer (const char *iomem, const char *address, char found[64])
{
    bool inside = false;
    size_t top = 0;

    found[0] = '\0';
    for (const char *line = iomem; *line; line += *line == '\n') {
        char name[64];
        size_t depth;

        if (parse_range (line, &depth, name)) {
            if (inside && depth <= top)
                inside = false;
            if (inside && is_framebuffer (name)) {
                (void) snprintf (found, 64, "%s", name);
                return;
            }
            if (!inside && strcmp (name, address) == 0) {
                inside = true;
                top = depth;
            }
        }
        line += strcspn (line, "\n");
    }
}

static void
check_framebuffers (const struct host *host)
{
    _cleanup_free_ char *iomem = doctor_read_file (host->doctor, NULL, "/proc/iomem");
    unsigned found = 0;

    if (!iomem) {
        doctor_none (host->doctor, "host.framebuffer",
                     "/proc/iomem cannot be read here, so who holds the screen is not known");
        return;
    }
    for (size_t i = 0; i < host->n_devices; i++) {
        const struct doctor_pci *gpu = &host->devices[i];
        char name[64];

        if (!host_is_gpu (gpu) || !is_given_away (host, gpu))
            continue;
        find_framebuffer (iomem, gpu->address, name);
        if (name[0] == '\0')
            continue;
        found++;
        doctor_bad (host->doctor, "host.framebuffer",
                    "GPU %s is for a VM, and the boot screen (%s) still holds its memory: the VM's driver "
                    "gets \"BAR … "
                    "can't reserve\"",
                    gpu->address, name);
        if (gpu->driver[0] == '\0' || strcmp (gpu->driver, "vfio-pci") == 0)
            doctor_next (
                host->doctor,
                "grep -rnE 'ids=|^blacklist' /etc/modprobe.d  # without these the host's driver takes "
                "the card first, and ends the boot screen");
        doctor_next_boot_add (&host->system, "initcall_blacklist=sysfb_init");
    }
    if (found == 0)
        doctor_good (host->doctor, "host.framebuffer",
                     "no boot screen holds the memory of a GPU that is for a VM");
}

/* video=efifb:off and its kin.  */
static void
check_video_words (const struct host *host)
{
    static const char *const words[] = {"efifb:off", "vesafb:off", "simplefb:off"};

    for (size_t i = 0; i < countof (words); i++) {
        if (!boot_line_says (host->system.boot_line, "video", words[i]))
            continue;
        if (host->system.kernel != 0 && host->system.kernel < KERNEL (5, 15)) {
            doctor_good (host->doctor, "host.video",
                         "video=%s works on this kernel; from Linux 5.15 on it does not", words[i]);
            return;
        }
        doctor_bad (host->doctor, "host.video",
                    "video=%s is on the kernel command line and does nothing since Linux 5.15, where the "
                    "boot screen has "
                    "another driver",
                    words[i]);
        doctor_next_boot_remove (&host->system, "video=");
        return;
    }
}

/* --- the only display --- */

static void
check_display (const struct host *host)
{
    const struct doctor_pci *given = NULL;
    const struct pve_vm *vm;
    unsigned displays = 0, kept = 0;

    for (size_t i = 0; i < host->n_devices; i++) {
        const struct doctor_pci *pci = &host->devices[i];

        if (!pci_is_display (pci)
            || doctor_exists (host->doctor, "/sys/bus/pci/devices/%s/physfn", pci->address))
            continue;
        displays++;
        vm = host_vm_of (host, pci);
        if (vm || strcmp (pci->driver, "vfio-pci") == 0)
            given = !given || pci->boot_vga ? pci : given;
        else
            kept++;
    }
    if (displays == 0 || !given)
        return;
    vm = host_vm_of (host, given);
    if (kept > 0) {
        doctor_good (host->doctor, "host.display",
                     "GPU %s is for a VM, and another display stays with the host", given->address);
    } else if (boot_line_says (host->system.boot_line, "console", "ttyS0")) {
        doctor_good (host->doctor, "host.display",
                     "GPU %s is the last display and is for a VM; the host keeps a serial console",
                     given->address);
    } else {
        doctor_none (host->doctor, "host.display",
                     "GPU %s is the only display: with VM %u running the host has no screen, and what goes "
                     "wrong there "
                     "is seen over the network only",
                     given->address, vm ? vm->id : 0);
        doctor_next_boot_add (&host->system, "console=tty0 console=ttyS0,115200");
    }
}

/* --- BARs --- */

struct bar {
    uint64_t start, size;
    bool is_64bit, prefetchable;
};

/* A line of "resource": start, end and flags of include/linux/ioport.h.  */
static bool
read_bar (const char *resources, unsigned index, struct bar *bar)
{
    uint64_t start, end, flags;

    for (; index > 0; index--) {
        resources = strchr (resources, '\n');
        if (!resources)
            return false;
        resources++;
    }
    if (sscanf (resources, "%" SCNx64 " %" SCNx64 " %" SCNx64, &start, &end, &flags) != 3 || end <= start)
        return false;
    *bar = (struct bar){start, end - start + 1, (flags & 0x100000) != 0, (flags & 0x2000) != 0};
    return true;
}

/* The largest size that the BAR could have: bit N of resourceN_resize is 2^N MiB. 0: it cannot be resized. */
static uint64_t
largest_size (const struct host *host, const char *address, unsigned index)
{
    _cleanup_free_ char *text =
        doctor_read_file (host->doctor, NULL, "/sys/bus/pci/devices/%s/resource%u_resize", address, index);
    uint64_t sizes = text ? strtoull (text, NULL, 16) : 0;

    return sizes ? UINT64_C (1) << (63 - __builtin_clzll (sizes) + 20) : 0;
}

static void
check_bar (const struct host *host, const struct doctor_pci *gpu, unsigned index, const struct bar *bar)
{
    uint64_t largest = largest_size (host, gpu->address, index);
    bool above = bar->start >> 32 != 0;

    if (largest > bar->size) {
        doctor_bad (host->doctor, "host.bar",
                    "GPU %s shows %" PRIu64 " MiB of its memory at once (BAR %u) and could show %" PRIu64
                    ": %s; Arc cards lose much speed by that",
                    gpu->address, bar->size >> 20, index, largest >> 20,
                    above ? "Resizable BAR is off in the firmware"
                          : "Above 4G Decoding is off in the firmware");
        host_next_firmware (host);
        doctor_next_comment (host->doctor,
                             "turn on \"Above 4G Decoding\" and \"Resizable BAR\", and CSM off");
    } else if (largest > 0) {
        doctor_good (host->doctor, "host.bar",
                     "GPU %s shows all of its memory at once (BAR %u, %" PRIu64 " MiB)", gpu->address, index,
                     bar->size >> 20);
    } else {
        doctor_none (host->doctor, "host.bar",
                     "GPU %s: the BAR of %" PRIu64 " MiB%s cannot be resized, as far as this kernel tells",
                     gpu->address, bar->size >> 20, above ? " above 4G" : "");
    }
}

/* Cards with memory of their own: not on the root bus, where the processor's GPUs are.  */
static void
check_bars (const struct host *host, const struct doctor_pci *gpu)
{
    _cleanup_free_ char *resources =
        doctor_read_file (host->doctor, NULL, "/sys/bus/pci/devices/%s/resource", gpu->address);
    struct bar bar, memory = {0};
    unsigned index = 0;

    if (!resources || strncmp (gpu->address + 4, ":00:", 4) == 0)
        return;
    for (unsigned i = 0; i < 6; i++) {
        if (read_bar (resources, i, &bar) && bar.is_64bit && bar.prefetchable && bar.size > memory.size) {
            memory = bar;
            index = i;
        }
    }
    if (memory.size >= SMALLEST_MEMORY)
        check_bar (host, gpu, index, &memory);
}

void
doctor_host_screen (const struct host *host)
{
    if (host_passes_devices (host))
        check_framebuffers (host);
    check_video_words (host);
    check_display (host);
    for (size_t i = 0; i < host->n_devices; i++)
        if (host_is_gpu (&host->devices[i]))
            check_bars (host, &host->devices[i]);
}
