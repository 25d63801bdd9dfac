/* dri-probe: what a GPU can do, as one JSON object. The same program is started again for the asking, in its
 * box.  */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../oci/cleanup.h"
#include "../oci/error.h"
#include "probe_inside.h"
#include "probe_run.h"
#include "../oci/require.h"

enum { DRM_MAJOR = 226, NOBODY = 65534, USAGE = 2, VARIABLES_MAX = 8 };

static const char help[] = "usage: dri-probe --device NODE [--level node|driver|vaapi] [--require LIST]\n"
                           "\n"
                           "Says as one JSON object what a GPU can do, and whether that is enough. What it\n"
                           "asks runs confined.\n"
                           "\n"
                           "  --device NODE     the render node, as /dev/dri/renderD128\n"
                           "  --level LEVEL     node: it opens; driver: the kernel's driver answers;\n"
                           "                    vaapi: so does VA-API, which is the default\n"
                           "  --require LIST    what has to work, as h264-decode,hevc-encode-vbr,vpp\n"
                           "  --timeout SECONDS for all together; 10, at most 60\n"
                           "  --help, --version\n"
                           "\n"
                           "See dri-probe(8).\n";

struct arguments {
    const char *device, *require;
    enum probe_level level;
    unsigned timeout_ms;
};

static int
parse_level (enum probe_level *level, const char *text, struct error *err)
{
    for (int i = 0; i < PROBE_LEVELS; i++)
        if (strcmp (text, probe_level_name ((enum probe_level) i)) == 0) {
            *level = (enum probe_level) i;
            return 0;
        }
    return error_set (err, 0, "--level %.60s: it is one of node, driver, vaapi", text);
}

static int
parse_timeout (unsigned *timeout_ms, const char *text, struct error *err)
{
    char *end;
    unsigned long seconds = strtoul (text, &end, 10);

    if (end == text || *end != '\0' || seconds < 1 || seconds > PROBE_DEADLINE_MAX_MS / 1000)
        return error_set (err, 0, "--timeout %.60s: it is a number of seconds, 1 to 60", text);
    *timeout_ms = (unsigned) seconds * 1000;
    return 0;
}

static int
check_arguments (const struct arguments *a, struct error *err)
{
    struct require require;

    if (!a->device)
        return error_set (err, 0, "--device is missing (dri-probe --help)");
    if (require_parse (&require, a->require, err) < 0)
        return error_wrap (err, "--require");
    if (require.n > 0 && a->level != PROBE_VAAPI)
        return error_set (err, 0, "--require is a matter of --level vaapi");
    return 0;
}

static int
parse_arguments (struct arguments *a, int argc, char **argv, struct error *err)
{
    static const struct option options[] = {
        {"device", required_argument, NULL, 'd'},
        {"level", required_argument, NULL, 'l'},
        {"require", required_argument, NULL, 'r'},
        {"timeout", required_argument, NULL, 't'},
        {NULL, 0, NULL, 0},
    };
    int option;

    while (true) {
        option = getopt_long (argc, argv, "", options, NULL);
        if (option < 0)
            break;
        if (option == 'd')
            a->device = optarg;
        else if (option == 'r')
            a->require = optarg;
        else if (option == 'l' ? parse_level (&a->level, optarg, err) < 0
                               : option != 't' || parse_timeout (&a->timeout_ms, optarg, err) < 0)
            return -1;
    }
    if (optind < argc)
        return error_set (err, 0, "%.60s: what is that? (dri-probe --help)", argv[optind]);
    return check_arguments (a, err);
}

/* Who is asked for is the caller; for root, whom every file is open to, nobody takes the place of the caller
 * as soon as the node is open.  */
static int
open_device (void *data, struct error *err)
{
    const char *path = data;
    _cleanup_close_ int fd = open (path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;

    if (fd < 0 || fstat (fd, &st) < 0)
        return error_set (err, errno, "open %s", path);
    if (!S_ISCHR (st.st_mode) || major (st.st_rdev) != DRM_MAJOR)
        return error_set (err, 0, "not a device with the major number %d", DRM_MAJOR);
    if (geteuid () == 0
        && (setgroups (0, NULL) < 0 || setresgid (NOBODY, NOBODY, NOBODY) < 0
            || setresuid (NOBODY, NOBODY, NOBODY) < 0))
        return error_set (err, errno, "become nobody");
    return steal_fd (&fd);
}

/* Which libva and which driver: these are what a person sets to choose them. Mesa need not try for a folder
 * of its own.  */
static void
pass_variables (char *environment[VARIABLES_MAX])
{
    static const char *const names[] = {"LIBVA_DRIVER_NAME=", "LIBVA_DRIVERS_PATH=", "LD_LIBRARY_PATH="};
    unsigned n = 0;

    environment[n++] = "MESA_SHADER_CACHE_DISABLE=true";
    for (char **variable = environ; *variable; variable++)
        for (size_t i = 0; i < countof (names) && n < VARIABLES_MAX - 1; i++)
            if (strncmp (*variable, names[i], strlen (names[i])) == 0)
                environment[n++] = *variable;
    environment[n] = NULL;
}

static int
probe_device (const struct arguments *a, struct error *err)
{
    char *environment[VARIABLES_MAX];
    struct probe probe = {
        .program = open ("/proc/self/exe", O_RDONLY | O_CLOEXEC),
        .null = open ("/dev/null", O_RDWR | O_CLOEXEC),
        .open_node = open_device,
        .data = (void *) a->device,
        .device = a->device,
        .level = a->level,
        .require = a->require,
        .environment = environment,
        .deadline_ms = a->timeout_ms,
    };
    _cleanup_json_ json_t *report = NULL;

    if (probe.program < 0 || probe.null < 0)
        return error_set (err, errno, "open %s", probe.program < 0 ? "/proc/self/exe" : "/dev/null");
    pass_variables (environment);
    report = probe_run (&probe);
    if (!report || json_dumpf (report, stdout, JSON_INDENT (2) | JSON_REAL_PRECISION (9)) < 0 || puts ("") < 0
        || fflush (stdout) != 0)
        return error_set (err, errno, "write the report");
    return json_is_true (json_object_get (report, "ok")) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static bool
is_word (const char *text, const char *word)
{
    return text && strcmp (text, word) == 0;
}

int
main (int argc, char **argv)
{
    struct arguments a = {.require = "", .level = PROBE_VAAPI, .timeout_ms = PROBE_DEADLINE_MS};
    struct error err = {0};
    int status;

    if (argc == 4 && is_word (argv[1], PROBE_CONFINED))
        probe_inside (argv[2], argv[3]);
    if (is_word (argv[1], "--help") || is_word (argv[1], "--version")) {
        (void) fputs (argv[1][2] == 'h' ? help : "dri-probe " VERSION "\n", stdout);
        return EXIT_SUCCESS;
    }
    if (parse_arguments (&a, argc, argv, &err) < 0) {
        (void) fprintf (stderr, "dri-probe: %s\n",
                        err.message[0] ? err.message : "wrong usage (dri-probe --help)");
        return USAGE;
    }
    status = probe_device (&a, &err);
    if (status < 0)
        (void) fprintf (stderr, "dri-probe: %s\n", err.message);
    return status < 0 ? EXIT_FAILURE : status;
}
