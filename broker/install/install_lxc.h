/* Makes dri-hook known to a container of LXC, and undoes it: one line in the container's configuration, which
 * includes a file of ours with the hook (lxc.container.conf(5), lxc.include).
 *
 * Not the hook itself: Proxmox VE takes only keys that it knows into its own configurations, and of these
 * lxc.include is one and lxc.hook.start-host is not (pve-container, LXC/Config.pm: valid_lxc_conf_keys). It
 * may write the line anew in its own way, "lxc.include: FILE".  */
#ifndef DRI_INSTALL_LXC_H
#define DRI_INSTALL_LXC_H

#include <stdbool.h>

#include "../../oci/error.h"
#include "place.h"

struct lxc_install {
    const char *name;
    const char *config; /* NULL: where Proxmox VE or LXC has it */
    const char *hook;   /* absolute path of dri-hook; not for uninstall */
    char *const *words; /* KEY=VALUE; not for uninstall */
    int n_words;
    bool dry_run;
};

/* *changes, which are the caller's, is what was written or taken away, or would be: our file, and the
 * container's configuration. Errors: no such container; words that are no request.  */
int lxc_install (const struct lxc_install *how, struct changes *changes, struct error *err);
int lxc_uninstall (const struct lxc_install *how, struct changes *changes, struct error *err);

/* The text of a configuration with our line in front of its first section (a snapshot of Proxmox VE), and
 * without; the caller's to free. NULL where there is nothing to do. Pure. lxc_without (lxc_with (text)) is
 * text, to the byte.  */
char *lxc_with (const char *text, const char *file);
char *lxc_without (const char *text, const char *file);

#endif
