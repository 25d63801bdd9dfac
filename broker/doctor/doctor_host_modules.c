/* What a host's files say of modules: blacklists, an initramfs that does not know of them, leftovers.
 *
 * Sources: modprobe.d(5), modules-load.d(5), initramfs-tools(7), update-initramfs(8); Linux 6.2,
 * drivers/vfio/Makefile, for vfio_virqfd; Proxmox VE's PCI passthrough chapter for what a blacklist is for.
 */
#include <stdio.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "doctor_host.h"

/* A blacklist that somebody made for passthrough's sake.  */
static void
check_blacklist (const struct host *host, const char *module, unsigned vendor)
{
    const struct modprobe_rule *rule =
        modprobe_find (&host->system.modprobe, MODPROBE_BLACKLIST, module, NULL);
    const struct doctor_pci *kept = NULL;

    if (!rule)
        return;
    for (size_t i = 0; i < host->n_devices && !kept; i++)
        if (host_is_gpu (&host->devices[i]) && host->devices[i].vendor == vendor
            && !host_vm_of (host, &host->devices[i]) && host->devices[i].driver[0] == '\0')
            kept = &host->devices[i];
    if (!kept) {
        doctor_none (host->doctor, "host.blacklist",
                     "%s is blacklisted by %s, which is not needed to give a GPU to a VM: Proxmox VE takes "
                     "it from its "
                     "driver when the VM starts",
                     module, rule->source);
        return;
    }
    doctor_bad (
        host->doctor, "host.blacklist",
        "%s is blacklisted by %s: GPU %s has no driver, so neither the host nor a container can use it",
        module, rule->source, kept->address);
    if (rule->source[0] == '/')
        doctor_next (host->doctor, "sed -i '/^blacklist *%s/d' %s && " HOST_REFRESH, module, rule->source);
    else
        doctor_next_boot_remove (&host->system, "modprobe.blacklist=");
}

static void
find_newest (const struct host *host, const char *source, char newest[MODPROBE_SOURCE_MAX], time_t *when)
{
    struct stat st;

    if (source[0] != '/' || !doctor_stat (host->doctor, &st, "%s", source) || st.st_mtime <= *when)
        return;
    *when = st.st_mtime;
    (void) snprintf (newest, MODPROBE_SOURCE_MAX, "%s", source);
}

/* Is what modprobe.d says of our modules in the initramfs? It holds a copy from when it was made.  */
static void
check_initramfs (const struct host *host)
{
    const struct modprobe *modprobe = &host->system.modprobe;
    char newest[MODPROBE_SOURCE_MAX] = "";
    time_t when = 0;
    struct stat st;

    for (unsigned i = 0; i < modprobe->n_ids; i++)
        find_newest (host, modprobe->ids[i].source, newest, &when);
    for (unsigned i = 0; i < modprobe->n_rules; i++)
        if (host_is_gpu_driver (modprobe->rules[i].module)
            || strcmp (modprobe->rules[i].other, "vfio_pci") == 0)
            find_newest (host, modprobe->rules[i].source, newest, &when);
    find_newest (host, "/etc/initramfs-tools/modules", newest, &when);
    if (newest[0] == '\0' || host->system.release[0] == '\0')
        return;
    if (!doctor_stat (host->doctor, &st, "/boot/initrd.img-%s", host->system.release)) {
        doctor_none (host->doctor, "host.initramfs", "no /boot/initrd.img-%s to compare %s with",
                     host->system.release, newest);
    } else if (st.st_mtime < when) {
        doctor_bad (host->doctor, "host.initramfs",
                    "%s was changed after the initramfs of kernel %s was made, which still has the old text",
                    newest, host->system.release);
        doctor_next (host->doctor, HOST_REFRESH);
    } else {
        doctor_good (host->doctor, "host.initramfs", "the initramfs of kernel %s is newer than %s",
                     host->system.release, newest);
    }
}

/* modules-load.d(5) and initramfs-tools(7): a name a line, "#" for what is none.  */
static bool
names_virqfd (const struct host *host, const char *path)
{
    _cleanup_free_ char *text = doctor_read_file (host->doctor, NULL, "%s", path);

    for (const char *line = text; line && *line; line += *line == '\n') {
        size_t len = strcspn (line, "\n"), space = strspn (line, " \t");

        if (len - space >= 11
            && (strncmp (line + space, "vfio_virqfd", 11) == 0
                || strncmp (line + space, "vfio-virqfd", 11) == 0))
            return true;
        line += len;
    }
    return false;
}

static unsigned
check_module_file (const struct host *host, const char *path)
{
    if (!names_virqfd (host, path))
        return 0;
    doctor_bad (host->doctor, "host.virqfd",
                "%s names vfio_virqfd, which is part of vfio since Linux 6.2: there is nothing to load, and "
                "each boot "
                "logs that it failed",
                path);
    doctor_next (host->doctor, "sed -i '/^ *vfio.virqfd/d' %s && update-initramfs -u -k all", path);
    return 1;
}

static void
check_virqfd (const struct host *host)
{
    _cleanup_names_ struct doctor_names names = {0};
    unsigned found;

    if (host->system.kernel != 0 && host->system.kernel < KERNEL (6, 2))
        return;
    found =
        check_module_file (host, "/etc/modules") + check_module_file (host, "/etc/initramfs-tools/modules");
    (void) doctor_list_dir (host->doctor, &names, "/etc/modules-load.d");
    for (size_t i = 0; i < names.n; i++) {
        char path[280];

        (void) snprintf (path, sizeof path, "/etc/modules-load.d/%s", names.list[i]);
        /* Debian has a link to /etc/modules there.  */
        if (strcmp (names.list[i], "modules.conf") != 0)
            found += check_module_file (host, path);
    }
    if (found == 0)
        doctor_good (host->doctor, "host.virqfd",
                     "no leftover of vfio_virqfd, which is part of vfio since Linux 6.2");
}

void
doctor_host_modules (const struct host *host)
{
    static const struct {
        const char *module;
        unsigned vendor;
    } drivers[] = {
        {"i915", 0x8086}, {"xe", 0x8086}, {"amdgpu", 0x1002}, {"radeon", 0x1002}, {"nvidia", 0x10de}};

    for (size_t i = 0; i < countof (drivers); i++)
        check_blacklist (host, drivers[i].module, drivers[i].vendor);
    doctor_system_say_unread (&host->system);
    check_initramfs (host);
    check_virqfd (host);
}
