/* The GPU on the PCI bus, and the kernel's driver for it.  */
#include <stdio.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "doctor_guest.h"
#include "doctor_kernels.h"

enum { TITLE_MAX = 100 };

/* "0000:00:02.0, Alder Lake-N [8086:46d1]" */
static void
gpu_title (const struct doctor_pci *pci, char title[TITLE_MAX])
{
    char name[TITLE_MAX - sizeof pci->address - 2];

    pci_title (pci, name, sizeof name);
    (void) snprintf (title, TITLE_MAX, "%s, %s", pci->address, name);
}

static void
next_newer_kernel (const struct guest *guest)
{
    const struct doctor_system *system = &guest->system;

    if (strstr (system->release, "-pve") || guest->kind == GUEST_LXC) {
        doctor_next (guest->doctor, "apt update && apt full-upgrade && reboot");
        guest_next_where (guest);
    } else if (strcmp (system->distribution, "ubuntu") == 0)
        doctor_next (guest->doctor, "sudo apt install linux-generic-hwe-%s && sudo reboot", system->version);
    else if (strcmp (system->distribution, "debian") == 0 && strcmp (system->version, "12") == 0)
        doctor_next (guest->doctor,
                     "sudo apt install -t bookworm-backports linux-image-amd64 && sudo reboot  # with "
                     "bookworm-backports among apt's sources");
    else if (strcmp (system->distribution, "debian") == 0)
        doctor_next (guest->doctor,
                     "sudo apt install -t %s-backports linux-image-amd64 && sudo reboot  # with backports "
                     "among apt's sources",
                     strcmp (system->version, "13") == 0 ? "trixie" : "stable");
    else
        doctor_next (guest->doctor, "uname -r  # install a newer kernel of this distribution, and reboot");
}

/* --- no driver has it: why --- */

static bool
is_kept_out (const struct guest *guest, const char *module, const char *title)
{
    const struct modprobe_rule *rule;
    char key[48];
    size_t len;
    const char *value;

    if (boot_line_value (guest->system.boot_line, "nomodeset", &len)) {
        doctor_bad (guest->doctor, "gpu.driver",
                    "%s: no driver, since \"nomodeset\" on the kernel's command line keeps all of them away",
                    title);
        doctor_next_boot_remove (&guest->system, "nomodeset");
        return true;
    }
    (void) snprintf (key, sizeof key, "%s.modeset", module);
    value = boot_line_value (guest->system.boot_line, key, &len);
    if (value && len == 1 && *value == '0') {
        doctor_bad (guest->doctor, "gpu.driver",
                    "%s: no driver, since \"%s=0\" stands on the kernel's command line", title, key);
        doctor_next_boot_remove (&guest->system, key);
        return true;
    }
    rule = modprobe_find (&guest->system.modprobe, MODPROBE_BLACKLIST, module, NULL);
    if (!rule)
        return false;
    doctor_bad (guest->doctor, "gpu.driver", "%s: no driver, since %s blacklists %s", title, rule->source,
                module);
    if (rule->source[0] == '/') {
        doctor_next (guest->doctor,
                     "sudo sed -i '/^ *blacklist *%s/d' %s && sudo update-initramfs -u && sudo reboot",
                     module, rule->source);
        guest_next_where (guest);
    } else {
        doctor_next (guest->doctor,
                     "grep -o '[a-z_.]*blacklist=[^ ]*' /proc/cmdline  # take %s out of it, in "
                     "/etc/default/grub, then: sudo update-grub && sudo reboot",
                     module);
    }
    return true;
}

static void
next_modules (const struct guest *guest)
{
    const struct doctor_system *system = &guest->system;

    if (strstr (system->release, "-cloud-")) {
        doctor_next (guest->doctor,
                     "sudo apt install linux-image-amd64 && sudo apt remove linux-image-%s && sudo reboot",
                     system->release);
    } else if (strcmp (system->distribution, "ubuntu") == 0 && strstr (system->release, "-kvm")) {
        doctor_next (guest->doctor, "sudo apt install linux-image-generic && sudo reboot");
    } else if (strcmp (system->distribution, "ubuntu") == 0) {
        doctor_next (guest->doctor, "sudo apt install linux-modules-extra-%s && sudo reboot",
                     system->release);
    } else {
        doctor_next (guest->doctor, "sudo apt install --reinstall linux-image-%s && sudo reboot",
                     system->release);
    }
}

/* The modules that are seen from an LXC are none of the kernel that runs.  */
static bool
is_module_missing (const struct guest *guest, const char *module, const char *title)
{
    bool known;

    if (guest->kind == GUEST_LXC || doctor_has_module (&guest->system, module, &known) || !known)
        return false;
    doctor_bad (guest->doctor, "gpu.driver", "%s: no driver, since this kernel, %s, comes without %s%s",
                title, guest->system.release, module,
                strstr (guest->system.release, "-cloud-") ? "; Debian's cloud kernel has no drivers for GPUs"
                : strcmp (guest->system.distribution, "ubuntu") == 0
                    ? "; Ubuntu keeps it in linux-modules-extra"
                    : "");
    next_modules (guest);
    return true;
}

static void
explain_unbound (const struct guest *guest, const struct doctor_pci *pci, const char *title)
{
    struct kernel_support support;

    kernel_support_find (pci->vendor, pci->device, &support);
    if (!support.module) {
        doctor_bad (guest->doctor, "gpu.driver", "%s: no driver has it, and none that we know could use it",
                    title);
        doctor_next (guest->doctor, "lspci -nnk -s %s", pci->address);
        return;
    }
    if (is_kept_out (guest, support.module, title))
        return;
    if (support.first > guest->system.kernel && guest->system.kernel > 0) {
        doctor_bad (guest->doctor, "gpu.kernel",
                    "%s: Linux %s is too old for %s, which %s supports from %u.%u on", title,
                    guest->system.release, support.generation, support.module, support.first / 1000,
                    support.first % 1000);
        next_newer_kernel (guest);
        return;
    }
    if (is_module_missing (guest, support.module, title))
        return;
    if (!doctor_exists (guest->doctor, "/sys/module/%s", support.module)) {
        doctor_bad (guest->doctor, "gpu.driver", "%s: no driver, since %s is not loaded", title,
                    support.module);
        doctor_next (guest->doctor, "sudo modprobe %s && drictl doctor", support.module);
        guest_next_where (guest);
        return;
    }
    doctor_bad (guest->doctor, "gpu.driver", "%s: %s is loaded and did not take it; its log says why", title,
                support.module);
    doctor_next (guest->doctor, "sudo journalctl -k -b | grep %s", pci->address);
    guest_next_where (guest);
}

/* --- a driver has it --- */

/* As i915.force_probe=46d1, or *: the driver was told to take what it does not support.  */
static bool
is_forced (const struct guest *guest, const struct doctor_pci *pci)
{
    char key[48], id[8];

    (void) snprintf (key, sizeof key, "%s.force_probe", pci->driver);
    (void) snprintf (id, sizeof id, "%04x", pci->device);
    return boot_line_says (guest->system.boot_line, key, id)
           || boot_line_says (guest->system.boot_line, key, "*");
}

static void
judge_bound (const struct guest *guest, const struct doctor_pci *pci, const char *title)
{
    struct kernel_support support;

    kernel_support_find (pci->vendor, pci->device, &support);
    if (strcmp (pci->driver, "vfio-pci") == 0) {
        doctor_none (guest->doctor, "gpu.driver",
                     "%s: vfio-pci keeps it for virtual machines, so no container here can have it", title);
        doctor_next (guest->doctor, "sudo drictl doctor --host");
    } else if (strcmp (pci->driver, "nvidia") == 0) {
        doctor_none (guest->doctor, "gpu.driver",
                     "%s: NVIDIA's own driver has it, for which there is NVIDIA's own container toolkit",
                     title);
    } else if (!kernel_driver_is_fit (pci->driver)) {
        doctor_none (guest->doctor, "gpu.driver", "%s: driver %s, of which we do not know whether it renders",
                     title, pci->driver);
    } else if (support.first > guest->system.kernel && guest->system.kernel > 0 && is_forced (guest, pci)) {
        doctor_bad (guest->doctor, "gpu.kernel",
                    "%s: %s has it by force_probe only; it supports it from Linux %u.%u on, and this is %s",
                    title, pci->driver, support.first / 1000, support.first % 1000, guest->system.release);
        next_newer_kernel (guest);
    } else {
        doctor_good (guest->doctor, "gpu.driver", "%s: driver %s of Linux %s", title, pci->driver,
                     guest->system.release[0] ? guest->system.release : "?");
    }
}

/* --- what there is --- */

/* Screens that a hypervisor or a server's remote management shows; there is nothing in them to render with.
 */
static bool
is_screen_only (const struct doctor_pci *pci)
{
    static const uint16_t vendors[] = {0x1234, 0x1b36, 0x1013, 0x15ad, 0x80ee, 0x1414, 0x1a03, 0x102b};

    for (size_t i = 0; i < countof (vendors); i++)
        if (pci->vendor == vendors[i])
            return true;
    return false;
}

/* Renders nothing: the screen that the firmware has left (simpledrm, or a framebuffer of its kind).  */
static bool
is_firmware_screen (const struct guest_node *node)
{
    return strstr (node->driver, "-framebuffer") || strcmp (node->driver, "simpledrm") == 0;
}

static void
report_none (const struct guest *guest)
{
    doctor_bad (guest->doctor, "gpu.pci", "there is no GPU on the PCI bus%s",
                guest->n_gpus > 0 ? ", but for a screen that only shows pictures"
                : guest->kind == GUEST_NONE
                    ? "; is it turned off in the firmware's setup (\"internal graphics\")?"
                    : "");
    switch (guest->kind) {
    case GUEST_VM:
        doctor_next (
            guest->doctor,
            "qm set VMID -hostpci0 0000:00:02.0,pcie=1  # on a Proxmox VE host, then stop and start the VM");
        doctor_next (guest->doctor, "drictl doctor --host  # on the host: what is in the way there");
        break;
    case GUEST_LXC:
    case GUEST_NONE:
        doctor_next (guest->doctor, "lspci -nn");
        guest_next_where (guest);
        break;
    }
}

static bool
has_render_node (const struct guest *guest)
{
    for (size_t i = 0; i < guest->n_nodes; i++)
        if (guest->nodes[i].render)
            return true;
    return false;
}

static void
check_firmware_screen (const struct guest *guest)
{
    for (size_t i = 0; i < guest->n_nodes; i++) {
        const struct guest_node *node = &guest->nodes[i];

        if (!is_firmware_screen (node))
            continue;
        if (has_render_node (guest)) {
            doctor_none (
                guest->doctor, "gpu.framebuffer",
                "%s is the firmware's screen, not a GPU: the numbers of cards do not tell which is which",
                node->name);
        } else {
            doctor_bad (guest->doctor, "gpu.framebuffer",
                        "%s is only the screen that the firmware has left (%s): it renders nothing, and no "
                        "GPU's driver has taken over",
                        node->name, node->driver);
            doctor_next (guest->doctor, "sudo journalctl -k -b | grep -i drm");
            guest_next_where (guest);
        }
    }
}

void
doctor_gpu (const struct guest *guest)
{
    unsigned usable = 0;
    char title[TITLE_MAX];

    doctor_area (guest->doctor, "GPU");
    for (size_t i = 0; i < guest->n_gpus; i++) {
        const struct doctor_pci *pci = &guest->gpus[i];

        gpu_title (pci, title);
        if (is_screen_only (pci)) {
            doctor_none (guest->doctor, "gpu.pci", "%s: it only shows pictures", title);
            continue;
        }
        usable++;
        doctor_good (guest->doctor, "gpu.pci", "%s is on the PCI bus", title);
        if (pci->driver[0])
            judge_bound (guest, pci, pci->address);
        else
            explain_unbound (guest, pci, pci->address);
    }
    if (usable == 0 && !has_render_node (guest))
        report_none (guest);
    check_firmware_screen (guest);
    doctor_system_say_unread (&guest->system);
}
