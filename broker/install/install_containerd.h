/* Makes dri-runtime known to containerd's CRI, which Kubernetes speaks, as the runtime handler "dri", and
 * undoes it: a block in config.toml (containerd_toml.h). containerd itself says before anything is written
 * what it would make of it: dri is there, and nothing else has changed.  */
#ifndef DRI_INSTALL_CONTAINERD_H
#define DRI_INSTALL_CONTAINERD_H

#include <stdbool.h>

#include "../../oci/error.h"
#include "text.h"

struct containerd_install {
    const char *config;  /* config.toml; a symbolic link is followed */
    const char *runtime; /* absolute path of dri-runtime; not for uninstall */
    bool dry_run;
};

struct containerd_outcome {
    struct text before, after; /* the same where there was nothing to do */
    bool checked;              /* by containerd; install always is */
};

void containerd_outcome_finish (struct containerd_outcome *outcome);

#define _cleanup_containerd_ __attribute__ ((cleanup (containerd_outcome_finish)))

/* Both: on an error nothing was changed. *outcome is the caller's to finish, after success. Errors of
 * install: no containerd on PATH; a configuration of version 1; one without the CRI plugin; a runtime dri
 * that is somebody else's.  */
int containerd_install (const struct containerd_install *how, struct containerd_outcome *outcome,
                        struct error *err);
int containerd_uninstall (const struct containerd_install *how, struct containerd_outcome *outcome,
                          struct error *err);

#endif
