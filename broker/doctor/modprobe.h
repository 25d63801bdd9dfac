/* What modprobe.d(5) and the kernel's command line say of modules, as far as it matters to a GPU's way into a
 * VM. Pure.
 *
 * Sources: modprobe.d(5); the kernel's drivers/vfio/pci/vfio_pci.c for ids=, which is
 * VENDOR:DEVICE[:SUBVENDOR[:SUBDEVICE[:CLASS[:MASK]]]] in hex, by commas.  */
#ifndef DRI_MODPROBE_H
#define DRI_MODPROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MODPROBE_IDS_MAX = 32,
    MODPROBE_RULES_MAX = 256,
    MODPROBE_SOURCE_MAX = 288, /* a folder, and any name of a file: a command has it whole */
    MODPROBE_ANY = UINT32_MAX
};

/* Which devices vfio-pci takes at boot. The words that follow a vendor and device are MODPROBE_ANY where they
 * are not given; a class and its mask are not looked at, they would make the rule narrower.  */
struct modprobe_id {
    uint32_t vendor, device, subvendor, subdevice;
    char source[MODPROBE_SOURCE_MAX]; /* "/etc/modprobe.d/vfio.conf", "the kernel command line" */
};

enum modprobe_kind {
    MODPROBE_BLACKLIST, /* module is not loaded for a device by itself */
    MODPROBE_BEFORE,    /* softdep: other is loaded before module */
};

struct modprobe_rule {
    enum modprobe_kind kind;
    char module[40], other[40]; /* with "_", never "-" */
    char source[MODPROBE_SOURCE_MAX];
};

struct modprobe {
    struct modprobe_id ids[MODPROBE_IDS_MAX];
    struct modprobe_rule rules[MODPROBE_RULES_MAX];
    unsigned n_ids, n_rules;
    unsigned ignored; /* beyond what the tables hold */
};

/* Adds what a file of modprobe.d says, or the kernel's command line: vfio-pci.ids=, modprobe.blacklist= and
 * module_blacklist=.  */
void modprobe_add_file (struct modprobe *modprobe, const char *source, const char *text);
void modprobe_add_boot_line (struct modprobe *modprobe, const char *line);

bool modprobe_id_matches (const struct modprobe_id *id, uint32_t vendor, uint32_t device, uint32_t subvendor,
                          uint32_t subdevice);

/* The rule, or NULL. other may be NULL.  */
const struct modprobe_rule *modprobe_find (const struct modprobe *modprobe, enum modprobe_kind kind,
                                           const char *module, const char *other);

#endif
