/* The CDI door (Container Device Interface): an engine which knows CDI and nothing of us puts our hook into
 * the config.json of a container that was given a device of ours. Its name is a word of dri.gpu. Pure.
 *
 * Source: see cdi_schema.h.  */
#ifndef DRI_CDI_H
#define DRI_CDI_H

#include <jansson.h>

#include "error.h"

#define CDI_KIND   "dri.dev/gpu"
#define CDI_OPTION "--device" /* of dri-hook createRuntime, and before any other */

/* The device for which the hook stands there, borrowed; NULL where there is none. hooks: of a config.json.
 * Error: several.  */
int cdi_asked (const json_t *hooks, const char **device, struct error *err);

#endif
