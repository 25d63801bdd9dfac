/* Makes dri-runtime known to Docker, and undoes it: daemon.json and its backup.
 *
 * The backup, FILE.dri-broker-backup, is daemon.json as it would be without us. It is written once, by the
 * install that makes the first edit, and taken away by uninstall. Only where someone else has changed
 * daemon.json since, a later install that edits again brings it up to date: uninstall then restores what
 * stood there last, not first.  */
#ifndef DRI_INSTALL_DOCKER_H
#define DRI_INSTALL_DOCKER_H

#include <stdbool.h>

#include "../../oci/error.h"
#include "daemon_json.h"

struct docker_install {
    const char *config;  /* daemon.json; a symbolic link is followed */
    const char *runtime; /* absolute path of dri-runtime; not for uninstall */
    bool default_runtime;
    bool dry_run;
    const json_t *resources; /* as in struct daemon_json_edit */
};

enum docker_check {
    CHECK_NONE,   /* nothing to check */
    CHECK_PASSED, /* dockerd --validate takes the new text */
    CHECK_NO_DOCKERD,
    CHECK_TOO_OLD, /* dockerd before 23 cannot validate */
};

struct docker_outcome {
    struct text before, after; /* the same where there was nothing to do */
    enum docker_check check;
    bool bad_backup; /* the backup is there, but of no use; uninstall leaves it for a person to look at */
};

/* Both: on an error nothing was changed. Errors name the file; err->status is an errno value where the system
 * refused. *outcome is the caller's to finish, after success.  */
int docker_install (const struct docker_install *how, struct docker_outcome *outcome, struct error *err);
int docker_uninstall (const struct docker_install *how, struct docker_outcome *outcome, struct error *err);

void docker_outcome_finish (struct docker_outcome *outcome);

#endif
