/* Who has the GPUs of a host, and what takes them at boot.
 *
 * Sources: the kernel's drivers/vfio/pci/vfio_pci.c (ids=) and Documentation/ABI/testing/sysfs-bus-pci
 * (driver_override); Proxmox VE's PCI passthrough chapter: it takes a device from the host's driver when the
 * VM starts, ids= and blacklists are for what that does not do.  */
#include <stdio.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "doctor_host.h"

static bool
is_vfio (const struct doctor_pci *pci)
{
    return strcmp (pci->driver, "vfio-pci") == 0;
}

static bool
is_caught (const struct modprobe_id *id, const struct doctor_pci *pci)
{
    return modprobe_id_matches (id, pci->vendor, pci->device, pci->subsystem_vendor, pci->subsystem_device);
}

/* The first rule of ids= that fits, or NULL.  */
static const struct modprobe_id *
find_id (const struct host *host, const struct doctor_pci *pci)
{
    for (unsigned i = 0; i < host->system.modprobe.n_ids; i++)
        if (is_caught (&host->system.modprobe.ids[i], pci))
            return &host->system.modprobe.ids[i];
    return NULL;
}

/* The command that takes the id out of where it stands.  */
static void
next_drop_id (const struct host *host, const struct modprobe_id *id)
{
    if (id->source[0] == '/')
        doctor_next (host->doctor, "sed -i 's/%04x:%04x[^, ]*,\\?//I' %s && " HOST_REFRESH, id->vendor,
                     id->device, id->source);
    else
        doctor_next_boot_remove (&host->system, "vfio-pci.ids=");
}

/* The command by which the kernel looks for a driver once more. A driver_override, if there is one, would
 * stay.  */
static void
next_give_back (const struct host *host, const struct doctor_pci *pci)
{
    doctor_next (host->doctor,
                 "cd /sys/bus/pci/devices/%s && echo >driver_override && echo %s >driver/unbind && echo %s "
                 ">/sys/bus/pci/drivers_probe",
                 pci->address, pci->address, pci->address);
}

/* --- who has it --- */

static void
check_given (const struct host *host, const struct doctor_pci *gpu, const struct pve_vm *vm, bool shared_out)
{
    char title[HOST_TITLE_MAX];

    host_title (gpu, title);
    if (shared_out)
        doctor_good (host->doctor, "host.owner",
                     "GPU %s: VM %u gets a share of it (mdev), the host's driver %s keeps it", title, vm->id,
                     gpu->driver[0] ? gpu->driver : "none");
    else if (is_vfio (gpu))
        doctor_good (host->doctor, "host.owner", "GPU %s: vfio-pci has it, for VM %u", title, vm->id);
    else if (vm->running) {
        doctor_bad (host->doctor, "host.owner", "GPU %s: VM %u runs, and driver %s has it, not vfio-pci",
                    title, vm->id, gpu->driver[0] ? gpu->driver : "none");
        doctor_next (host->doctor,
                     "qm stop %u && qm start %u  # the line was added after its start, or the driver "
                     "took it back",
                     vm->id, vm->id);
    } else {
        doctor_good (
            host->doctor, "host.owner",
            "GPU %s: driver %s has it until VM %u starts, then Proxmox VE gives it to vfio-pci; neither ids= "
            "nor a blacklist is needed for that",
            title, gpu->driver[0] ? gpu->driver : "none", vm->id);
    }
}

static void
check_idle (const struct host *host, const struct doctor_pci *gpu)
{
    const struct modprobe_id *id = find_id (host, gpu);
    char title[HOST_TITLE_MAX];

    host_title (gpu, title);
    if (doctor_exists (host->doctor, "/sys/bus/pci/devices/%s/physfn", gpu->address)) {
        doctor_good (host->doctor, "host.owner", "GPU %s: a virtual function that no VM is given", title);
    } else if (is_vfio (gpu)) {
        doctor_bad (
            host->doctor, "host.owner",
            "GPU %s: vfio-pci has it and no VM is given it: it serves nobody, neither the host nor its "
            "containers",
            title);
        if (id)
            next_drop_id (host, id);
        else
            next_give_back (host, gpu);
    } else if (gpu->driver[0] == '\0') {
        doctor_bad (host->doctor, "host.owner", "GPU %s has no driver, and no VM is given it", title);
        doctor_next (host->doctor, "journalctl -k -g %s  # says why no driver took it", gpu->address);
    } else {
        doctor_good (host->doctor, "host.owner", "GPU %s: driver %s has it, for the host and its containers",
                     title, gpu->driver);
    }
}

static void
check_owner (const struct host *host, const struct doctor_pci *gpu)
{
    const struct pve_hostpci *line = NULL, *other;
    size_t at = 0;
    const struct pve_vm *vm = host_next_vm (host, gpu, &at, &line), *next = vm;

    if (!vm) {
        check_idle (host, gpu);
        return;
    }
    /* Of several VMs the one that runs tells.  */
    for (other = line; next; next = host_next_vm (host, gpu, &at, &other)) {
        if (next->running) {
            vm = next;
            line = other;
        }
    }
    check_given (host, gpu, vm, line->mdev[0] != '\0');
}

/* --- ids= --- */

struct caught {
    unsigned cards, unwanted; /* devices, whose functions count as one; those of them that no VM is given */
    char names[256], names_unwanted[256];
    char wanted[16]; /* the first that a VM is given, or "" */
};

static void
add_name (char *list, size_t size, const char *name)
{
    size_t used = strlen (list);

    (void) snprintf (list + used, size - used, "%s%s", used ? ", " : "", name);
}

/* A VM that is given any function of a card is meant to have its sound, too.  */
static bool
is_wanted (const struct host *host, const struct doctor_pci *pci)
{
    for (size_t i = 0; i < host->n_devices; i++)
        if ((pci == &host->devices[i] || host_same_card (pci, &host->devices[i]))
            && host_vm_of (host, &host->devices[i]))
            return true;
    return false;
}

static void
look_at_caught (const struct host *host, const struct modprobe_id *id, struct caught *caught)
{
    const struct doctor_pci *last = NULL;

    *caught = (struct caught){0};
    for (size_t i = 0; i < host->n_devices; i++) {
        const struct doctor_pci *pci = &host->devices[i];

        if (!is_caught (id, pci) || (last && host_same_card (last, pci)))
            continue;
        last = pci;
        caught->cards++;
        add_name (caught->names, sizeof caught->names, pci->address);
        if (!is_wanted (host, pci)) {
            caught->unwanted++;
            add_name (caught->names_unwanted, sizeof caught->names_unwanted, pci->address);
        } else if (caught->wanted[0] == '\0') {
            (void) snprintf (caught->wanted, sizeof caught->wanted, "%s", pci->address);
        }
    }
}

static void
check_id (const struct host *host, const struct modprobe_id *id)
{
    struct caught caught;

    look_at_caught (host, id, &caught);
    if (caught.cards == 0) {
        doctor_bad (host->doctor, "host.ids", "ids=%04x:%04x of %s: there is no such device here (any more)",
                    id->vendor, id->device, id->source);
        next_drop_id (host, id);
        return;
    }
    if (caught.cards == 1 || caught.unwanted == 0) {
        doctor_good (host->doctor, "host.ids", "ids=%04x:%04x of %s takes %s, and nothing else", id->vendor,
                     id->device, id->source, caught.names);
        return;
    }
    doctor_bad (
        host->doctor, "host.ids",
        "ids=%04x:%04x of %s takes every device of that kind from the host: %s, though no VM is given %s",
        id->vendor, id->device, id->source, caught.names, caught.names_unwanted);
    next_drop_id (host, id);
    if (caught.wanted[0])
        doctor_next (
            host->doctor,
            "apt install driverctl && driverctl set-override %s vfio-pci  # by its address, and only where "
            "it must be taken before the VM starts",
            caught.wanted);
}

/* The host's driver was there first.  */
static void
check_order (const struct host *host, const struct doctor_pci *gpu)
{
    const struct modprobe_id *id = find_id (host, gpu);
    char module[40];

    if (!id || !host_is_gpu_driver (gpu->driver))
        return;
    (void) snprintf (module, sizeof module, "%s", gpu->driver);
    doctor_bad (host->doctor, "host.order",
                "GPU %s: ids= of %s means it for vfio-pci, and %s was there first%s", gpu->address,
                id->source, module,
                modprobe_find (&host->system.modprobe, MODPROBE_BEFORE, module, "vfio_pci")
                    ? ", though a softdep says otherwise: the initramfs does not know it"
                    : "");
    if (!modprobe_find (&host->system.modprobe, MODPROBE_BEFORE, module, "vfio_pci"))
        doctor_next (host->doctor, "echo 'softdep %s pre: vfio-pci' >>/etc/modprobe.d/vfio.conf", module);
    doctor_next (host->doctor, HOST_REFRESH);
}

void
doctor_host_vfio (const struct host *host)
{
    unsigned gpus = 0;

    for (size_t i = 0; i < host->n_devices; i++) {
        if (!host_is_gpu (&host->devices[i]))
            continue;
        gpus++;
        check_owner (host, &host->devices[i]);
        check_order (host, &host->devices[i]);
    }
    if (gpus == 0) {
        doctor_bad (host->doctor, "host.owner", "there is no GPU on the PCI bus");
        doctor_next (host->doctor,
                     "lspci -nn  # a card that is not listed is off in the firmware, or not seated");
    }
    for (unsigned i = 0; i < host->system.modprobe.n_ids; i++)
        check_id (host, &host->system.modprobe.ids[i]);
}
