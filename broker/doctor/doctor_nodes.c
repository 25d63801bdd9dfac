/* The device nodes: /dev/dri, who owns it, and who gets at it.  */
#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "doctor_guest.h"
#include "doctor_kernels.h"

enum { DRM_MAJOR = 226, NOBODY = 65534 };

/* Gives it the group and mode that udev's rules say.  */
static void
next_udev (const struct guest *guest)
{
    doctor_next (guest->doctor, "sudo udevadm trigger --subsystem-match=drm --action=add");
}

/* The kernel makes a node once, in devtmpfs; udev makes none (systemd, NEWS of 182).  */
static void
next_node (const struct guest *guest, const struct guest_node *node)
{
    doctor_next (guest->doctor, "sudo mkdir -p /dev/dri && sudo mknod /dev/dri/%s c %u %u", node->name,
                 DRM_MAJOR, node->minor);
    next_udev (guest);
}

static void
judge_group (const struct guest *guest, const struct guest_node *node, const struct stat *st)
{
    char group[64];
    bool named = guest_group_name (guest, st->st_gid, group, sizeof group);
    unsigned mode = st->st_mode & 0777;

    if (st->st_gid == 0 || !named) {
        doctor_bad (guest->doctor, "gpu.group",
                    "/dev/dri/%s belongs to %s, not to the group render that udev's rules give it to",
                    node->name, named ? "root alone" : "a group that /etc/group does not have");
        doctor_next (guest->doctor, "getent group render || sudo groupadd --system render");
        next_udev (guest);
    } else if ((mode & 060) != 060) {
        doctor_bad (guest->doctor, "gpu.group", "/dev/dri/%s has mode %03o: its group, %s, cannot use it",
                    node->name, mode, group);
        doctor_next (guest->doctor, "grep -rn 'drm\\|renderD' /etc/udev/rules.d  # the rule that does it");
    } else {
        doctor_good (guest->doctor, "gpu.group",
                     "/dev/dri/%s belongs to the group %s, gid %u on this machine; a lease needs no "
                     "group_add and no usermod",
                     node->name, group, (unsigned) st->st_gid);
    }
    if (mode & 006) {
        doctor_none (guest->doctor, "gpu.mode",
                     "/dev/dri/%s has mode %03o: everybody on this machine may use it", node->name, mode);
        doctor_next (guest->doctor, "grep -rn 'drm\\|renderD' /etc/udev/rules.d  # a rule of somebody's "
                                    "guide; leases do not need it");
    }
}

/* What an LXC has or lacks is the host's doing: doctor_lxc() looks at that.  */
static void
check_node (const struct guest *guest, const struct guest_node *node)
{
    struct stat st;

    if (!doctor_stat (guest->doctor, &st, "/dev/dri/%s", node->name)) {
        if (!guest->doctor->live && !doctor_exists (guest->doctor, "/dev/dri")) {
            doctor_none (guest->doctor, "gpu.node", "/dev/dri/%s: the copied tree has no /dev/dri",
                         node->name);
            return;
        }
        doctor_bad (guest->doctor, "gpu.node",
                    "/dev/dri/%s is not there, although the kernel has it (%u:%u) and made it once",
                    node->name, DRM_MAJOR, node->minor);
        next_node (guest, node);
        return;
    }
    if (!S_ISCHR (st.st_mode)) {
        doctor_none (guest->doctor, "gpu.node", "/dev/dri/%s is no device node: " DOCTOR_COPY, node->name);
    } else if (major (st.st_rdev) != DRM_MAJOR || minor (st.st_rdev) != node->minor) {
        doctor_bad (guest->doctor, "gpu.node",
                    "/dev/dri/%s is %u:%u, but the kernel's is %u:%u: somebody made it by hand", node->name,
                    major (st.st_rdev), minor (st.st_rdev), DRM_MAJOR, node->minor);
        doctor_next (guest->doctor, "sudo rm /dev/dri/%s", node->name);
        next_node (guest, node);
    } else {
        doctor_good (guest->doctor, "gpu.node", "/dev/dri/%s is the render node of %s", node->name,
                     node->pci[0]      ? node->pci
                     : node->driver[0] ? node->driver
                                       : "a virtual GPU");
        judge_group (guest, node, &st);
    }
}

void
doctor_nodes (const struct guest *guest)
{
    for (size_t i = 0; i < guest->n_gpus; i++) {
        const struct doctor_pci *pci = &guest->gpus[i];

        if (kernel_driver_is_fit (pci->driver) && !guest_render_node (guest, pci->address)) {
            doctor_bad (guest->doctor, "gpu.node", "%s: %s made no render node of it; its log says why",
                        pci->address, pci->driver);
            doctor_next (guest->doctor, "sudo journalctl -k -b | grep %s", pci->address);
            guest_next_where (guest);
        }
    }
    for (size_t i = 0; i < guest->n_nodes && guest->kind != GUEST_LXC; i++)
        if (guest->nodes[i].render)
            check_node (guest, &guest->nodes[i]);
}
