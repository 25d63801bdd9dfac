/* What a container is called, by the records of its engine in their default places. As root.  */
#ifndef DRI_ORIGIN_NAME_H
#define DRI_ORIGIN_NAME_H

#include "../../oci/config.h"
#include "../../oci/container.h"
#include "origin.h"

/* container is filled in with what is known: the id at least. config: where Docker keeps its own.
 * The records are root's: they say nothing of a user's container.  */
void origin_name (const struct origin *origin, const struct config *config, struct container *container);

#endif
