/* A grant put into effect on a container that has been made without it: its directory mounted, its device
 * filter changed, and the readiness gate.  */
#ifndef DRI_ATTACH_H
#define DRI_ATTACH_H

#include <sys/types.h>

#include "../oci/door.h"
#include "../oci/error.h"

/* rootfs: as for inject(). The lease is the container's own afterwards, also where the gate had something
 * against it (-1, with the reason).  */
int attach (struct door *d, pid_t pid, const char *rootfs, struct error *err);

#endif
