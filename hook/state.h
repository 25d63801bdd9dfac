/* The state that a runtime gives a hook on stdin (OCI runtime-spec, runtime.md#state).  */
#ifndef DRI_STATE_H
#define DRI_STATE_H

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

#include "../oci/error.h"

struct state {
    char id[128];
    char bundle[PATH_MAX];
    pid_t pid; /* 0 where there is none: runc leaves it out at poststop */
};

/* Pure. status is not looked at: at prestart runc says "creating" and crun "created".  */
int state_parse (struct state *state, const char *text, size_t len, struct error *err);

/* Reads fd to its end, 1 MiB at most (annotations are part of the state).  */
int state_read (struct state *state, int fd, struct error *err);

#endif
