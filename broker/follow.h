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

/* Does its container run in the group of whatever started it (podman run --cgroups=disabled)? To be asked
 * when it starts: who started it may end before it, and then its parent is another.  */
bool follow_shares_group (const struct lease *lease);

/* Has its container a device filter of its own? Users' containers have none, nor has one that shares its
 * group: a change there would be one for strangers.  */
bool follow_has_filter (const struct lease *lease);
/* Forgets the group where it is not its own.  */
void follow_own_group (struct lease *lease);

#endif
