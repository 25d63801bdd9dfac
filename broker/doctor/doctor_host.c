#include "doctor_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../oci/cleanup.h"

/* What PVE/QemuServer/Helpers.pm takes for running: a pid file whose process is there.  */
static bool
vm_runs (const struct doctor *doctor, unsigned id)
{
    unsigned long long pid;

    return doctor_read_number (doctor, &pid, "/run/qemu-server/%u.pid", id)
           && doctor_exists (doctor, "/proc/%llu", pid);
}

static void
resolve_mappings (const struct doctor *doctor, struct pve_vm *vm)
{
    _cleanup_free_ char *mappings = doctor_read_file (doctor, NULL, "/etc/pve/mapping/pci.cfg");
    _cleanup_free_ char *node = doctor_read_file (doctor, NULL, "/etc/hostname");

    if (!mappings || !node)
        return;
    node[strcspn (node, ". \n")] = '\0';
    for (unsigned i = 0; i < vm->n_hostpci; i++)
        if (vm->hostpci[i].mapping[0])
            (void) pve_mapping_find (&vm->hostpci[i], mappings, node);
}

/* "100" of "100.conf"; 0 for what is none.  */
static unsigned
guest_id (const char *file)
{
    char *end;
    unsigned long id = strtoul (file, &end, 10);

    return end > file && strcmp (end, ".conf") == 0 && id < 1000000000 ? (unsigned) id : 0;
}

static void
read_vms (struct host *host)
{
    _cleanup_names_ struct doctor_names names = {0};

    (void) doctor_list_dir (host->doctor, &names, "/etc/pve/qemu-server");
    for (size_t i = 0; i < names.n; i++) {
        unsigned id = guest_id (names.list[i]);
        struct pve_vm *vm = &host->vms[host->n_vms];
        _cleanup_free_ char *text = doctor_read_file (host->doctor, NULL, "/etc/pve/qemu-server/%u.conf", id);

        if (id == 0 || !text)
            continue;
        pve_vm_parse (vm, id, text);
        vm->running = vm_runs (host->doctor, id);
        resolve_mappings (host->doctor, vm);
        /* A template is never started.  */
        host->n_vms += !vm->template;
        if (host->n_vms == HOST_GUESTS_MAX) {
            host->left_out += names.n - i - 1;
            return;
        }
    }
}

static void
read_containers (struct host *host)
{
    _cleanup_names_ struct doctor_names names = {0};

    (void) doctor_list_dir (host->doctor, &names, "/etc/pve/lxc");
    for (size_t i = 0; i < names.n; i++) {
        unsigned id = guest_id (names.list[i]);
        struct pve_container *container = &host->containers[host->n_containers];
        _cleanup_free_ char *text = doctor_read_file (host->doctor, NULL, "/etc/pve/lxc/%u.conf", id);

        if (id == 0 || !text)
            continue;
        pve_container_parse (container, id, text);
        host->n_containers++;
        if (host->n_containers == HOST_GUESTS_MAX) {
            host->left_out += names.n - i - 1;
            return;
        }
    }
}

struct host *
host_read (struct doctor *doctor)
{
    struct host *host = calloc (1, sizeof *host);
    struct error ignored;

    if (!host)
        return NULL;
    host->doctor = doctor;
    if (doctor_system_read (&host->system, doctor, &ignored) < 0) {
        host_free (host);
        return NULL;
    }
    host->n_devices = doctor_pci_list (doctor, host->devices);
    read_vms (host);
    read_containers (host);
    return host;
}

void
host_free (struct host *host)
{
    if (host)
        doctor_system_finish (&host->system);
    free (host);
}

bool
host_is_gpu_driver (const char *driver)
{
    static const char *const drivers[] = {"i915", "xe", "amdgpu", "radeon", "nvidia", "nouveau"};

    for (size_t i = 0; i < countof (drivers); i++)
        if (strcmp (driver, drivers[i]) == 0)
            return true;
    return false;
}

bool
host_is_gpu (const struct doctor_pci *pci)
{
    /* ASPEED and Matrox: a server's display for remote management, which nobody gives away.  */
    return pci_is_display (pci) && pci->vendor != 0x1a03 && pci->vendor != 0x102b;
}

bool
host_same_card (const struct doctor_pci *a, const struct doctor_pci *b)
{
    size_t len = strcspn (a->address, ".");

    return strncmp (a->address, b->address, len) == 0 && b->address[len] == '.';
}

const struct pve_vm *
host_next_vm (const struct host *host, const struct doctor_pci *pci, size_t *at,
              const struct pve_hostpci **line)
{
    while (*at < host->n_vms) {
        const struct pve_vm *vm = &host->vms[(*at)++];

        for (unsigned i = 0; i < vm->n_hostpci; i++) {
            if (pve_hostpci_names (&vm->hostpci[i], pci->address)) {
                if (line)
                    *line = &vm->hostpci[i];
                return vm;
            }
        }
    }
    return NULL;
}

const struct pve_vm *
host_vm_of (const struct host *host, const struct doctor_pci *pci)
{
    size_t at = 0;

    return host_next_vm (host, pci, &at, NULL);
}

bool
host_passes_devices (const struct host *host)
{
    for (size_t i = 0; i < host->n_vms; i++)
        if (host->vms[i].n_hostpci > 0)
            return true;
    for (size_t i = 0; i < host->n_devices; i++)
        if (strcmp (host->devices[i].driver, "vfio-pci") == 0)
            return true;
    return host->system.modprobe.n_ids > 0;
}

void
host_next_firmware (const struct host *host)
{
    if (doctor_exists (host->doctor, "/sys/firmware/efi"))
        doctor_next (host->doctor, "systemctl reboot --firmware-setup");
    else
        doctor_next (host->doctor, "reboot");
}

void
host_title (const struct doctor_pci *pci, char title[HOST_TITLE_MAX])
{
    char name[HOST_TITLE_MAX - sizeof pci->address - 1];

    pci_title (pci, name, sizeof name);
    (void) snprintf (title, HOST_TITLE_MAX, "%s %s", pci->address, name);
}

void
doctor_host (struct doctor *doctor)
{
    struct host *host = host_read (doctor);

    if (!host) {
        doctor_none (doctor, "host", "memory is short");
        return;
    }
    doctor_area (doctor, "IOMMU");
    doctor_host_iommu (host);
    doctor_area (doctor, "Who has the GPUs");
    doctor_host_vfio (host);
    doctor_host_modules (host);
    doctor_area (doctor, "Screens and memory of the GPUs");
    doctor_host_screen (host);
    doctor_area (doctor, "Virtual machines");
    doctor_host_vms (host);
    doctor_host_tuning (host);
    doctor_area (doctor, "LXC containers");
    doctor_host_containers (host);
    if (host->left_out > 0)
        doctor_none (doctor, "host.left-out", "%zu more configurations were not looked at", host->left_out);
    host_free (host);
}
