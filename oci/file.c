#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "cleanup.h"

int
write_all (int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write (fd, text, len);

        if (n < 0) {
            if (errno == EINTR)
                continue;
            return -1;
        }
        text += n;
        len -= (size_t) n;
    }
    return 0;
}

/* The size that stat tells is a hint only: files below /proc have none, and a file can grow.  */
static int
read_all (int fd, size_t hint, size_t max, char **text, size_t *len)
{
    size_t room = hint > 0 ? hint + 1 : 4096, used = 0;
    _cleanup_free_ char *buffer = malloc (room + 1);

    while (buffer) {
        ssize_t n = read (fd, buffer + used, room - used);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        used += (size_t) n;
        if (used > max) {
            errno = EFBIG;
            return -1;
        }
        if (n == 0) {
            buffer[used] = '\0';
            *len = used;
            *text = steal_ptr (&buffer);
            return 0;
        }
        if (used == room) {
            char *bigger = realloc (buffer, room * 2 + 1);

            if (!bigger)
                return -1;
            buffer = bigger;
            room *= 2;
        }
    }
    return -1;
}

static bool
is_trusted (const struct stat *st)
{
    return st->st_uid == 0 || st->st_uid == geteuid ();
}

static int
read_regular (const char *path, bool trusted, size_t max, char **text, size_t *len, struct error *err)
{
    _cleanup_close_ int fd = -1;
    struct stat st;

    /* Before it is opened: who writes to a FIFO must not meet a reader that goes away again.  */
    if (stat (path, &st) == 0 && !S_ISREG (st.st_mode))
        return error_set (err, EINVAL, "%s is not a regular file", path);
    fd = open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return error_set (err, errno, "open %s", path);
    if (fstat (fd, &st) < 0)
        return error_set (err, errno, "stat %s", path);
    if (!S_ISREG (st.st_mode))
        return error_set (err, EINVAL, "%s is not a regular file", path);
    if (trusted && !is_trusted (&st))
        return error_set (err, EPERM, "%s is of user %u, not root's", path, st.st_uid);
    if ((uintmax_t) st.st_size > max)
        return error_set (err, EFBIG, "%s has %ju bytes, at most %zu are read", path, (uintmax_t) st.st_size,
                          max);
    if (read_all (fd, (size_t) st.st_size, max, text, len) < 0)
        return error_set (err, errno, "read %s", path);
    return 0;
}

int
file_read (const char *path, size_t max, char **text, size_t *len, struct error *err)
{
    return read_regular (path, false, max, text, len, err);
}

int
file_read_trusted (const char *path, size_t max, char **text, size_t *len, struct error *err)
{
    return read_regular (path, true, max, text, len, err);
}

static int
write_beside (const char *path, const char *temporary, const char *text, size_t len, struct error *err)
{
    _cleanup_close_ int fd = -1;
    struct stat st, own;

    if (stat (path, &st) < 0)
        return error_set (err, errno, "stat %s", path);
    fd = open (temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set (err, errno, "create %s", temporary);
    if (write_all (fd, text, len) < 0 || fchmod (fd, st.st_mode & 07777) < 0)
        return error_set (err, errno, "write %s", temporary);
    /* In a set-gid folder it has that folder's group.  */
    if (fstat (fd, &own) < 0
        || ((st.st_uid != own.st_uid || st.st_gid != own.st_gid) && fchown (fd, st.st_uid, st.st_gid) < 0))
        return error_set (err, errno, "chown %s", temporary);
    return 0;
}

int
file_replace (const char *path, const char *text, size_t len, struct error *err)
{
    _cleanup_free_ char *temporary = NULL;
    uint64_t salt = 0;

    if (getrandom (&salt, sizeof salt, 0) != (ssize_t) sizeof salt)
        return error_set (err, errno, "getrandom");
    if (asprintf (&temporary, "%s.%016llx", path, (unsigned long long) salt) < 0)
        return error_set (err, ENOMEM, "%s", path);
    if (write_beside (path, temporary, text, len, err) < 0) {
        if (err->status != EEXIST)
            (void) unlink (temporary);
        return -1;
    }
    if (rename (temporary, path) < 0) {
        error_set (err, errno, "rename %s to %s", temporary, path);
        (void) unlink (temporary);
        return -1;
    }
    return 0;
}
