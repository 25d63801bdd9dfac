/* The GPUs of this machine: found by libdrm and libudev's successor sd-device, followed by uevents.
 *
 * The table is fixed and its indexes are stable: a GPU that goes keeps its place (state GPU_LOST), and takes
 * it again when the same device returns, also under another minor.  */
#ifndef DRI_GPU_H
#define DRI_GPU_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../oci/config.h"
#include "../oci/error.h"
#include "../oci/request.h"

enum { GPUS_MAX = 16 };

enum gpu_state { GPU_ABSENT, GPU_PRESENT, GPU_LOST };

struct gpu_node {
    char name[24]; /* "renderD128", "card0"; "" where the device has none */
    unsigned major, minor;
    gid_t gid; /* of the host's own node: the render or video group there */
};

struct gpu {
    enum gpu_state state;
    char name[64];   /* configured, else "gpu<index>" */
    char bus[64];    /* stable identity: "pci-0000:00:02.0" or "platform-vgem", as udev's by-path has it */
    char pci[16];    /* "0000:00:02.0", "" off the PCI bus */
    char driver[32]; /* kernel driver: "i915" */
    uint16_t vendor, device;
    char vendor_name[96], model[128]; /* from the hardware database, "" where it has no entry */
    struct gpu_node render, card;
    unsigned slots;
    bool simulated; /* from a fixture: the nodes are stand-ins */
};

struct gpus {
    struct gpu table[GPUS_MAX];
};

/* Looks at the machine and updates the table. A machine without any GPU is no error.  */
int gpus_scan (struct gpus *gpus, const struct config *config, struct error *err);

/* The same from a fixture (dri-broker --simulate FILE), every GPU marked simulated. The format stands in
 * dri-broker(8).  */
int gpus_simulate (struct gpus *gpus, const struct config *config, const char *path, struct error *err);

/* Does the GPU fit the selector? Pure. SELECT_VENDOR takes intel, amd, nvidia or four hex digits.  */
bool gpu_matches (const struct gpu *gpu, const struct selector *selector);

/* The gpus[] member of Status without slots.used, as the design has it; the reference is the caller's.  */
json_t *gpu_to_json (const struct gpu *gpu);

#endif
