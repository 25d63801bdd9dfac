#include "drm_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../oci/cleanup.h"

enum { DRM_MAJOR = 226 };

static void
read_client (struct drm_files *look, int folder, const char *path)
{
    _cleanup_close_ int fd = openat (folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct fdinfo info;
    char text[4096];
    ssize_t n = fd < 0 ? -1 : read (fd, text, sizeof text - 1);

    if (n < 0)
        return;
    text[n] = '\0';
    if (fdinfo_parse (text, &info))
        look->found (look->userdata, &info);
}

/* Stands in for a DRM device: a file whose name ends so.  */
static bool
is_fixture (int fds, const char *number, const struct statx *st)
{
    static const char suffix[] = ".fdinfo";
    const size_t len = sizeof suffix - 1;
    char path[PATH_MAX];
    ssize_t n = S_ISREG (st->stx_mode) ? readlinkat (fds, number, path, sizeof path) : -1;

    return n > (ssize_t) len && memcmp (path + n - len, suffix, len) == 0;
}

static void
look_at_file (struct drm_files *look, const char *pid, int fds, const char *number)
{
    struct statx st;
    char info[40];

    if (statx (fds, number, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &st) < 0)
        return;
    if (S_ISCHR (st.stx_mode) && look->device)
        look->device (look->userdata, pid, st.stx_rdev_major, st.stx_rdev_minor);
    if (S_ISCHR (st.stx_mode) && st.stx_rdev_major == DRM_MAJOR) {
        (void) snprintf (info, sizeof info, "../fdinfo/%.20s", number);
        read_client (look, fds, info);
    } else if (look->simulated && is_fixture (fds, number, &st)) {
        read_client (look, fds, number);
    }
}

static DIR *
open_files (struct drm_files *look, const char *pid)
{
    char path[32];
    int fd;
    DIR *fds;

    (void) snprintf (path, sizeof path, "%.20s/fd", pid);
    fd = openat (look->proc, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    look->denied |= fd < 0 && (errno == EACCES || errno == EPERM);
    fds = fd < 0 ? NULL : fdopendir (fd);
    if (!fds && fd >= 0)
        (void) close (fd);
    return fds;
}

void
drm_files_look_at (struct drm_files *look, const char *pid)
{
    DIR *fds = open_files (look, pid);

    if (!fds)
        return;
    for (const struct dirent *entry; (entry = readdir (fds));) {
        if (entry->d_name[0] == '.')
            continue;
        if (look->left == 0) {
            look->more = true;
            break;
        }
        look->left--;
        look_at_file (look, pid, dirfd (fds), entry->d_name);
    }
    (void) closedir (fds);
}
