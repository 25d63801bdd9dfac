/* What a CDI spec may say: a table of its fields, each with the version of the specification that brought it.
 * Pure.
 *
 * Source: the Container Device Interface specification 1.1.0 (cncf-tags/container-device-interface, SPEC.md)
 * and, where that is silent, what engines refuse: its library reads strictly, and knows the versions,
 * characters and hooks that are listed in specs-go/version.go, pkg/parser and pkg/cdi/container-edits.go.  */
#ifndef DRI_CDI_SCHEMA_H
#define DRI_CDI_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>

/* All that is wrong with a spec, a text for people each; empty: it is valid. The reference is the caller's.
 */
json_t *cdi_problems (const json_t *spec);

/* The least cdiVersion for what a valid spec uses; static.  */
const char *cdi_least_version (const json_t *spec);

/* Can a device have this name?  */
bool cdi_device_name_valid (const char *name);

#endif
