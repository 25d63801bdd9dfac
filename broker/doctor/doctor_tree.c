/* The files of the examined machine.  */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../oci/below.h"
#include "../../oci/cleanup.h"
#include "../../oci/file.h"
#include "doctor.h"

static int open_in_tree (const struct doctor *doctor, uint64_t flags, const char *format, va_list args)
    __attribute__ ((format (printf, 3, 0)));

/* With O_PATH: nothing happens to a device node or a FIFO by that.  */
static int
open_in_tree (const struct doctor *doctor, uint64_t flags, const char *format, va_list args)
{
    _cleanup_free_ char *path = NULL;

    if (vasprintf (&path, format, args) < 0)
        return -1;
    return open_below (doctor->root, path, O_PATH | flags, RESOLVE_IN_ROOT);
}

/* open_in_tree() for a function's own variable arguments.  */
#define OPEN_BELOW(fd, doctor, flags, format)                                                                \
    do {                                                                                                     \
        va_list args_;                                                                                       \
        va_start (args_, format);                                                                            \
        (fd) = open_in_tree ((doctor), (flags), (format), args_);                                            \
        va_end (args_);                                                                                      \
    } while (0)

/* What is no regular file is not opened even now, see file_read.  */
static char *
read_fd (int fd, size_t *len)
{
    struct error err = {0};
    char path[40], *text;
    size_t n;

    if (fd < 0)
        return NULL;
    (void) snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
    if (file_read (path, DOCTOR_FILE_MAX, &text, &n, &err) < 0) {
        errno = err.status;
        return NULL;
    }
    while (n > 0 && text[n - 1] == '\n')
        text[--n] = '\0';
    if (len)
        *len = n;
    return text;
}

char *
doctor_read_file (const struct doctor *doctor, size_t *len, const char *format, ...)
{
    _cleanup_close_ int fd = -1;

    OPEN_BELOW (fd, doctor, 0, format);
    return read_fd (fd, len);
}

json_t *
doctor_read_json (const struct doctor *doctor, const char *format, ...)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_close_ int fd = -1;
    json_t *json;
    size_t len;

    OPEN_BELOW (fd, doctor, 0, format);
    text = read_fd (fd, &len);
    if (!text)
        return NULL;
    json = json_loadb (text, len, JSON_DECODE_INT_AS_REAL, NULL);
    if (!json)
        errno = EILSEQ;
    return json;
}

bool
doctor_read_number (const struct doctor *doctor, unsigned long long *number, const char *format, ...)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_close_ int fd = -1;
    unsigned long long value;
    char *end;

    OPEN_BELOW (fd, doctor, 0, format);
    text = read_fd (fd, NULL);
    if (!text)
        return false;
    errno = 0;
    value = strtoull (text, &end, 0);
    if (errno != 0 || end == text)
        return false;
    *number = value;
    return true;
}

static char *
read_link_fd (int fd)
{
    _cleanup_free_ char *target = calloc (1, PATH_MAX);

    /* Of an O_PATH descriptor with O_NOFOLLOW: readlinkat(2) with an empty path.  */
    if (fd < 0 || !target || readlinkat (fd, "", target, PATH_MAX - 1) < 0)
        return NULL;
    return steal_ptr (&target);
}

char *
doctor_read_link (const struct doctor *doctor, const char *format, ...)
{
    _cleanup_close_ int fd = -1;

    OPEN_BELOW (fd, doctor, O_NOFOLLOW, format);
    return read_link_fd (fd);
}

bool
doctor_link_name (const struct doctor *doctor, char *name, size_t size, const char *format, ...)
{
    _cleanup_free_ char *target = NULL;
    _cleanup_close_ int fd = -1;
    const char *last;

    name[0] = '\0';
    OPEN_BELOW (fd, doctor, O_NOFOLLOW, format);
    target = read_link_fd (fd);
    if (!target)
        return false;
    last = strrchr (target, '/');
    last = last ? last + 1 : target;
    if (strlen (last) >= size)
        return false;
    memcpy (name, last, strlen (last) + 1);
    return true;
}

bool
doctor_stat (const struct doctor *doctor, struct stat *st, const char *format, ...)
{
    _cleanup_close_ int fd = -1;

    OPEN_BELOW (fd, doctor, 0, format);
    return fd >= 0 && fstat (fd, st) == 0;
}

bool
doctor_exists (const struct doctor *doctor, const char *format, ...)
{
    _cleanup_close_ int fd = -1;

    OPEN_BELOW (fd, doctor, 0, format);
    return fd >= 0;
}

static int
compare_names (const void *a, const void *b)
{
    return strverscmp (*(char *const *) a, *(char *const *) b);
}

/* False: memory is short.  */
static bool
add_name (struct doctor_names *names, const char *name)
{
    char **bigger = realloc (names->list, (names->n + 1) * sizeof *bigger);

    if (!bigger)
        return false;
    names->list = bigger;
    names->list[names->n] = strdup (name);
    if (!names->list[names->n])
        return false;
    names->n++;
    return true;
}

bool
doctor_list_dir (const struct doctor *doctor, struct doctor_names *names, const char *format, ...)
{
    _cleanup_close_ int fd = -1;
    const struct dirent *entry;
    char path[40];
    DIR *dir;

    *names = (struct doctor_names){0};
    OPEN_BELOW (fd, doctor, O_DIRECTORY, format);
    if (fd < 0)
        return false;
    (void) snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
    dir = opendir (path);
    if (!dir)
        return false;
    while (names->n < DOCTOR_NAMES_MAX) {
        entry = readdir (dir);
        if (!entry)
            break;
        if (strcmp (entry->d_name, ".") != 0 && strcmp (entry->d_name, "..") != 0
            && !add_name (names, entry->d_name))
            break;
    }
    (void) closedir (dir);
    if (names->n > 0)
        qsort (names->list, names->n, sizeof *names->list, compare_names);
    return true;
}

void
doctor_names_finish (struct doctor_names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free (names->list[i]);
    free (names->list);
    *names = (struct doctor_names){0};
}
