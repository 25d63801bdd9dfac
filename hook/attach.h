/* A grant put into effect on a container that has been made without it: its directory mounted, its device
 * filter changed, and the readiness gate.  */
#ifndef DRI_ATTACH_H
#define DRI_ATTACH_H

#include <stdint.h>
#include <sys/types.h>

#include "../oci/door.h"
#include "../oci/error.h"

/* start, rootfs: as for inject(). The lease is the container's own afterwards, also where the gate had
 * something against it (-1, with the reason).  */
int attach (struct door *d, pid_t pid, uint64_t start, const char *rootfs, struct error *err);

/* The two halves of it: until the lease is the container's own, and the gate.  */
int attach_put (struct door *d, pid_t pid, uint64_t start, const char *rootfs, struct error *err);
int attach_judge (const struct door *d, pid_t pid, uint64_t start, const char *rootfs, struct error *err);

/* Gives back the lease of a start that failed: at once, and on a connection of its own, since one that the
 * lease lives with may be held open by others.  */
void attach_give_back (const struct door *d);

#endif
