/* drictl probe: GPUs asked anew by the broker, containers by the readiness gate.  */
#ifndef DRI_DRICTL_PROBE_H
#define DRI_DRICTL_PROBE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "../../oci/error.h"

/* name: a word of dri.gpu that fits a GPU, else a container that has a lease, by its name, id, or service;
 * NULL: all GPUs. reply: the broker's of Probe, or for a container {"container", "gpus", "ready", "report",
 * "expectation"}; the reference is the caller's. Errors: with the number of the system call where the broker
 * is not there.  */
int probe_ask (const char *name, json_t **reply, struct error *err);

/* Is all of it ready?  */
bool probe_is_good (const json_t *reply);

void probe_print (const json_t *reply, FILE *out);

#endif
