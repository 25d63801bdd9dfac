/* Runs a fuzz target over every file of a directory, in the order of their names, and speaks TAP. Each file
 * has a process of its own: one that crashes is one test that fails.  */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "oci/cleanup.h"
#include "oci/file.h"
#include "tests/fuzz/fuzz.h"

enum { SECONDS_MAX = 60, INPUT_BYTES_MAX = 64 << 20 };

static int
is_input (const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int
run (const char *path)
{
    struct error err;
    char *text;
    uint8_t *input;
    size_t len;

    (void) alarm (SECONDS_MAX);
    if (file_read (path, INPUT_BYTES_MAX, &text, &len, &err) < 0) {
        (void) fprintf (stderr, "%s\n", err.message);
        return EXIT_FAILURE;
    }
    /* Without the NUL that file_read adds: ASan shall see who reads beyond the end.  */
    input = malloc (len ? len : 1);
    if (!input)
        return EXIT_FAILURE;
    memcpy (input, text, len);
    free (text);
    (void) LLVMFuzzerTestOneInput (input, len);
    free (input);
    return EXIT_SUCCESS;
}

static bool
replay (const char *path)
{
    int status = -1;
    pid_t child = fork ();

    if (child == 0)
        exit (run (path));
    while (child > 0 && waitpid (child, &status, 0) < 0 && errno == EINTR)
        continue;
    return child > 0 && status == 0;
}

int
main (int argc, char **argv)
{
    struct dirent **entries;
    int n = argc == 2 ? scandir (argv[1], &entries, is_input, alphasort) : -1, failed = 0;

    if (n <= 0) {
        (void) fprintf (stderr, "usage: %s CORPUS, a directory that is not empty\n", argv[0]);
        return EXIT_FAILURE;
    }
    (void) printf ("1..%d\n", n);
    for (int i = 0; i < n; i++) {
        char path[4096];
        bool good;

        (void) snprintf (path, sizeof path, "%s/%s", argv[1], entries[i]->d_name);
        (void) fflush (stdout);
        good = replay (path);
        failed += !good;
        (void) printf ("%sok %d - %s\n", good ? "" : "not ", i + 1, entries[i]->d_name);
        free (entries[i]);
    }
    free (entries);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
