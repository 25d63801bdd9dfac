/* Makes dri-hook known to Podman, and undoes it: two hooks in a folder of their own, and a drop-in that has
 * Podman read it (oci-hooks(5), containers.conf(5)).
 *
 * Not in the folders that are read without being told, /usr/share/containers/oci/hooks.d and
 * /etc/containers/oci/hooks.d: `podman build` (buildah, Builder.setupOCIHooks) and CRI-O read them too, do
 * not know the stage "precreate", and fail for any hook that has it.  */
#ifndef DRI_INSTALL_PODMAN_H
#define DRI_INSTALL_PODMAN_H

#include <stdbool.h>

#include "../../oci/error.h"
#include "place.h"

struct podman_install {
    const char *config; /* folder, /etc/containers */
    const char *hook;   /* absolute path of dri-hook; not for uninstall */
    bool dry_run;
};

/* *changes, which are the caller's, is what was written or taken away, or would be. Errors also where
 * containers.conf names hook folders itself, and not this one: it is the administrator's.
 */
int podman_install (const struct podman_install *how, struct changes *changes, struct error *err);
int podman_uninstall (const struct podman_install *how, struct changes *changes, struct error *err);

#endif
