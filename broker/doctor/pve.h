/* The configurations of Proxmox VE's guests, as far as GPUs are their matter. Pure.
 *
 * Sources: qm.conf(5), pct.conf(5), the PCI passthrough chapter of Proxmox VE's manual, and what qemu-server
 * checks when it starts a VM (PVE/QemuServer/PCI.pm); lxc.container.conf(5) for the keys of LXC.
 *
 * Only what holds now counts: a section in brackets is a snapshot, or a change that waits for the next start.
 */
#ifndef DRI_PVE_H
#define DRI_PVE_H

#include <stdbool.h>
#include <stddef.h>

enum { PVE_HOSTPCI_MAX = 16, PVE_LINES_MAX = 32 };

struct pve_hostpci {
    unsigned index;   /* N of hostpciN */
    char text[256];   /* all of its value */
    char host[192];   /* "0000:01:00.0", "01:00" for all its functions, several by ";"; of a mapping, where it
                       * leads on this node, or "" */
    char mapping[64]; /* name in /etc/pve/mapping/pci.cfg, or "" */
    char mdev[64];    /* a share of the device only, or "" */
    char romfile[128]; /* below /usr/share/kvm, or "" */
    bool pcie, x_vga, legacy_igd, rombar;
};

struct pve_vm {
    unsigned id;
    bool running; /* not of the configuration: the caller's to set */
    bool onboot, template, serial, efidisk;
    char machine[64], bios[16], vga[64], affinity[128], hugepages[8]; /* "" where not given */
    unsigned memory, cores;                                           /* MiB; of all sockets */
    unsigned n_hostpci;
    struct pve_hostpci hostpci[PVE_HOSTPCI_MAX];
};

/* Sets all but running. */
void pve_vm_parse (struct pve_vm *vm, unsigned id, const char *text);

bool pve_vm_is_q35 (const struct pve_vm *vm);

/* Does the line's host name this device?  */
bool pve_hostpci_names (const struct pve_hostpci *line, const char *address);

/* Where the mapping leads on this node, into line->host: the paths of all its entries. False: it has none
 * here. text is that of /etc/pve/mapping/pci.cfg.  */
bool pve_mapping_find (struct pve_hostpci *line, const char *text, const char *node);

/* Its value again, without these properties ("x-vga,rombar"), and with that one ("pcie=1"; may be "").  */
void pve_hostpci_edit (const struct pve_hostpci *line, const char *without, const char *with, char *out,
                       size_t size);

enum pve_line_kind {
    PVE_DEVICE,    /* devN: a device node, since Proxmox VE 8.1 */
    PVE_MOUNT,     /* lxc.mount.entry of something in /dev/dri */
    PVE_ALLOW,     /* lxc.cgroup2.devices.allow of DRM devices */
    PVE_ALLOW_OLD, /* lxc.cgroup.devices.allow of them: of control groups v1 */
    PVE_IDMAP,     /* lxc.idmap */
    PVE_BROKER,    /* what `drictl install lxc` includes */
};

struct pve_line {
    enum pve_line_kind kind;
    char key[40]; /* "dev0", "lxc.mount.entry" */
    char value[160];
    char path[96];  /* PVE_DEVICE, PVE_MOUNT: the host's; else "" */
    bool has_gid;   /* PVE_DEVICE */
    unsigned minor; /* PVE_ALLOW*: PVE_ANY_MINOR for "*" */
};

#define PVE_ANY_MINOR 0xffffffffU

struct pve_container {
    unsigned id;
    bool unprivileged;
    unsigned n_lines;
    struct pve_line lines[PVE_LINES_MAX]; /* those that matter to GPUs, in their order */
};

void pve_container_parse (struct pve_container *container, unsigned id, const char *text);

/* The first line of the kind, or NULL.  */
const struct pve_line *pve_container_line (const struct pve_container *container, enum pve_line_kind kind);

/* Does it have the GPU by lines of its own, or by dri-broker?  */
bool pve_container_has_gpu (const struct pve_container *container);

#endif
