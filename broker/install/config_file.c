#include "config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../../oci/cleanup.h"
#include "../../oci/file.h"

enum { CONFIG_MAX = 1 << 20 };

void
config_file_finish (struct config_file *file)
{
    free (file->path);
    free (file->backup);
}

int
config_file_find (struct config_file *file, const char *path, struct error *err)
{
    _cleanup_free_ char *real = realpath (path, NULL);
    struct stat st;

    if (!real && errno != ENOENT)
        return error_set (err, errno, "%s", path);
    if (!real && lstat (path, &st) == 0)
        return error_set (err, 0, "%s is a symbolic link to nowhere", path);
    if (!real)
        real = strdup (path);
    if (!real || asprintf (&file->backup, "%s" CONFIG_BACKUP, path) < 0)
        return error_set (err, ENOMEM, "%s", path);
    file->path = steal_ptr (&real);
    return 0;
}

int
config_file_read (const char *path, struct text *text, struct error *err)
{
    if (file_read (path, CONFIG_MAX, &text->data, &text->len, err) == 0)
        return 0;
    if (err->status != ENOENT)
        return -1;
    *text = (struct text){0};
    return 0;
}

static int
create_empty (const char *path, const struct stat *like, struct error *err)
{
    _cleanup_close_ int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return error_set (err, errno, "create %s", path);
    if ((like->st_uid != geteuid () || like->st_gid != getegid ())
        && fchown (fd, like->st_uid, like->st_gid) < 0)
        return error_set (err, errno, "chown %s", path);
    if (fchmod (fd, like->st_mode & 0777) < 0)
        return error_set (err, errno, "chmod %s", path);
    return 0;
}

/* Packages of engines do not always make it.  */
static int
make_folder (const char *path, struct error *err)
{
    char folder[PATH_MAX];
    const char *name;

    if (snprintf (folder, sizeof folder, "%s", path) >= (int) sizeof folder)
        return error_set (err, ENAMETOOLONG, "%s", path);
    name = dirname (folder);
    if (mkdir (name, 0755) < 0 && errno != EEXIST)
        return error_set (err, errno, "make folder %s", name);
    return 0;
}

int
config_file_write (const char *path, const struct text *text, const char *like, struct error *err)
{
    struct stat st = {.st_mode = 0644, .st_uid = geteuid (), .st_gid = getegid ()};
    bool created = false;

    if (!text->data)
        return unlink (path) == 0 ? 0 : error_set (err, errno, "remove %s", path);
    if (make_folder (path, err) < 0)
        return -1;
    if (access (path, F_OK) < 0 && errno == ENOENT) {
        (void) stat (like, &st);
        if (create_empty (path, &st, err) < 0)
            return -1;
        created = true;
    }
    if (file_replace (path, text->data, text->len, err) < 0) {
        if (created)
            (void) unlink (path);
        return -1;
    }
    return 0;
}
