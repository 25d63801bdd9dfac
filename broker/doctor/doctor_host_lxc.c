/* The LXC containers of Proxmox VE that are given a GPU, and those whose GPU a VM takes.
 *
 * Sources: pct.conf(5) (devN: since Proxmox VE 8.1; uid and gid 0 and mode 0660 unless given),
 * lxc.container.conf(5), subgid(5); LXC's userns.conf, by which unprivileged containers have no device cgroup
 * rules of their own.  */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "doctor_host.h"

/* The PCI address of the GPU behind a node's path; "" where that is not known.  */
static void
gpu_of (const struct host *host, const char *path, char address[16])
{
    const char *name = strrchr (path, '/');
    _cleanup_free_ char *target = name ? doctor_read_link (host->doctor, "/sys/class/drm%s", name) : NULL;

    address[0] = '\0';
    for (size_t i = 0; target && i < host->n_devices; i++)
        if (host_is_gpu (&host->devices[i]) && strstr (target, host->devices[i].address))
            (void) snprintf (address, 16, "%s", host->devices[i].address);
}

static bool
is_node (const char *path)
{
    const char *name = strrchr (path, '/');

    return name && (strncmp (name, "/renderD", 8) == 0 || strncmp (name, "/card", 5) == 0);
}

/* The command that takes the line out of the configuration; what stands in snapshots stays.  */
static void
next_delete (const struct host *host, const struct pve_container *container, const struct pve_line *line)
{
    if (line->kind == PVE_DEVICE)
        doctor_next (host->doctor, "pct set %u -delete %s", container->id, line->key);
    else
        doctor_next (host->doctor, "sed -i '1,/^\\[/{/^%s.*%s/d}' /etc/pve/lxc/%u.conf", line->key,
                     line->kind == PVE_MOUNT ? "dev.dri" : "226:", container->id);
}

/* All that give it the GPU. lxc.idmap may be there for something else.  */
static void
next_delete_all (const struct host *host, const struct pve_container *container)
{
    bool kinds[PVE_BROKER + 1] = {[PVE_BROKER] = true, [PVE_IDMAP] = true};

    for (unsigned i = 0; i < container->n_lines; i++) {
        const struct pve_line *line = &container->lines[i];

        if (kinds[line->kind])
            continue;
        kinds[line->kind] = line->kind != PVE_DEVICE;
        next_delete (host, container, line);
    }
}

/* What `drictl install lxc` takes the place of.  */
static void
next_install (const struct host *host, const struct pve_container *container)
{
    next_delete_all (host, container);
    doctor_next (host->doctor, "drictl install lxc %u", container->id);
}

/* --- who shares with whom --- */

/* Has the host a GPU for itself?  */
static bool
keeps_one (const struct host *host)
{
    for (size_t i = 0; i < host->n_devices; i++)
        if (host_is_gpu (&host->devices[i]) && host_is_gpu_driver (host->devices[i].driver))
            return true;
    return false;
}

/* The VM that takes this GPU from the host, and its line, or NULL. Without an address (a folder is mounted,
 * or the node is gone): one that runs and has a GPU, where the host has none left.  */
static const struct pve_vm *
find_taker (const struct host *host, const char *address, const struct pve_hostpci **line)
{
    if (!address[0] && keeps_one (host))
        return NULL;
    for (size_t i = 0; i < host->n_devices; i++) {
        const struct doctor_pci *gpu = &host->devices[i];
        const struct pve_vm *vm;
        size_t at = 0;

        if (!host_is_gpu (gpu) || (address[0] && strcmp (gpu->address, address) != 0))
            continue;
        while ((vm = host_next_vm (host, gpu, &at, line)) != NULL)
            if ((*line)->mdev[0] == '\0' && (address[0] || vm->running))
                return vm;
    }
    return NULL;
}

static void
check_taker (const struct host *host, const struct pve_container *container, const struct pve_line *line)
{
    const struct pve_hostpci *taken = NULL;
    const struct pve_vm *vm;
    char address[16];

    gpu_of (host, line->path, address);
    vm = find_taker (host, address, &taken);
    if (!vm)
        return;
    doctor_bad (
        host->doctor, "host.lxc-shared",
        "container %u uses the GPU of %s, and VM %u %s it from the host: a GPU that a VM has is gone for the "
        "host and its containers",
        container->id, line->path, vm->id, vm->running ? "has taken" : "takes");
    next_delete (host, container, line);
    doctor_next (host->doctor,
                 "qm set %u -delete hostpci%u  # or this instead: keep the GPU with the host, and run the "
                 "VM's work in a container",
                 vm->id, taken->index);
}

/* --- the lines --- */

static void
check_device (const struct host *host, const struct pve_container *container, const struct pve_line *line)
{
    if (!doctor_exists (host->doctor, "%s", line->path)) {
        doctor_bad (host->doctor, "host.lxc-device",
                    "container %u does not start: %s is %s, which is not there", container->id, line->key,
                    line->path);
        doctor_next (host->doctor,
                     "ls -l /dev/dri/by-path  # numbers change from boot to boot; or: drictl install lxc %u",
                     container->id);
    } else if (!line->has_gid) {
        doctor_none (host->doctor, "host.lxc-gid",
                     "container %u: %s gives %s to root there and nobody else, for it names no gid=; `pct "
                     "exec %u getent "
                     "group render` tells which",
                     container->id, line->key, line->path, container->id);
    } else {
        doctor_good (host->doctor, "host.lxc-device", "container %u: %s gives it %s", container->id,
                     line->key, line->value);
    }
}

/* A render node's minor is the number in its name, and so is a card's (the kernel's
 * drivers/gpu/drm/drm_drv.c).  */
static bool
is_allowed (const struct pve_container *container, const char *path)
{
    const char *digits = path + strcspn (path, "0123456789");
    unsigned long minor = *digits ? strtoul (digits, NULL, 10) : PVE_ANY_MINOR;

    for (unsigned i = 0; i < container->n_lines; i++)
        if (container->lines[i].kind == PVE_ALLOW
            && (container->lines[i].minor == PVE_ANY_MINOR || container->lines[i].minor == minor
                || (minor == PVE_ANY_MINOR)))
            return true;
    return false;
}

static void
check_mount (const struct host *host, const struct pve_container *container, const struct pve_line *line)
{
    if (container->unprivileged && !pve_container_line (container, PVE_IDMAP)) {
        doctor_bad (host->doctor, "host.lxc-mount",
                    "container %u is unprivileged and mounts %s: the node belongs to nobody there, and only "
                    "who may do "
                    "everything opens it",
                    container->id, line->path);
        next_install (host, container);
    } else if (!container->unprivileged && !is_allowed (container, line->path)) {
        doctor_bad (host->doctor, "host.lxc-mount",
                    "container %u mounts %s, and no lxc.cgroup2.devices.allow lets it open that: EPERM",
                    container->id, line->path);
        next_install (host, container);
    } else if (is_node (line->path) && !doctor_exists (host->doctor, "%s", line->path)) {
        doctor_bad (host->doctor, "host.lxc-mount", "container %u mounts %s, which is not there",
                    container->id, line->path);
        next_install (host, container);
    } else {
        doctor_good (host->doctor, "host.lxc-mount",
                     "container %u mounts %s, the way of before Proxmox VE 8.1; `drictl install lxc %u` does "
                     "without gids "
                     "and numbers",
                     container->id, line->path, container->id);
    }
}

/* Since Proxmox VE 7 its hosts have control groups v2 only.  */
static void
check_old_allow (const struct host *host, const struct pve_container *container)
{
    const struct pve_line *line = pve_container_line (container, PVE_ALLOW_OLD);

    if (!line || !doctor_exists (host->doctor, "/sys/fs/cgroup/cgroup.controllers"))
        return;
    doctor_bad (host->doctor, "host.lxc-cgroup",
                "container %u has %s, a line of control groups v1: this host has v2, where it does nothing",
                container->id, line->key);
    next_delete (host, container, line);
    doctor_next (host->doctor, "drictl install lxc %u", container->id);
}

/* Is this range of host gids root's to map, by /etc/subgid ("root:START:COUNT")?  */
static bool
may_map (const char *subgid, unsigned long first, unsigned long count)
{
    for (const char *line = subgid; *line; line += *line == '\n') {
        unsigned long start, n;

        if (sscanf (line, "root:%lu:%lu", &start, &n) == 2 && first >= start && first - start + count <= n)
            return true;
        line += strcspn (line, "\n");
    }
    return false;
}

static void
check_idmap (const struct host *host, const struct pve_container *container)
{
    _cleanup_free_ char *subgid = doctor_read_file (host->doctor, NULL, "/etc/subgid");

    for (unsigned i = 0; subgid && i < container->n_lines; i++) {
        const struct pve_line *line = &container->lines[i];
        unsigned long inside, first, count;

        if (line->kind != PVE_IDMAP || sscanf (line->value, "g %lu %lu %lu", &inside, &first, &count) != 3
            || may_map (subgid, first, count))
            continue;
        doctor_bad (host->doctor, "host.lxc-idmap",
                    "container %u does not start: lxc.idmap wants gids from %lu on (%lu), which /etc/subgid "
                    "does not give "
                    "root",
                    container->id, first, count);
        doctor_next (host->doctor, "echo root:%lu:%lu >>/etc/subgid", first, count);
        return;
    }
    if (pve_container_line (container, PVE_IDMAP)
        && (pve_container_line (container, PVE_DEVICE) || pve_container_line (container, PVE_BROKER)))
        doctor_none (host->doctor, "host.lxc-idmap",
                     "container %u has lxc.idmap lines; if they are there for a GPU's group, they are "
                     "leftovers: neither "
                     "devN nor dri-broker needs them",
                     container->id);
}

static void
check_broker (const struct host *host, const struct pve_container *container, const struct pve_line *line)
{
    if (!doctor_exists (host->doctor, "%s", line->value)) {
        doctor_bad (host->doctor, "host.lxc-broker",
                    "container %u does not start: it includes %s, which is not on this node", container->id,
                    line->value);
        doctor_next (host->doctor, "drictl install lxc %u", container->id);
    } else if (pve_container_line (container, PVE_DEVICE) || pve_container_line (container, PVE_MOUNT)) {
        doctor_bad (host->doctor, "host.lxc-broker",
                    "container %u gets its GPU by dri-broker, and by lines of its own as well, which lie "
                    "over it or give "
                    "it past every lease",
                    container->id);
        next_delete_all (host, container);
    } else {
        doctor_good (host->doctor, "host.lxc-broker", "container %u gets its GPU by dri-broker at each start",
                     container->id);
    }
}

static void
check_container (const struct host *host, const struct pve_container *container)
{
    for (unsigned i = 0; i < container->n_lines; i++) {
        const struct pve_line *line = &container->lines[i];

        if (line->kind == PVE_BROKER)
            check_broker (host, container, line);
        else if (line->kind == PVE_DEVICE)
            check_device (host, container, line);
        else if (line->kind == PVE_MOUNT)
            check_mount (host, container, line);
        if (line->kind == PVE_DEVICE || line->kind == PVE_MOUNT)
            check_taker (host, container, line);
    }
    check_old_allow (host, container);
    check_idmap (host, container);
}

void
doctor_host_containers (const struct host *host)
{
    unsigned given = 0;

    if (!doctor_exists (host->doctor, "/etc/pve/lxc"))
        return;
    for (size_t i = 0; i < host->n_containers; i++) {
        given += pve_container_has_gpu (&host->containers[i]);
        check_container (host, &host->containers[i]);
    }
    if (given == 0)
        doctor_none (host->doctor, "host.lxc", "no container is given a GPU");
}
