/* The GPUs of this machine: found by libdrm and libudev's successor sd-device, followed by uevents.
 *
 * The table is fixed and its indexes are stable: a GPU that goes keeps its place (state GPU_LOST), and takes
 * it again when the same device returns, also under another minor.
 *
 * gpu.c is pure: the table, selectors, JSON. scan.c (the machine) and simulate.c (a fixture) are its edges.
 */
#ifndef DRI_GPU_H
#define DRI_GPU_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../oci/config.h"
#include "../oci/error.h"
#include "../oci/request.h"
#include "abilities.h"

enum { GPUS_MAX = 16, GPU_PATH_MAX = 256 };

enum gpu_state { GPU_ABSENT, GPU_PRESENT, GPU_LOST };

/* Of what a GPU can do. Asked: it will be known, or not, in some seconds.  */
enum gpu_knowledge { GPU_UNKNOWN, GPU_ASKED, GPU_KNOWN };

/* What this machine's own libva says of a GPU; prober.h. It holds as long as the identity does.  */
struct gpu_ready {
    enum gpu_knowledge knowledge;
    struct abilities abilities; /* GPU_KNOWN */
    char level[8];              /* that was verified: "node", "driver", "vaapi"; "" where none was */
    char driver[96];            /* the vendor string of the VA driver; "" where none came up */
    char reason[400];           /* the verdict, for people */
    char expectation[400];      /* what the hardware could do beyond that, codecs.h; "" where nothing */
};

struct gpu_node {
    char name[24]; /* "renderD128", "card0"; "" where the device has none */
    unsigned major, minor;
    gid_t gid;   /* of the host's own node: the render or video group there */
    ino_t inode; /* in sysfs, of render nodes: another one whenever a driver takes the device; 0: simulated */
    char path[GPU_PATH_MAX]; /* of the host's own node; "" for a simulated one that has none */
};

struct gpu {
    enum gpu_state state;
    char name[64];           /* configured, else given, else "gpu<index>"; no two GPUs have the same */
    char given[64];          /* a fixture's name for it, "" for real GPUs */
    char bus[64];            /* "pci-0000:00:02.0" or "platform-vgem", as udev's by-path has it */
    char pci[16];            /* "0000:00:02.0", "" off the PCI bus */
    char driver[32];         /* kernel driver: "i915" */
    char version[40];        /* which build of it: its module's srcversion; "" where it is in the kernel */
    uint16_t vendor, device; /* 0 off the PCI bus */
    char vendor_name[96], model[128]; /* from the hardware database, "" where it has no entry */
    struct gpu_node render, card;     /* of a lost GPU: the last names, until another has them; numbers 0 */
    unsigned slots;
    bool simulated; /* from a fixture: the nodes are stand-ins */
    struct gpu_ready ready;
};

struct gpus {
    struct gpu table[GPUS_MAX];
    unsigned ignored; /* found at the last look, but the table was full; worth a line in the log */
};

/* Looks at the machine and updates the table. A device without a render node (a display controller,
 * simpledrm) is no GPU to us. A machine without any GPU is no error; nor are more than GPUS_MAX: those beyond
 * have no part in anything and are counted in ignored. Errors leave the table as it was.  */
int gpus_scan (struct gpus *gpus, const struct config *config, struct error *err);

/* The same from a fixture (dri-broker --simulate FILE), every GPU marked simulated. The format stands in
 * dri-broker(8). A fixture of more than GPUS_MAX is an error.  */
int gpus_simulate (struct gpus *gpus, const struct config *config, const char *path, struct error *err);

/* Takes over what was found, in this order for the new ones; pure. The same device is one with the same PCI
 * address, or, off the PCI bus, the same bus. A lost GPU's place is never given to another, since leases
 * refer to it by index.
 *
 * The first entry of config->gpus that fits gives a GPU its slots and its name; where an entry fits several,
 * the first in the table gets the name. Errors: an entry that cannot be understood.  */
int gpus_update (struct gpus *gpus, const struct config *config, const struct gpu *found, size_t n,
                 struct error *err);

/* The place of the GPU on this bus; of one that is not here now, a place that it will take when it returns.
 * -1 where the table is full.  */
int gpus_expect (struct gpus *gpus, const char *bus);

/* Those that are here now, as a bit set of indexes.  */
uint32_t gpus_present (const struct gpus *gpus);
/* Those of such a set that fit the selector.  */
uint32_t gpus_matching (const struct gpus *gpus, uint32_t among, const struct selector *selector);

enum { GPU_IDENTITY_MAX = 240 };

/* Which device it is, under which numbers, and by which build of which driver, since which binding: what was
 * found out about a GPU holds as long as this text does.  */
void gpu_identity (const struct gpu *gpu, char identity[GPU_IDENTITY_MAX]);

/* Does the GPU fit the selector? Pure. SELECT_VENDOR takes intel, amd, nvidia or four hex digits. A lost GPU
 * fits as before (one may wait for it), so a caller with a choice prefers present ones.  */
bool gpu_matches (const struct gpu *gpu, const struct selector *selector);

/* One word of dri.gpu.  */
int gpu_selector (struct selector *selector, const char *word, struct error *err);

/* Can dri.gpu ask for a GPU of this name?  */
bool gpu_name_valid (const char *name);

/* The gpus[] member of Status without slots.used, as the design has it; the reference is the caller's.  */
json_t *gpu_to_json (const struct gpu *gpu);

#endif
