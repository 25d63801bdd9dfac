/* What the unit tests share: readable JSON, files in a folder of their own, random numbers that can be had
 * again. A test program includes this first.  */
#ifndef DRI_TESTING_H
#define DRI_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/cleanup.h"
#include "oci/error.h"

#define UNUSED __attribute__ ((unused))

/* --- JSON, written with single quotes --- */

UNUSED static json_t *
parse (const char *text)
{
    char *copy = strdup (text);
    json_error_t where;
    json_t *json;

    for (char *p = copy; *p; p++)
        if (*p == '\'')
            *p = '"';
    json = json_loads (copy, JSON_DECODE_ANY | JSON_ALLOW_NUL, &where);
    if (!json)
        fail_msg ("the test's own JSON: %s in %s", where.text, copy);
    free (copy);
    return json;
}

UNUSED static void
assert_json (const json_t *got, const char *wanted)
{
    json_t *want = parse (wanted);

    if (!json_equal (got, want))
        fail_msg ("got    %s\nwanted %s", got ? json_dumps (got, JSON_ENCODE_ANY) : "nothing",
                  json_dumps (want, JSON_ENCODE_ANY));
    json_decref (want);
}

/* --- what a call says --- */

UNUSED static void
assert_contains (const char *text, const char *part)
{
    if (!text || !strstr (text, part))
        fail_msg ("\"%s\" does not contain \"%s\"", text ? text : "(null)", part);
}

/* For calls that fill in an err of this name.  */
#define assert_ok(call)                                                                                      \
    do {                                                                                                     \
        if ((call) < 0)                                                                                      \
            fail_msg ("%s: %s", #call, err.message);                                                         \
    } while (0)

/* The call has to fail, with these words in the message.  */
#define assert_refused(call, words)                                                                          \
    do {                                                                                                     \
        err.message[0] = '\0';                                                                               \
        if ((call) >= 0)                                                                                     \
            fail_msg ("%s: succeeded", #call);                                                               \
        assert_contains (err.message, words);                                                                \
    } while (0)

/* --- random numbers (splitmix64) --- */

struct rng {
    uint64_t state;
};

/* DRI_TEST_SEED=N repeats a run.  */
UNUSED static struct rng
rng_start (const char *test)
{
    const char *given = getenv ("DRI_TEST_SEED");
    struct rng rng = {.state = 0};

    if (given)
        rng.state = strtoull (given, NULL, 0);
    else if (getrandom (&rng.state, sizeof rng.state, 0) != (ssize_t) sizeof rng.state)
        rng.state = 1;
    print_message ("# %s: DRI_TEST_SEED=0x%" PRIx64 "\n", test, rng.state);
    return rng;
}

UNUSED static uint64_t
rng_next (struct rng *rng)
{
    uint64_t z = rng->state;

    rng->state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

UNUSED static unsigned
rng_below (struct rng *rng, unsigned n)
{
    return (unsigned) (rng_next (rng) % n);
}

/* --- files --- */

static char folder[64]; /* of the running test */

UNUSED static int
folder_make (void **state)
{
    (void) state;
    (void) snprintf (folder, sizeof folder, "/dev/shm/dri-test-XXXXXX"); /* which mkdtemp fills in */
    return mkdtemp (folder) ? 0 : -1;
}

UNUSED static int
remove_one (const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void) st;
    (void) kind;
    (void) at;
    return remove (path);
}

UNUSED static int
folder_remove (void **state)
{
    (void) state;
    return nftw (folder, remove_one, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

#define unit_test_in_folder(test) cmocka_unit_test_setup_teardown (test, folder_make, folder_remove)

/* The path of a file in the folder; the last eight stay good.  */
UNUSED static char *in_folder (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

static char *
in_folder (const char *format, ...)
{
    static char paths[8][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 8];
    va_list args;
    int n = snprintf (path, PATH_MAX, "%s/", folder);

    va_start (args, format);
    (void) vsnprintf (path + n, (size_t) (PATH_MAX - n), format, args);
    va_end (args);
    return path;
}

/* Writes a file and makes the folders above it.  */
UNUSED static void
put_bytes (const char *path, const char *data, size_t len)
{
    char above[PATH_MAX];
    FILE *file;

    (void) snprintf (above, sizeof above, "%s", path);
    for (char *slash = strchr (above + 1, '/'); slash; slash = strchr (slash + 1, '/')) {
        *slash = '\0';
        if (mkdir (above, 0755) < 0 && errno != EEXIST)
            fail_msg ("mkdir %s: %s", above, strerror (errno));
        *slash = '/';
    }
    file = fopen (path, "we");
    if (!file || fwrite (data, 1, len, file) != len || fclose (file) != 0)
        fail_msg ("write %s: %s", path, strerror (errno));
}

UNUSED static void
put (const char *path, const char *text)
{
    put_bytes (path, text, strlen (text));
}

/* JSON in single quotes.  */
UNUSED static void
put_json (const char *path, const char *text)
{
    json_t *json = parse (text);
    char *dumped = json_dumps (json, JSON_COMPACT);

    put (path, dumped);
    free (dumped);
    json_decref (json);
}

/* How many entries a folder has: a temporary file left behind shows here.  */
UNUSED static unsigned
count_entries (const char *path)
{
    DIR *entries = opendir (path);
    unsigned n = 0;

    if (!entries)
        fail_msg ("opendir %s: %s", path, strerror (errno));
    for (const struct dirent *entry = readdir (entries); entry; entry = readdir (entries))
        n += strcmp (entry->d_name, ".") != 0 && strcmp (entry->d_name, "..") != 0;
    (void) closedir (entries);
    return n;
}

#endif
