/* What the real runtime keeps about a container that it made.  */
#ifndef DRI_RUNNING_H
#define DRI_RUNNING_H

#include <jansson.h>

#include "cmdline.h"

/* The annotations of a container whose spec we edited; NULL for all others. runc keeps them as "name=value"
 * in <root>/<id>/state.json (libcontainer's Config.Labels), crun keeps a copy of config.json there. The
 * reference is the caller's.  */
json_t *running_annotations (const struct cmdline *cmd);

#endif
