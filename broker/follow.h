/* A lease's directory, and its container's device filter, are what its GPUs are now: they come, go, and
 * return under other numbers.  */
#ifndef DRI_FOLLOW_H
#define DRI_FOLLOW_H

#include "layout.h"
#include "leasing.h"

/* What a lease's directory should hold, in storage that the next call uses again (it is large). NULL where
 * that cannot be told.  */
struct layout *follow_layout (struct leasing *l, const struct lease *lease);

void follow_gpus (struct leasing *l, struct lease *lease);

/* Its container may open no GPU any more.  */
void follow_revoke (struct leasing *l, struct lease *lease);

#endif
