/* What the real runtime keeps about a container that it made.  */
#ifndef DRI_RUNNING_H
#define DRI_RUNNING_H

#include <jansson.h>

#include "cmdline.h"
#include "program.h"

/* Which runtime made the container that an argument of the verb names: runc keeps <root>/<id>/state.json,
 * crun <root>/<id>/status. RUNTIME_ANY where there is none of the two, or both, for create and run, and where
 * --dri-oci-runtime says it.  */
enum runtime_kind running_kind (const struct cmdline *cmd);

/* Of the spec of a container that may be one we edited (apply_is_ours tells) at least its annotations and
 * hooks; NULL for all others. runc keeps them in <root>/<id>/state.json (libcontainer's Config.Labels, as
 * "name=value", and Config.Hooks), crun keeps a copy of config.json there. The reference is the caller's.  */
json_t *running_spec (const struct cmdline *cmd);

#endif
