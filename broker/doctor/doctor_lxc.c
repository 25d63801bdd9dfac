/* An LXC container: its nodes, its ids, and what its host has to do.
 *
 * Sources: pct.conf(5) of Proxmox VE 8.2 and later for dev0 (gid= is a group of the container);
 * lxc.container.conf(5) for lxc.idmap; user_namespaces(7): what is not mapped shows as 65534.  */
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "../../oci/cleanup.h"
#include "doctor_guest.h"
#include "../idmap.h"

enum { DRM_MAJOR = 226, NOBODY = 65534 };

/* Where its user namespace begins on the host: 0 where it has none of its own. False: it cannot be told.  */
static bool
first_uid (const struct guest *guest, uint32_t *first)
{
    _cleanup_free_ char *text = doctor_read_file (
        guest->doctor, NULL, guest->doctor->live ? "/proc/self/uid_map" : "/proc/1/uid_map");
    struct idmap map = {.n = 0};
    struct error ignored;

    if (!text || idmap_parse (&map, text, &ignored) < 0 || map.n == 0)
        return false;
    *first = map.lines[0].host;
    return true;
}

static void
check_kind (const struct guest *guest)
{
    uint32_t first;

    if (!first_uid (guest, &first))
        doctor_none (guest->doctor, "lxc.kind",
                     "whether it is privileged, " DOCTOR_COPY " without /proc/1/uid_map");
    else if (first != 0)
        doctor_good (
            guest->doctor, "lxc.kind",
            "it is unprivileged, its root is uid %u on the host: no node can be made here (mknod), so "
            "dri-broker binds those that are there into its leases",
            (unsigned) first);
    else
        doctor_none (guest->doctor, "lxc.kind",
                     "it is privileged: its root is the host's, and who breaks out of it has the host; an "
                     "unprivileged one can use GPUs as well");
}

/* The gid that nodes should have in here: render's, else video's.  */
static gid_t
wanted_group (const struct guest *guest)
{
    gid_t gid;

    if (guest_group_id (guest, "render", &gid) || guest_group_id (guest, "video", &gid))
        return gid;
    return 0;
}

static void
next_on_host (const struct guest *guest, unsigned index, const struct guest_node *node)
{
    doctor_next (guest->doctor,
                 "pct set CTID -dev%u /dev/dri/%s,gid=%u  # on the Proxmox VE host, CTID being this "
                 "container's number",
                 index, node->name, (unsigned) wanted_group (guest));
    doctor_next (guest->doctor, "pct reboot CTID");
}

static void
judge_owner (const struct guest *guest, unsigned index, const struct guest_node *node, const struct stat *st)
{
    char group[64];
    bool named = guest_group_name (guest, st->st_gid, group, sizeof group);
    bool fits = strcmp (group, "render") == 0 || strcmp (group, "video") == 0;

    if (fits && (st->st_mode & 060) == 060) {
        doctor_good (guest->doctor, "lxc.gid", "/dev/dri/%s belongs to the group %s, gid %u", node->name,
                     group, (unsigned) st->st_gid);
        return;
    }
    if (st->st_gid == NOBODY)
        doctor_bad (guest->doctor, "lxc.gid",
                    "/dev/dri/%s shows as %s:nogroup: its group on the host is not mapped into this "
                    "container, so nobody here can be in it",
                    node->name, st->st_uid == NOBODY ? "nobody" : "root");
    else if (!named)
        doctor_bad (guest->doctor, "lxc.gid",
                    "/dev/dri/%s has gid %u, which is of no group here: that is the host's number, not this "
                    "container's",
                    node->name, (unsigned) st->st_gid);
    else if (st->st_gid == 0)
        doctor_bad (guest->doctor, "lxc.gid",
                    "/dev/dri/%s belongs to root alone: its line dev%u on the host has no gid=", node->name,
                    index);
    else if (!fits)
        doctor_bad (guest->doctor, "lxc.gid",
                    "/dev/dri/%s has gid %u, which is the group %s here: the host's number for render means "
                    "another group in this container",
                    node->name, (unsigned) st->st_gid, group);
    else
        doctor_bad (guest->doctor, "lxc.gid", "/dev/dri/%s has mode %03o: its group, %s, cannot use it",
                    node->name, (unsigned) st->st_mode & 0777, group);
    doctor_next (guest->doctor,
                 "sed -i '/^lxc.mount.entry: .dev.dri/d; /^lxc.cgroup2.devices.allow: c 226/d' "
                 "/etc/pve/lxc/CTID.conf  # on the host: what older guides have written there");
    next_on_host (guest, index, node);
}

static void
check_node (const struct guest *guest, unsigned index, const struct guest_node *node)
{
    struct stat st;

    if (!doctor_stat (guest->doctor, &st, "/dev/dri/%s", node->name)) {
        doctor_bad (guest->doctor, "lxc.nodes", "/dev/dri/%s of the host is not in this container",
                    node->name);
        next_on_host (guest, index, node);
        return;
    }
    if (!S_ISCHR (st.st_mode) && guest->doctor->live) {
        doctor_bad (guest->doctor, "lxc.nodes",
                    "/dev/dri/%s is no device node: the host mounted something else there", node->name);
        next_on_host (guest, index, node);
        return;
    }
    doctor_good (guest->doctor, "lxc.nodes", "/dev/dri/%s of the host is in this container", node->name);
    judge_owner (guest, index, node, &st);
}

void
doctor_lxc (const struct guest *guest)
{
    unsigned index = 0;

    doctor_area (guest->doctor, "LXC container");
    check_kind (guest);
    for (size_t i = 0; i < guest->n_nodes; i++)
        if (guest->nodes[i].render)
            check_node (guest, index++, &guest->nodes[i]);
    if (index == 0) {
        doctor_bad (
            guest->doctor, "lxc.nodes",
            "the host has no render node: no driver there has a GPU, or a virtual machine has been given it");
        doctor_next (guest->doctor, "drictl doctor --host  # on the host");
    }
}
