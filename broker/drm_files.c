#include "drm_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../oci/cleanup.h"
#include "drm_memory.h"

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

/* Is it of a DRM device?  */
static bool
look_at_file (struct drm_files *look, const char *pid, int fds, const char *number)
{
    struct statx st;
    char info[40];

    if (statx (fds, number, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &st) < 0)
        return false;
    if (S_ISCHR (st.stx_mode) && look->device)
        look->device (look->userdata, pid, st.stx_rdev_major, st.stx_rdev_minor);
    if (S_ISCHR (st.stx_mode) && st.stx_rdev_major == DRM_MAJOR) {
        (void) snprintf (info, sizeof info, "../fdinfo/%.20s", number);
        read_client (look, fds, info);
        return true;
    }
    if (!look->simulated || !is_fixture (fds, number, &st))
        return false;
    read_client (look, fds, number);
    return true;
}

/* False: one of them is no DRM device any more.  */
static bool
look_again (struct drm_files *look, const char *pid, const struct drm_process *known)
{
    char number[16];

    for (unsigned i = 0; i < known->n; i++) {
        (void) snprintf (number, sizeof number, "%d", known->files[i]);
        if (!look_at_file (look, pid, known->fds, number))
            return false;
    }
    return true;
}

/* Returns how many there are; -1: that was not all of them.  */
static int
look_at_files (struct drm_files *look, const char *pid, struct drm_process *seen)
{
    _Alignas(struct dirent64) char entries[8192];
    int files = 0;
    ssize_t n;

    while ((n = getdents64 (seen->fds, entries, sizeof entries)) > 0)
        for (const char *at = entries; at < entries + n;) {
            const struct dirent64 *entry = (const struct dirent64 *) (const void *) at;

            at += entry->d_reclen;
            if (entry->d_name[0] == '.')
                continue;
            if (look->left == 0) {
                look->more = true;
                return -1;
            }
            look->left--;
            files++;
            if (!look_at_file (look, pid, seen->fds, entry->d_name))
                continue;
            if (seen->n == countof (seen->files))
                seen->open = 0; /* too many to remember */
            else
                seen->files[seen->n++] = (int) strtol (entry->d_name, NULL, 10);
        }
    return n == 0 ? files : -1;
}

static void
look_at_whole (struct drm_files *look, const char *pid)
{
    struct drm_process seen = {.pid = (int) strtol (pid, NULL, 10)};
    struct stat st;
    char path[32];

    (void) snprintf (path, sizeof path, "%.20s/fd", pid);
    seen.fds = openat (look->proc, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    look->denied |= seen.fds < 0 && (errno == EACCES || errno == EPERM);
    if (seen.fds < 0)
        return;
    seen.open = look->memory && fstat (seen.fds, &st) == 0 ? st.st_size : 0;
    /* One that is being opened has a number, and is counted, but is not there yet.  */
    if (look_at_files (look, pid, &seen) != seen.open)
        seen.open = 0;
    if (look->memory)
        drm_memory_keep (look->memory, &seen);
    else
        (void) close (seen.fds);
}

void
drm_files_look_at (struct drm_files *look, const char *pid)
{
    const struct drm_process *known =
        look->memory && !look->device ? drm_memory_find (look->memory, (int) strtol (pid, NULL, 10)) : NULL;

    if (!known || !look_again (look, pid, known))
        look_at_whole (look, pid);
}
