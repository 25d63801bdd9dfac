/* One question to the broker, on a connection of its own.  */
#ifndef DRI_ASK_H
#define DRI_ASK_H

#include <jansson.h>

#include "../oci/error.h"

/* As door.ask; userdata is not used. A grant asked for so has to be detached.  */
int ask_broker (void *userdata, const char *method, json_t *parameters, unsigned timeout_ms, json_t **reply,
                struct error *err);

/* A mount of the lease's directory, for who may not enter it; the caller's to close.  */
int ask_for_mount (const char *lease, int *mount, struct error *err);

#endif
