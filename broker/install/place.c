#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../oci/cleanup.h"
#include "../../oci/file.h"
#include "config_file.h"

enum { FILE_MAX = 1 << 20 };

static int
make_folders (char *path, struct error *err)
{
    for (char *slash = strchr (path + 1, '/'); slash; slash = strchr (slash + 1, '/')) {
        *slash = '\0';
        if (mkdir (path, 0755) < 0 && errno != EEXIST)
            return error_set (err, errno, "make folder %s", path);
        *slash = '/';
    }
    return 0;
}

/* A folder that is swapped for a link meanwhile leads nobody astray: it is opened once.  */
static int
open_parent (const char *path, const char **name, struct error *err)
{
    const char *slash = strrchr (path, '/');
    _cleanup_free_ char *parent = slash ? strndup (path, (size_t) (slash - path) + 1) : strdup (".");
    int fd;

    *name = slash ? slash + 1 : path;
    fd = parent ? open (parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    return fd < 0 ? error_set (err, errno, "open the folder of %s", path) : fd;
}

static int
fill (int fd, const char *text, mode_t mode)
{
    return write_all (fd, text, strlen (text)) < 0 || fchmod (fd, mode) < 0 || fsync (fd) < 0 ? -1 : 0;
}

/* No two runs have one temporary file.  */
static int
replace_in (int parent, const char *name, const char *text, mode_t mode)
{
    _cleanup_free_ char *temporary = NULL;
    _cleanup_close_ int fd = -1;
    uint64_t salt = 0;

    if (getrandom (&salt, sizeof salt, 0) != (ssize_t) sizeof salt
        || asprintf (&temporary, "%s.%016" PRIx64, name, salt) < 0)
        return -1;
    fd = openat (parent, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    if (fill (fd, text, mode) < 0 || renameat (parent, temporary, parent, name) < 0) {
        int status = errno;

        (void) unlinkat (parent, temporary, 0);
        errno = status;
        return -1;
    }
    return 0;
}

int
place_in_folder (const char *path, const char *text, mode_t mode, struct error *err)
{
    _cleanup_close_ int parent = -1;
    const char *name;

    parent = open_parent (path, &name, err);
    if (parent < 0)
        return -1;
    return replace_in (parent, name, text, mode) < 0 ? error_set (err, errno, "write %s", path) : 0;
}

int
place_file (const char *path, const char *text, struct error *err)
{
    _cleanup_free_ char *folders = strdup (path);

    if (!folders)
        return error_set (err, ENOMEM, "%s", path);
    return make_folders (folders, err) < 0 ? -1 : place_in_folder (path, text, 0644, err);
}

bool
place_holds (const char *path, const char *text)
{
    _cleanup_free_ char *there = NULL;
    struct error ignored;
    size_t len;

    return file_read (path, FILE_MAX, &there, &len, &ignored) == 0 && strcmp (there, text) == 0;
}

void
changes_finish (struct changes *changes)
{
    for (unsigned i = 0; i < changes->n; i++) {
        text_finish (&changes->list[i].before);
        text_finish (&changes->list[i].after);
    }
    changes->n = 0;
}

int
changes_add (struct changes *changes, const char *path, const char *text, struct error *err)
{
    struct change *change = &changes->list[changes->n];
    const struct text wanted = {(char *) text, text ? strlen (text) : 0};

    if (changes->n == CHANGES_MAX
        || snprintf (change->path, sizeof change->path, "%s", path) >= (int) sizeof change->path)
        return error_set (err, ENAMETOOLONG, "%s", path);
    if (config_file_read (path, &change->before, err) < 0)
        return -1;
    if (text_same (&change->before, &wanted)) {
        text_finish (&change->before);
        return 0;
    }
    if (text_copy (&wanted, &change->after, err) < 0) {
        text_finish (&change->before);
        return -1;
    }
    changes->n++;
    return 0;
}

int
changes_make (const struct changes *changes, unsigned first, struct error *err)
{
    for (unsigned i = first; i < changes->n; i++) {
        const struct change *change = &changes->list[i];

        if (change->after.data && place_file (change->path, change->after.data, err) < 0)
            return -1;
        if (!change->after.data && unlink (change->path) < 0 && errno != ENOENT)
            return error_set (err, errno, "remove %s", change->path);
    }
    return 0;
}
