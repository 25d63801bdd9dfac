#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../oci/cleanup.h"
#include "../oci/file.h"

#define ROOT "/sys/fs/cgroup"

enum { MOUNT_MAX = 64 };

bool
cgroup_is_v2 (void)
{
    struct statfs fs;

    return statfs (ROOT, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* Where the hierarchy is mounted; false: nowhere.  */
static bool
find_mount (const char *controller, char where[MOUNT_MAX], bool *v2)
{
    struct statfs fs;

    *v2 = cgroup_is_v2 ();
    (void) snprintf (where, MOUNT_MAX, *v2 ? ROOT : ROOT "/%s", controller);
    return *v2 || (statfs (where, &fs) == 0 && fs.f_type == CGROUP_SUPER_MAGIC);
}

/* Is it one of these, which are parted by commas?  */
static bool
is_among (const char *controllers, const char *controller)
{
    size_t len = strlen (controller);

    for (const char *at = controllers; at; at = strchr (at, ',')) {
        at += *at == ',';
        if (strncmp (at, controller, len) == 0 && (at[len] == '\0' || at[len] == ','))
            return true;
    }
    return false;
}

/* The path in the line of /proc/PID/cgroup for that hierarchy, cut out of text in place. NULL: there is none.
 */
static const char *
find_line (char *text, const char *controller, bool v2)
{
    char *save = NULL;

    for (char *line = strtok_r (text, "\n", &save); line; line = strtok_r (NULL, "\n", &save)) {
        char *controllers = strchr (line, ':'), *path = controllers ? strchr (controllers + 1, ':') : NULL;

        if (!path)
            continue;
        *path++ = '\0';
        controllers++;
        if (v2 ? *controllers == '\0' : is_among (controllers, controller))
            return path;
    }
    return NULL;
}

int
cgroup_of (pid_t pid, const char *controller, char *path, size_t size, struct error *err)
{
    char proc[40], where[MOUNT_MAX];
    _cleanup_free_ char *text = NULL;
    const char *line = NULL;
    size_t len;
    bool v2;

    path[0] = '\0';
    (void) snprintf (proc, sizeof proc, pid ? "/proc/%d/cgroup" : "/proc/self/cgroup", (int) pid);
    if (file_read (proc, 1 << 16, &text, &len, err) < 0)
        return -1;
    if (find_mount (controller, where, &v2))
        line = find_line (text, controller, v2);
    if (line && strlen (line) >= size)
        return error_set (err, ENAMETOOLONG, "control group %.60s…", line);
    (void) snprintf (path, size, "%s", line ? line : "");
    return 0;
}

int
cgroup_open (const char *controller, const char *path, struct error *err)
{
    const struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV};
    _cleanup_close_ int mount = -1;
    char where[MOUNT_MAX];
    bool v2;
    int fd;

    if (!find_mount (controller, where, &v2))
        return error_set (err, ENOENT, "no control groups with %s", controller);
    mount = open (where, O_PATH | O_DIRECTORY | O_CLOEXEC);
    while (*path == '/')
        path++;
    fd = mount < 0 ? -1 : (int) syscall (SYS_openat2, mount, *path ? path : ".", &how, sizeof how);
    return fd < 0 ? error_set (err, errno, "control group %s/%s", where, path) : fd;
}
