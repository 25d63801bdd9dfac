/* What a config.json says (opencontainers/runtime-spec, config.md and config-linux.md). Reading only;
 * borrowed strings live as long as the spec.  */
#ifndef DRI_SPEC_H
#define DRI_SPEC_H

#include <jansson.h>

#include "container.h"
#include "error.h"

/* Every array and object that this program reads or edits in a config.json, for document_load_members: what
 * is not named here is no array or object for it.  */
extern const char *const spec_members[];

/* A member of a member: spec_get (spec, "process", "user", NULL). NULL where one is missing.  */
json_t *spec_get (const json_t *spec, const char *name, ...) __attribute__ ((sentinel));

/* The value of a variable in process.env; the last one counts, as for the workload's getenv of its libc's
 * environment built in order. NULL where it is not set.  */
const char *spec_env (const json_t *spec, const char *name);

/* root.path as it stands: relative paths are relative to the bundle. NULL where it is missing.  */
const char *spec_root_path (const json_t *spec);

/* Does the workload have it from its first moment on?  */
bool spec_has_dac_override (const json_t *spec);

/* process.user, whom the environment says it becomes, and the id maps. Errors: ids that are none, more maps
 * or groups than we hold.  */
int spec_workload (const json_t *spec, struct workload *w, struct error *err);

#endif
