#include "freezer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../oci/cleanup.h"

/* The file of the group, with its word for this.  */
static int
open_file (const char *cgroup, bool v2, int flags, struct error *err)
{
    _cleanup_close_ int group = cgroup_open ("freezer", cgroup, err);
    const char *file = v2 ? "cgroup.freeze" : "freezer.state";
    int fd;

    if (group < 0)
        return -1;
    fd = openat (group, file, flags | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? error_set (err, errno, "control group %s: %s", cgroup, file) : fd;
}

int
freezer_set (const char *cgroup, bool frozen, struct error *err)
{
    bool v2 = cgroup_is_v2 ();
    _cleanup_close_ int fd = open_file (cgroup, v2, O_WRONLY, err);
    const char *word = v2 ? (frozen ? "1" : "0") : (frozen ? "FROZEN" : "THAWED");

    if (fd < 0)
        return -1;
    if (write (fd, word, strlen (word)) < 0)
        return error_set (err, errno, "control group %s: %s", cgroup, frozen ? "freeze" : "thaw");
    return 0;
}

int
freezer_get (const char *cgroup, bool *frozen, struct error *err)
{
    bool v2 = cgroup_is_v2 ();
    _cleanup_close_ int fd = open_file (cgroup, v2, O_RDONLY, err);
    char word[16] = "";

    if (fd < 0)
        return -1;
    if (read (fd, word, sizeof word - 1) < 0)
        return error_set (err, errno, "control group %s", cgroup);
    *frozen = v2 ? word[0] == '1' : strncmp (word, "THAWED", 6) != 0;
    return 0;
}
