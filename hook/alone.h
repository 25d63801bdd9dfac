/* The hook of an engine that knows nothing of us but the hook: no config.json was edited, so everything is
 * done to the container that has been made. Stages createRuntime and prestart.  */
#ifndef DRI_ALONE_H
#define DRI_ALONE_H

#include "../oci/error.h"
#include "state.h"

/* 0 also for a container that did not opt in.  */
int alone_start (const struct state *state, struct error *err);

#endif
