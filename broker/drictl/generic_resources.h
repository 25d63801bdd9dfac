/* What a Docker node advertises to Swarm: "node-generic-resources" of daemon.json, of which the kind "dri" is
 * ours. An entry is KIND=VALUE; of one kind there are either names or one number (swarmkit,
 * api/genericresource: Parse).  */
#ifndef DRI_GENERIC_RESOURCES_H
#define DRI_GENERIC_RESOURCES_H

#include <jansson.h>

#include "../../oci/config.h"
#include "../../oci/error.h"

/* An array of "dri=GPU", one for each GPU of the broker's Status that is there. GPU is a word of dri.gpu: the
 * configured name, else the PCI address, since the names that the broker gives follow the order at boot. The
 * reference is the caller's; NULL where there is no GPU.  */
json_t *generic_resources_of (const json_t *gpus, const struct config *config, struct error *err);

/* Those of our kind that root has, and was, the same from before our edit, has not. was may be NULL: all of
 * our kind. The reference is the caller's.  */
json_t *generic_resources_ours (const json_t *root, const json_t *was);

/* Puts wanted in their place. 1 where that is a change, 0 where it was so.  */
int generic_resources_set (json_t *root, const json_t *was, const json_t *wanted, struct error *err);

#endif
