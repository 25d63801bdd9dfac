/* drictl install and uninstall: the engines, and what each takes.  */
#include "drictl_install.h"

#include <getopt.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "../../oci/program.h"
#include "drictl.h"
#include "../install/install_check.h"
#include "print.h"

enum {
    OPTION_DEFAULT_RUNTIME = 1,
    OPTION_DRY_RUN,
    OPTION_CONFIG,
    OPTION_RUNTIME,
    OPTION_SWARM,
    OPTION_CHECK,
    OPTION_ROOT
};

static const struct engine {
    const char *name;
    const char *config;     /* NULL: depends on the container */
    bool runtime, standard; /* takes --runtime; --default-runtime and --swarm too */
    bool named;             /* wants the name of a container, and takes more words */
    int (*install) (const struct install_options *options, char *const *words, int n);
    int (*uninstall) (const struct install_options *options, char *const *words, int n);
} engines[] = {
    {"docker", "/etc/docker/daemon.json", true, true, false, install_docker, uninstall_docker},
    {"podman", "/etc/containers", false, false, false, install_podman, uninstall_podman},
    {"containerd", "/etc/containerd/config.toml", true, false, false, install_containerd,
     uninstall_containerd},
    {"crio", "/etc/crio", true, false, false, install_crio, uninstall_crio},
    {"lxc", NULL, false, false, true, install_lxc, uninstall_lxc},
};

void
print_diff (const char *path, const struct text *before, const struct text *after)
{
    _cleanup_free_ char *diff = text_diff (before, after, path);
    char *save = NULL;

    for (char *line = diff ? strtok_r (diff, "\n", &save) : NULL; line; line = strtok_r (NULL, "\n", &save))
        print_line (stdout, "%s", line);
}

void
print_changes (const struct changes *changes, bool dry_run)
{
    for (unsigned i = 0; i < changes->n; i++) {
        const struct change *change = &changes->list[i];

        print_line (stdout, "%s: %s%s", change->path, dry_run ? "would be " : "",
                    !change->after.data    ? "removed"
                    : !change->before.data ? "written"
                                           : "changed");
        if (dry_run)
            print_diff (change->path, &change->before, &change->after);
    }
}

static int
parse (int argc, char **argv, const struct option *names, struct install_options *options, bool *check,
       const char **root)
{
    int c;

    while ((c = getopt_long (argc, argv, "", names, NULL)) != -1) {
        switch (c) {
        case OPTION_SWARM:
            options->swarm = true;
            break;
        case OPTION_DEFAULT_RUNTIME:
            options->default_runtime = true;
            break;
        case OPTION_DRY_RUN:
            options->dry_run = true;
            break;
        case OPTION_CONFIG:
            options->config = optarg;
            break;
        case OPTION_RUNTIME:
            options->runtime = optarg;
            break;
        case OPTION_CHECK:
            *check = true;
            break;
        case OPTION_ROOT:
            *root = optarg;
            break;
        default:
            return -1;
        }
    }
    return 0;
}

/* The one named by the first argument; NULL for wrong usage, which is told.  */
static const struct engine *
find_engine (const struct verb *verb, int argc, char **argv)
{
    const char *name = optind < argc ? argv[optind] : NULL;
    int given = argc - optind;

    for (size_t i = 0; name && i < countof (engines); i++) {
        if (strcmp (name, engines[i].name) != 0)
            continue;
        if (!engines[i].named)
            return check_arguments (verb, given, 1) == EXIT_GOOD ? &engines[i] : NULL;
        if (given >= 2)
            return &engines[i];
        (void) usage_error ("%s %s: of which container?", verb->name, name);
        return NULL;
    }
    if (!name)
        (void) check_arguments (verb, 0, 1);
    else
        (void) usage_error (
            "%s: no engine \"%s\"; docker, podman, containerd, crio and lxc NAME are the ones "
            "to name",
            verb->name, name);
    return NULL;
}

/* The dri-runtime beside this program, unless another was named. Its path goes into configurations, which are
 * read elsewhere.  */
static int
find_runtime (struct install_options *options, char *path, size_t size)
{
    struct error err;

    if (options->runtime)
        return EXIT_GOOD;
    if (program_beside ("dri-runtime", path, size, &err) < 0) {
        print_line (stderr, "drictl: no dri-runtime beside drictl; name the installed one with --runtime");
        return EXIT_BAD;
    }
    options->runtime = path;
    return EXIT_GOOD;
}

int
run_install (const struct verb *verb, int argc, char **argv)
{
    static const struct option names[] = {
        {"default-runtime", no_argument, NULL, OPTION_DEFAULT_RUNTIME},
        {"swarm", no_argument, NULL, OPTION_SWARM},
        {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
        {"config", required_argument, NULL, OPTION_CONFIG},
        {"runtime", required_argument, NULL, OPTION_RUNTIME},
        {0},
    };
    struct install_options options = {0};
    const struct engine *engine;
    char runtime[PATH_MAX];
    int code;

    if (parse (argc, argv, names, &options, NULL, NULL) < 0)
        return usage_error ("the usage is: drictl %s %s", verb->name, verb->arguments);
    engine = find_engine (verb, argc, argv);
    if (!engine)
        return EXIT_USAGE;
    if (options.runtime && !engine->runtime)
        return usage_error ("install %s: --runtime is not for it, which calls dri-hook", engine->name);
    if ((options.default_runtime || options.swarm) && !engine->standard)
        return usage_error ("install %s: --default-runtime and --swarm are Docker's", engine->name);
    if (!options.config)
        options.config = engine->config;
    code = engine->runtime ? find_runtime (&options, runtime, sizeof runtime) : EXIT_GOOD;
    return code == EXIT_GOOD ? engine->install (&options, argv + optind + 1, argc - optind - 1) : code;
}

/* --- what still needs us --- */

static int
print_referrers (const struct referrers *found)
{
    int code = EXIT_GOOD;

    for (unsigned i = 0; i < found->n; i++) {
        const struct referrer *referrer = &found->list[i];

        print_line (stdout, "%s%s%s", referrer->where, *referrer->where ? ": " : "", referrer->what);
        print_line (stdout, "  Next: %s", referrer->undo);
        if (referrer->for_all)
            code = EXIT_BAD;
    }
    if (found->n == 0)
        print_line (stdout, "No engine and no running container needs it.");
    return code;
}

static int
check_referrers (const char *root)
{
    static struct referrers found; /* large */
    char folder[PATH_MAX];
    struct error err;

    if (program_beside ("drictl", folder, sizeof folder, &err) < 0)
        return file_error (&err);
    *strrchr (folder, '/') = '\0';
    return install_check (root, folder, &found, &err) < 0 ? file_error (&err) : print_referrers (&found);
}

int
run_uninstall (const struct verb *verb, int argc, char **argv)
{
    static const struct option names[] = {
        {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
        {"config", required_argument, NULL, OPTION_CONFIG},
        {"check", no_argument, NULL, OPTION_CHECK},
        {"root", required_argument, NULL, OPTION_ROOT},
        {0},
    };
    struct install_options options = {0};
    const struct engine *engine;
    const char *root = NULL;
    bool check = false;
    int code;

    if (parse (argc, argv, names, &options, &check, &root) < 0)
        return usage_error ("the usage is: drictl %s %s", verb->name, verb->arguments);
    if (check && (options.config || options.dry_run))
        return usage_error ("uninstall --check looks at all engines, and changes nothing");
    if (root && !check)
        return usage_error ("uninstall: --root is for --check");
    if (check) {
        code = check_arguments (verb, argc - optind, 0);
        return code == EXIT_GOOD ? check_referrers (root ? root : "/") : code;
    }
    engine = find_engine (verb, argc, argv);
    if (!engine)
        return EXIT_USAGE;
    if (!options.config)
        options.config = engine->config;
    return engine->uninstall (&options, argv + optind + 1, argc - optind - 1);
}
