/* drictl doctor: a machine that runs containers, be it a virtual machine, an LXC container, or neither.
 *
 * What several checks look at is read once into struct guest. Each check is a function of one subject, which
 * adds findings under headings of its own; see doctor.h.  */
#ifndef DRI_DOCTOR_GUEST_H
#define DRI_DOCTOR_GUEST_H

#include <jansson.h>
#include <sys/types.h>

#include "doctor.h"
#include "doctor_pci.h"
#include "doctor_system.h"

enum { GUEST_GPUS_MAX = 16, GUEST_NODES_MAX = 32 };

enum guest_kind { GUEST_NONE, GUEST_VM, GUEST_LXC };

/* A node that the kernel has, in /sys/class/drm; whether it is in /dev/dri as well is a finding.  */
struct guest_node {
    char name[24];   /* "renderD128", "card0" */
    unsigned minor;  /* its major is DRM's, 226 */
    char driver[32]; /* of its device: "i915", "simple-framebuffer"; "" where it has none */
    char pci[16];    /* "" off the PCI bus */
    bool render;
};

struct guest {
    struct doctor *doctor;
    struct doctor_system system;
    enum guest_kind kind;
    size_t n_gpus, n_nodes;
    struct doctor_pci gpus[GUEST_GPUS_MAX]; /* display controllers on PCI, be they of use or not */
    struct guest_node nodes[GUEST_NODES_MAX];
};

/* All of it.  */
void doctor_guest (struct doctor *doctor);

/* The render node of a GPU on PCI, or NULL.  */
const struct guest_node *guest_render_node (const struct guest *guest, const char *pci);

/* The name of a group in the examined machine's /etc/group; false, and "": it has none. And the other way
 * round.
 */
bool guest_group_name (const struct guest *guest, gid_t gid, char *name, size_t size);
bool guest_group_id (const struct guest *guest, const char *name, gid_t *gid);

/* Ends a line of doctor_next(), of what an LXC cannot do itself, with where it is done.  */
void guest_next_where (const struct guest *guest);

/* The subjects.  */
void doctor_gpu (const struct guest *guest);      /* PCI and the kernel's drivers */
void doctor_nodes (const struct guest *guest);    /* /dev/dri, owners and groups */
void doctor_firmware (const struct guest *guest); /* files, options; what the log says */
void doctor_vaapi (const struct guest *guest);    /* what libva gets out of it, and the firmware that runs */
void doctor_lxc (const struct guest *guest);      /* of an LXC only */
void doctor_engines (const struct guest *guest);  /* Docker's and Podman's configuration */
void doctor_broker (const struct guest *guest);   /* dri-broker itself */
void doctor_containers (const struct guest *guest); /* those that take GPUs by themselves */

#endif
