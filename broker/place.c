#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../oci/cleanup.h"
#include "../oci/file.h"

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

int
place_file (const char *path, const char *text, struct error *err)
{
    _cleanup_close_ int fd = -1;
    char temporary[PATH_MAX];

    if (snprintf (temporary, sizeof temporary, "%s.new", path) >= (int) sizeof temporary)
        return error_set (err, ENAMETOOLONG, "%s", path);
    if (make_folders (temporary, err) < 0)
        return -1;
    (void) unlink (temporary);
    fd = open (temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0 || fchmod (fd, 0644) < 0 || write_all (fd, text, strlen (text)) < 0 || fsync (fd) < 0
        || rename (temporary, path) < 0)
        return error_set (err, errno, "write %s", path);
    return 0;
}

bool
place_holds (const char *path, const char *text)
{
    _cleanup_free_ char *there = NULL;
    struct error ignored;
    size_t len;

    return file_read (path, FILE_MAX, &there, &len, &ignored) == 0 && strcmp (there, text) == 0;
}
