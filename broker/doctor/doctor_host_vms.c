/* The virtual machines of Proxmox VE that are given a GPU.
 *
 * Sources: qm.conf(5) and Proxmox VE's PCI passthrough chapter; PVE/QemuServer/PCI.pm for what makes a VM's
 * start fail; QEMU's docs/igd-assign.txt for what legacy mode is: the GPU with its video BIOS as the first
 * and only screen, i440fx only, and no matter of GVT-g.  */
#include <stdio.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "doctor_host.h"

/* The line again, without these properties, and with that one.  */
static void
next_line (const struct host *host, const struct pve_vm *vm, const struct pve_hostpci *line,
           const char *without, const char *with)
{
    char text[sizeof line->text];

    pve_hostpci_edit (line, without, with, text, sizeof text);
    doctor_next (host->doctor, "qm set %u -hostpci%u '%s'", vm->id, line->index, text);
}

/* Its first device that is here, preferably a GPU; NULL where there is none.  */
static const struct doctor_pci *
device_of (const struct host *host, const struct pve_hostpci *line)
{
    const struct doctor_pci *found = NULL;

    for (size_t i = 0; i < host->n_devices; i++) {
        if (!pve_hostpci_names (line, host->devices[i].address))
            continue;
        if (host_is_gpu (&host->devices[i]))
            return &host->devices[i];
        if (!found)
            found = &host->devices[i];
    }
    return found;
}

static void
check_missing (const struct host *host, const struct pve_vm *vm, const struct pve_hostpci *line)
{
    if (line->mapping[0] && line->host[0] == '\0') {
        doctor_bad (host->doctor, "host.vm-device",
                    "VM %u does not start: hostpci%u is mapping \"%s\", which has no device on this node",
                    vm->id, line->index, line->mapping);
        doctor_next (host->doctor, "cat /etc/pve/mapping/pci.cfg  # Datacenter, Resource Mappings");
        return;
    }
    doctor_bad (host->doctor, "host.vm-device",
                "VM %u does not start: hostpci%u is %s, and there is no such device", vm->id, line->index,
                line->host);
    doctor_next (host->doctor, "drictl iommu  # the devices that there are; addresses change when cards do");
    doctor_next (host->doctor,
                 line->pcie ? "qm set %u -hostpci%u ADDRESS,pcie=1" : "qm set %u -hostpci%u ADDRESS", vm->id,
                 line->index);
}

static void
check_legacy (const struct host *host, const struct pve_vm *vm, const struct pve_hostpci *line)
{
    const char *why = pve_vm_is_q35 (vm)              ? "legacy mode is for i440fx, and this VM is q35"
                      : strcmp (vm->vga, "none") != 0 ? "legacy mode wants \"vga: none\""
                      : !line->rombar                 ? "legacy mode wants the ROM, and rombar is off"
                      : line->x_vga                   ? "legacy mode and x-vga exclude each other"
                      : strcmp (vm->bios, "ovmf") == 0
                          ? "legacy mode wants the GPU's video BIOS, which OVMF does not run"
                          : NULL;

    if (!line->legacy_igd)
        return;
    if (!why) {
        doctor_none (host->doctor, "host.vm-legacy-igd",
                     "VM %u: legacy-igd=1 makes the GPU its only screen, for a monitor on the host's port; "
                     "it has nothing "
                     "to do with GVT-g, and transcoding needs none of it",
                     vm->id);
        return;
    }
    doctor_bad (
        host->doctor, "host.vm-legacy-igd",
        "VM %u: legacy-igd=1 on hostpci%u, but %s; what encodes and decodes only needs neither it nor x-vga",
        vm->id, line->index, why);
    next_line (host, vm, line, "legacy-igd,x-vga,pcie", pve_vm_is_q35 (vm) ? "pcie=1" : "");
}

static void
check_x_vga (const struct host *host, const struct pve_vm *vm, const struct pve_hostpci *line,
             const struct doctor_pci *gpu)
{
    /* A card that has a screen of its own may well be meant to show one; the processor's GPU seldom is.  */
    bool integrated = gpu->vendor == 0x8086 && strncmp (gpu->address, "0000:00:", 8) == 0;

    if (!line->x_vga || line->legacy_igd)
        return;
    if (!integrated) {
        doctor_none (host->doctor, "host.vm-x-vga",
                     "VM %u: x-vga=1 makes GPU %s its first screen, for a monitor on the card; compute and "
                     "transcoding "
                     "do not need it",
                     vm->id, gpu->address);
        return;
    }
    doctor_bad (host->doctor, "host.vm-x-vga",
                "VM %u: x-vga=1 on hostpci%u takes the console of the web interface away, and transcoding "
                "does not need "
                "it",
                vm->id, line->index);
    next_line (host, vm, line, "x-vga", "");
    doctor_next_comment (host->doctor, "unless a monitor on the host's port shall show this VM");
}

static void
check_pcie (const struct host *host, const struct pve_vm *vm, const struct pve_hostpci *line)
{
    /* What is wrong with legacy-igd has been said, and its next line is right in this as well.  */
    if (line->legacy_igd && !line->pcie)
        return;
    if (line->pcie && !pve_vm_is_q35 (vm)) {
        doctor_bad (host->doctor, "host.vm-pcie",
                    "VM %u does not start: pcie=1 on hostpci%u wants machine q35, and it is %s", vm->id,
                    line->index, vm->machine[0] ? vm->machine : "i440fx");
        doctor_next (host->doctor, "qm set %u -machine q35", vm->id);
    } else if (!line->pcie && pve_vm_is_q35 (vm)) {
        doctor_bad (
            host->doctor, "host.vm-pcie",
            "VM %u is q35, and hostpci%u lacks pcie=1: its driver sees a card of old PCI, without what PCI "
            "Express has beyond that",
            vm->id, line->index);
        next_line (host, vm, line, "pcie", "pcie=1");
    } else if (!line->pcie) {
        doctor_none (host->doctor, "host.vm-pcie",
                     "VM %u is i440fx, where hostpci%u is a card of old PCI; Proxmox VE's manual recommends "
                     "q35 with pcie=1 "
                     "for GPUs",
                     vm->id, line->index);
    } else {
        doctor_good (
            host->doctor, "host.vm-pcie",
            "VM %u: machine q35 and pcie=1; in the guest the GPU is at an address like 01:00.0, not 00:02.0",
            vm->id);
    }
}

static void
check_rom (const struct host *host, const struct pve_vm *vm, const struct pve_hostpci *line)
{
    if (line->romfile[0] && !doctor_exists (host->doctor, "/usr/share/kvm/%s", line->romfile)) {
        doctor_bad (host->doctor, "host.vm-rom",
                    "VM %u does not start: romfile=%s of hostpci%u is not in /usr/share/kvm", vm->id,
                    line->romfile, line->index);
        doctor_next (host->doctor, "cp %s /usr/share/kvm/", line->romfile);
    }
    if (!line->rombar && line->x_vga) {
        doctor_bad (host->doctor, "host.vm-rom",
                    "VM %u: hostpci%u is its first screen (x-vga=1) and hides its ROM (rombar=0): the screen "
                    "stays dark "
                    "until the guest's own driver comes",
                    vm->id, line->index);
        next_line (host, vm, line, "rombar", "");
    }
}

static void
check_screen (const struct host *host, const struct pve_vm *vm)
{
    if (strcmp (vm->vga, "none") == 0 && !vm->serial)
        doctor_none (host->doctor, "host.vm-vga",
                     "VM %u has no console in the web interface (vga: none, no serial port); `qm set %u -vga "
                     "std` gives "
                     "it one beside the GPU",
                     vm->id, vm->id);
    else
        doctor_good (host->doctor, "host.vm-vga", "VM %u keeps a console beside the GPU (vga: %s)", vm->id,
                     vm->vga[0] ? vm->vga : "std");
    if (strcmp (vm->bios, "ovmf") == 0 && !vm->efidisk) {
        doctor_bad (host->doctor, "host.vm-bios",
                    "VM %u: bios ovmf without an efidisk0 forgets its boot entries at each start", vm->id);
        doctor_next (host->doctor, "qm set %u -efidisk0 STORAGE:1,efitype=4m,pre-enrolled-keys=0", vm->id);
    }
}

/* Does VM other hold the whole device, too?  */
static const struct pve_vm *
find_rival (const struct host *host, const struct pve_vm *vm, const struct doctor_pci *gpu)
{
    const struct pve_hostpci *line;
    const struct pve_vm *other;
    size_t at = 0;

    while ((other = host_next_vm (host, gpu, &at, &line)) != NULL)
        if (other->id > vm->id && line->mdev[0] == '\0')
            return other;
    return NULL;
}

static void
check_rival (const struct host *host, const struct pve_vm *vm, const struct doctor_pci *gpu)
{
    const struct pve_vm *other = find_rival (host, vm, gpu);
    bool want = vm->running || vm->onboot, wants = other && (other->running || other->onboot);

    if (!other)
        return;
    if (!want || !wants) {
        doctor_none (host->doctor, "host.vm-rivals",
                     "GPU %s is given to VM %u and VM %u: one of them can run at a time", gpu->address,
                     vm->id, other->id);
        return;
    }
    doctor_bad (
        host->doctor, "host.vm-rivals",
        "GPU %s is given to VM %u and VM %u, and both run or start with the host: the second one fails",
        gpu->address, vm->id, other->id);
    doctor_next (host->doctor, "qm set %u -onboot 0", other->id);
}

static unsigned
check_vm (const struct host *host, const struct pve_vm *vm)
{
    unsigned gpus = 0;

    for (unsigned i = 0; i < vm->n_hostpci; i++) {
        const struct pve_hostpci *line = &vm->hostpci[i];
        const struct doctor_pci *gpu = device_of (host, line);

        if (!gpu)
            check_missing (host, vm, line);
        if (!gpu || !host_is_gpu (gpu))
            continue;
        gpus++;
        check_legacy (host, vm, line);
        check_x_vga (host, vm, line, gpu);
        check_pcie (host, vm, line);
        check_rom (host, vm, line);
        if (line->mdev[0] == '\0')
            check_rival (host, vm, gpu);
    }
    if (gpus > 0)
        check_screen (host, vm);
    return gpus;
}

void
doctor_host_vms (const struct host *host)
{
    unsigned given = 0;

    if (!doctor_exists (host->doctor, "/etc/pve/qemu-server")) {
        doctor_none (host->doctor, "host.vms",
                     "no Proxmox VE here (/etc/pve/qemu-server is not there), or its cluster "
                     "file system is not mounted");
        return;
    }
    for (size_t i = 0; i < host->n_vms; i++)
        given += check_vm (host, &host->vms[i]);
    if (given == 0)
        doctor_none (host->doctor, "host.vms", "no VM is given a GPU");
}
