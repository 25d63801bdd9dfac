#include "doctor_guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "../../oci/cleanup.h"
#include "next_line.h"

enum { DRM_MAJOR = 226 };

/* --- what kind of machine --- */

/* "lxc" from where systemd keeps it, else from the environment of init (systemd's CONTAINER_INTERFACE).  */
static bool
is_lxc (const struct doctor *doctor)
{
    _cleanup_free_ char *manager = doctor_read_file (doctor, NULL, "/run/systemd/container");
    _cleanup_free_ char *environment = NULL;
    size_t len = 0;

    if (manager)
        return strncmp (manager, "lxc", 3) == 0;
    environment = doctor_read_file (doctor, &len, "/proc/1/environ");
    for (const char *p = environment; p && p < environment + len; p += strlen (p) + 1)
        if (strcmp (p, "container=lxc") == 0)
            return true;
    return false;
}

/* The processor's "hypervisor" bit (CPUID 1, ECX 31).  */
static bool
is_vm (const struct doctor *doctor)
{
    _cleanup_free_ char *text = doctor_read_file (doctor, NULL, "/proc/cpuinfo");

    return text && strstr (text, " hypervisor");
}

/* --- nodes --- */

/* The last part of the path that has the form of a PCI address: a virtio GPU's node lies below virtio0 there.
 */
static void
take_address (const char *path, char address[16])
{
    unsigned domain, bus, slot, function;

    address[0] = '\0';
    for (const char *p = path; p; p = strchr (p, '/')) {
        p += *p == '/';
        if (strcspn (p, "/") == strlen ("0000:00:00.0")
            && sscanf (p, "%4x:%2x:%2x.%1x", &domain, &bus, &slot, &function) == 4)
            (void) snprintf (address, 16, "%04x:%02x:%02x.%x", domain & 0xffff, bus & 0xff, slot & 0xff,
                             function & 0xf);
    }
}

static bool
read_node (const struct doctor *doctor, const char *name, struct guest_node *node)
{
    _cleanup_free_ char *target = doctor_read_link (doctor, "/sys/class/drm/%s", name);
    _cleanup_free_ char *dev = doctor_read_file (doctor, NULL, "/sys/class/drm/%s/dev", name);
    unsigned major;

    /* A connector, as card0-HDMI-A-1, has no number.  */
    if (!dev || strlen (name) >= sizeof node->name || !next_line_is_plain (name))
        return false;
    *node = (struct guest_node){.render = strncmp (name, "renderD", 7) == 0};
    if (sscanf (dev, "%8u:%8u", &major, &node->minor) != 2 || major != DRM_MAJOR)
        return false;
    (void) snprintf (node->name, sizeof node->name, "%s", name);
    take_address (target, node->pci);
    (void) doctor_link_name (doctor, node->driver, sizeof node->driver, "/sys/class/drm/%s/device/driver",
                             name);
    return true;
}

static void
read_nodes (struct guest *guest)
{
    _cleanup_names_ struct doctor_names names = {0};

    (void) doctor_list_dir (guest->doctor, &names, "/sys/class/drm");
    for (size_t i = 0; i < names.n && guest->n_nodes < GUEST_NODES_MAX; i++)
        guest->n_nodes += read_node (guest->doctor, names.list[i], &guest->nodes[guest->n_nodes]);
}

const struct guest_node *
guest_render_node (const struct guest *guest, const char *pci)
{
    for (size_t i = 0; i < guest->n_nodes; i++)
        if (guest->nodes[i].render && strcmp (guest->nodes[i].pci, pci) == 0)
            return &guest->nodes[i];
    return NULL;
}

/* --- groups --- */

/* A line "name:password:gid:members" of group(5), of that name or, where that is NULL, of that gid.  */
static bool
find_group (const struct guest *guest, const char *name, gid_t gid, char *found, size_t size,
            gid_t *found_gid)
{
    _cleanup_free_ char *text = doctor_read_file (guest->doctor, NULL, "/etc/group");
    char *save = NULL;

    for (char *line = text ? strtok_r (text, "\n", &save) : NULL; line; line = strtok_r (NULL, "\n", &save)) {
        char own[64];
        unsigned id;

        if (sscanf (line, "%63[^:]:%*[^:]:%10u", own, &id) != 2
            || (name ? strcmp (own, name) != 0 : (gid_t) id != gid))
            continue;
        (void) snprintf (found, size, "%s", own);
        *found_gid = (gid_t) id;
        return true;
    }
    return false;
}

bool
guest_group_name (const struct guest *guest, gid_t gid, char *name, size_t size)
{
    gid_t same;

    name[0] = '\0';
    return find_group (guest, NULL, gid, name, size, &same);
}

bool
guest_group_id (const struct guest *guest, const char *name, gid_t *gid)
{
    char same[64];

    return find_group (guest, name, 0, same, sizeof same, gid);
}

void
guest_next_where (const struct guest *guest)
{
    if (guest->kind == GUEST_LXC)
        doctor_next_comment (guest->doctor, "on the host");
}

/* --- all of it --- */

static void
check (struct guest *guest)
{
    doctor_gpu (guest);
    doctor_nodes (guest);
    if (guest->kind == GUEST_LXC)
        doctor_lxc (guest);
    doctor_firmware (guest);
    doctor_vaapi (guest);
    doctor_broker (guest);
    doctor_engines (guest);
    doctor_containers (guest);
}

void
doctor_guest (struct doctor *doctor)
{
    static struct doctor_pci list[DOCTOR_PCI_MAX];
    struct guest *guest = calloc (1, sizeof *guest);
    struct error err;

    if (!guest || doctor_system_read (&guest->system, doctor, &err) < 0) {
        free (guest);
        doctor_none (doctor, "guest", "memory is short");
        return;
    }
    guest->doctor = doctor;
    guest->kind = is_lxc (doctor) ? GUEST_LXC : is_vm (doctor) ? GUEST_VM : GUEST_NONE;
    guest->n_gpus = doctor_pci_displays (doctor, list);
    if (guest->n_gpus > GUEST_GPUS_MAX)
        guest->n_gpus = GUEST_GPUS_MAX;
    memcpy (guest->gpus, list, guest->n_gpus * sizeof *list);
    read_nodes (guest);
    check (guest);
    doctor_system_finish (&guest->system);
    free (guest);
}
