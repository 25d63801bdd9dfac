/* A lease's directory into a container that was made without it: the only door that resolves a path in a
 * container's file system, and it does so with every symbolic link refused.
 *
 * Source: open_tree(2), mount_setattr(2), move_mount(2), openat2(2).  */
#ifndef DRI_INJECT_H
#define DRI_INJECT_H

#include <stdint.h>
#include <sys/types.h>

#include "../oci/error.h"

/* The lease's directory, for the two below; the caller's to close. It outlives the directory's removal.  */
int inject_open (const char *directory, struct error *err);

/* Mounts the directory read-only at /dev/dri of the container whose init is pid, and started then (0: as for
 * process_open()). rootfs: where the
 * container's root file system is before the runtime has changed to it; NULL: it has.  */
int inject (int directory, pid_t pid, uint64_t start, const char *rootfs, struct error *err);

/* The same with a mount that is not attached anywhere yet.  */
int inject_mount (int mount, pid_t pid, uint64_t start, const char *rootfs, struct error *err);

/* Takes that mount away again; 0 also where there is none.  */
int inject_undo (int directory, pid_t pid, uint64_t start, struct error *err);

#endif
