#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../oci/below.h"
#include "../oci/cleanup.h"
#include "../oci/file.h"

#define ROOT "/sys/fs/cgroup"

enum { MOUNT_MAX = 64, ENGINES_ID_LENGTH = 64 };

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

static bool
is_engines_name (const char *name, size_t len, const char *id)
{
    static const char *const prefixes[] = {
        "", "docker-", "libpod-", "libpod-payload-", "crio-", "cri-containerd-", "nerdctl-",
    };
    static const char scope[] = ".scope";

    for (size_t i = 0; i < countof (prefixes); i++) {
        const size_t prefix = strlen (prefixes[i]), bare = prefix + ENGINES_ID_LENGTH;

        if (len >= bare && strncmp (name, prefixes[i], prefix) == 0
            && strncmp (name + prefix, id, ENGINES_ID_LENGTH) == 0
            && (len == bare
                || (len == bare + sizeof scope - 1 && strncmp (name + bare, scope, len - bare) == 0)))
            return true;
    }
    return false;
}

size_t
cgroup_engines_part (const char *path, const char *id)
{
    size_t len;

    if (strlen (id) != ENGINES_ID_LENGTH || strspn (id, "0123456789abcdef") != ENGINES_ID_LENGTH)
        return 0;
    for (const char *at = path; *at; at += len) {
        at += strspn (at, "/");
        len = strcspn (at, "/");
        if (is_engines_name (at, len, id))
            return (size_t) (at - path) + len;
    }
    return 0;
}

int
cgroup_open_mount (const char *controller, struct error *err)
{
    char where[MOUNT_MAX];
    bool v2;
    int fd;

    if (!find_mount (controller, where, &v2))
        return error_set (err, ENOENT, "no control groups with %s", controller);
    fd = open (where, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? error_set (err, errno, "%s", where) : fd;
}

int
cgroup_open_below (int mount, const char *path)
{
    while (*path == '/')
        path++;
    return open_below (mount, *path ? path : ".", O_RDONLY | O_DIRECTORY,
                       RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
}

int
cgroup_open (const char *controller, const char *path, struct error *err)
{
    _cleanup_close_ int mount = cgroup_open_mount (controller, err);
    int fd = mount < 0 ? -1 : cgroup_open_below (mount, path);

    if (mount < 0)
        return -1;
    return fd < 0 ? error_set (err, errno, "control group %s of %s", path, controller) : fd;
}
