/* drictl doctor --host: the machine that gives GPUs to virtual machines and LXC containers, Proxmox VE first.
 *
 * What several checks look at is read once into struct host. Each check then is a function of one subject,
 * which adds findings; see doctor.h.  */
#ifndef DRI_DOCTOR_HOST_H
#define DRI_DOCTOR_HOST_H

#include "doctor.h"
#include "doctor_pci.h"
#include "doctor_system.h"
#include "pve.h"

enum { HOST_GUESTS_MAX = 128 };

/* What makes a change in /etc/modprobe.d count.  */
#define HOST_REFRESH "update-initramfs -u -k all && reboot"

struct host {
    struct doctor *doctor;
    struct doctor_system system;
    size_t n_devices, n_vms, n_containers;
    size_t left_out; /* configurations of guests beyond what the tables hold */
    struct doctor_pci devices[DOCTOR_PCI_MAX];
    struct pve_vm vms[HOST_GUESTS_MAX];
    struct pve_container containers[HOST_GUESTS_MAX];
};

/* All of it.  */
void doctor_host (struct doctor *doctor);

/* On the heap; NULL where memory is short.  */
struct host *host_read (struct doctor *doctor);
void host_free (struct host *host);

/* The subjects.  */
void doctor_host_iommu (const struct host *host);   /* IOMMU, its groups, ACS */
void doctor_host_vfio (const struct host *host);    /* who has the GPUs, ids= */
void doctor_host_modules (const struct host *host); /* blacklists, initramfs, leftovers */
void doctor_host_screen (
    const struct host *host); /* framebuffers, the only display, Above 4G and resizable BARs */
void doctor_host_vms (const struct host *host);        /* /etc/pve/qemu-server */
void doctor_host_tuning (const struct host *host);     /* huge pages, pinned CPUs */
void doctor_host_containers (const struct host *host); /* /etc/pve/lxc, and who shares with whom */

/* Of a host's own driver: i915, xe, amdgpu, radeon, nvidia, nouveau.  */
bool host_is_gpu_driver (const char *driver);

/* A display controller that can do more than show a console.  */
bool host_is_gpu (const struct doctor_pci *pci);

/* Functions of one device, as a GPU and its sound.  */
bool host_same_card (const struct doctor_pci *a, const struct doctor_pci *b);

/* Does it give devices to VMs, or mean to? One that has containers only needs no IOMMU.  */
bool host_passes_devices (const struct host *host);

/* doctor_next() with the way into the firmware's setup; what to do there is a comment of the caller's.  */
void host_next_firmware (const struct host *host);

enum { HOST_TITLE_MAX = 112 };

/* "0000:00:02.0 Alder Lake-N [8086:46d1]"  */
void host_title (const struct doctor_pci *pci, char title[HOST_TITLE_MAX]);

/* The first VM that is given this device, from *at on, and its line (may be NULL); NULL: no more. *at is
 * moved on.  */
const struct pve_vm *host_next_vm (const struct host *host, const struct doctor_pci *pci, size_t *at,
                                   const struct pve_hostpci **line);
/* The first of all, or NULL.  */
const struct pve_vm *host_vm_of (const struct host *host, const struct doctor_pci *pci);

#endif
