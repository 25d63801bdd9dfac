/* Makes dri-runtime known to CRI-O as the runtime handler "dri", and undoes it: a file of our own in
 * crio.conf.d (crio.conf.d(5)).  */
#ifndef DRI_INSTALL_CRIO_H
#define DRI_INSTALL_CRIO_H

#include <stdbool.h>

#include "../../oci/error.h"
#include "place.h"

struct crio_install {
    const char *config;  /* folder, /etc/crio */
    const char *runtime; /* absolute path of dri-runtime; not for uninstall */
    bool dry_run;
};

/* Both: *changes, which are the caller's, is what was done, or would be; *checked: CRI-O takes it. Errors: no
 * CRI-O here; a file of that name that is somebody else's.  */
int crio_install (const struct crio_install *how, struct changes *changes, bool *checked, struct error *err);
int crio_uninstall (const struct crio_install *how, struct changes *changes, struct error *err);

#endif
