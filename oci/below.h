/* Paths that others made, resolved below a directory: never outside of it.  */
#ifndef DRI_BELOW_H
#define DRI_BELOW_H

#include <stdint.h>

/* openat2(2) with O_CLOEXEC added to flags, and resolve out of <linux/openat2.h>. The caller's to close; -1
 * with errno. With RESOLVE_IN_ROOT or RESOLVE_BENEATH the kernel gives EAGAIN where something was mounted or
 * renamed, anywhere on the machine, while a ".." was followed; then it is tried again, often, but not for
 * ever.  */
int open_below (int directory, const char *path, uint64_t flags, uint64_t resolve);

#endif
