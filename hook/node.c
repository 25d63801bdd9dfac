#include "node.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../oci/cleanup.h"

int
node_open (int root, const struct grant_node *node, struct error *err)
{
    /* Once, not by open_below(): a driver has its EAGAIN, too.  */
    const struct open_how how = {.flags = O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                                 .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    _cleanup_close_ int fd = -1;
    struct stat st;
    char path[48];

    (void) snprintf (path, sizeof path, "dev/dri/%s", node->name);
    fd = (int) syscall (SYS_openat2, root, path, &how, sizeof how);
    if (fd < 0)
        return error_set (err, errno, "open /%s", path);
    if (fstat (fd, &st) < 0)
        return error_set (err, errno, "stat /%s", path);
    if (!S_ISCHR (st.st_mode) || st.st_rdev != makedev (node->major, node->minor))
        return error_set (err, 0,
                          "/%s in the container is not the device %u:%u that was granted: something is "
                          "mounted over it",
                          path, node->major, node->minor);
    return steal_fd (&fd);
}
