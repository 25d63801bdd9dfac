/* The hook of an engine that knows nothing of us but the hook: no config.json was edited, so everything is
 * done to the container that has been made. Stages createRuntime and prestart.  */
#ifndef DRI_ALONE_H
#define DRI_ALONE_H

#include "../oci/error.h"
#include "state.h"

/* 0 also for a container that did not opt in. device: the CDI device for which the hook was registered, or
 * NULL. *label: what to call the container in a message, as long as the program runs.  */
int alone_start (const struct state *state, const char *device, const char **label, struct error *err);

#endif
