/* drictl install and uninstall: what the modules of the engines did, told to a person.  */
#include <getopt.h>
#include <limits.h>
#include <string.h>

#include "../oci/cleanup.h"
#include "../oci/config.h"
#include "../oci/program.h"
#include "daemon_json.h"
#include "drictl.h"
#include "generic_resources.h"
#include "install_docker.h"
#include "install_lxc.h"
#include "install_podman.h"
#include "print.h"

static const char daemon_json[] = "/etc/docker/daemon.json";

enum { OPTION_DEFAULT_RUNTIME = 1, OPTION_DRY_RUN, OPTION_CONFIG, OPTION_RUNTIME, OPTION_SWARM };

/* Swarm cannot name a runtime for a service, and so needs dri to be the default.  */
static int
parse_install (int argc, char **argv, const struct option *options, struct docker_install *how, bool *swarm)
{
    int c;

    while ((c = getopt_long (argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case OPTION_SWARM:
            *swarm = true;
            how->default_runtime = true;
            break;
        case OPTION_DEFAULT_RUNTIME:
            how->default_runtime = true;
            break;
        case OPTION_DRY_RUN:
            how->dry_run = true;
            break;
        case OPTION_CONFIG:
            how->config = optarg;
            break;
        case OPTION_RUNTIME:
            how->runtime = optarg;
            break;
        default:
            return -1;
        }
    }
    return 0;
}

static int
check_engine (const struct verb *verb, int argc, char **argv, bool *is_podman)
{
    int code = check_arguments (verb, argc - optind, 1);

    if (code != EXIT_GOOD)
        return code;
    *is_podman = strcmp (argv[optind], "podman") == 0;
    if (!*is_podman && strcmp (argv[optind], "docker") != 0)
        return usage_error ("%s: no engine \"%s\"; docker, podman and lxc NAME are the ones to name",
                            verb->name, argv[optind]);
    return EXIT_GOOD;
}

static void
print_change (const char *key, const char *before, const char *after)
{
    if (strcmp (before, after) != 0)
        print_line (stdout, "  %s: %s -> %s", key, *before ? before : "none", *after ? after : "none");
}

static void
print_changes (const struct docker_install *how, const struct docker_outcome *done)
{
    _cleanup_values_ struct daemon_json_values before = {0};
    _cleanup_values_ struct daemon_json_values after = {0};
    struct error ignored;

    if (!done->after.data && !how->dry_run)
        print_line (stdout, "%s: removed, it had nothing else:", how->config);
    else
        print_line (stdout, "%s%s:", how->config, how->dry_run ? " would change" : "");
    if (daemon_json_read (&done->before, &before, &ignored) < 0
        || daemon_json_read (&done->after, &after, &ignored) < 0)
        return;
    print_change ("runtimes.dri", before.runtime, after.runtime);
    print_change ("default-runtime", before.default_runtime, after.default_runtime);
    print_change ("node-generic-resources", before.resources, after.resources);
}

static void
print_check (enum docker_check check)
{
    switch (check) {
    case CHECK_PASSED:
        print_line (stdout, "Checked with dockerd --validate.");
        break;
    case CHECK_TOO_OLD:
        print_line (stdout, "Not checked: this dockerd has no --validate (it came with 23).");
        break;
    case CHECK_NO_DOCKERD:
        print_line (stdout, "Not checked: dockerd is not on PATH.");
        break;
    case CHECK_NONE:
        break;
    }
}

/* True where there is a next step to tell.  */
static bool
print_outcome (const struct docker_install *how, const struct docker_outcome *done)
{
    if (done->bad_backup)
        print_line (stderr, "drictl: %s.dri-broker-backup is not valid JSON and is not used", how->config);
    if (text_same (&done->before, &done->after)) {
        print_line (stdout, "%s: nothing to do.", how->config);
        return false;
    }
    print_changes (how, done);
    print_check (done->check);
    return !how->dry_run;
}

static void
print_podman (const struct podman_install *how, const struct podman_changes *changes, const char *done)
{
    if (changes->n == 0)
        print_line (stdout, "%s: nothing to do.", how->config);
    for (unsigned i = 0; i < changes->n; i++)
        print_line (stdout, "%s: %s%s", changes->paths[i], how->dry_run ? "would be " : "", done);
}

static int
install_podman (const struct docker_install *given)
{
    struct podman_install how = {.config = given->config ? given->config : "/etc/containers",
                                 .dry_run = given->dry_run};
    static struct podman_changes changes; /* large */
    char hook[PATH_MAX];
    struct error err;

    how.hook = hook;
    if (program_beside ("dri-hook", hook, sizeof hook, &err) < 0 || podman_install (&how, &changes, &err) < 0)
        return file_error (&err);
    print_podman (&how, &changes, "written");
    if (changes.n > 0 && !how.dry_run)
        print_line (stdout,
                    "Next: podman run --annotation dri.enable=true …; nothing has to be restarted, but "
                    "`podman system service`.");
    return EXIT_GOOD;
}

static int
uninstall_podman (const struct docker_install *given)
{
    const struct podman_install how = {.config = given->config ? given->config : "/etc/containers",
                                       .dry_run = given->dry_run};
    static struct podman_changes changes; /* large */
    struct error err;

    if (podman_uninstall (&how, &changes, &err) < 0)
        return file_error (&err);
    print_podman (&how, &changes, "removed");
    return EXIT_GOOD;
}

/* The exit code. What Swarm is to be told of is for the broker to say; *resources is the caller's.  */
static int
find_resources (json_t **resources)
{
    _cleanup_json_ json_t *status = NULL;
    struct config config;
    struct error err = {0};
    int code = ask ("Status", NULL, &status);

    if (code != EXIT_GOOD)
        return code;
    if (config_load (&config, &err) == 0)
        *resources = generic_resources_of (json_object_get (status, "gpus"), &config, &err);
    return *resources ? EXIT_GOOD : fail (EXIT_BAD, &err);
}

/* dockerd looks at the default runtime at a reload, at what it advertises when it starts.  */
static void
print_next_steps (const struct docker_install *how)
{
    print_line (stdout, "What was there before is in %s.dri-broker-backup.", how->config);
    print_line (stdout, "Next: systemctl %s docker", how->resources ? "restart" : "reload");
    if (how->default_runtime)
        print_line (stdout, "Containers that exist keep their runtime until they are created anew.");
    if (how->resources)
        print_line (stdout, "Then: docker service create --container-label dri.enable=true "
                            "--generic-resource dri=1 …; without the latter GPUs are shared.");
}

static int
install_docker (struct docker_install *how)
{
    struct docker_outcome done;
    char runtime[PATH_MAX];
    struct error err;

    if (!how->config)
        how->config = daemon_json;
    if (!how->runtime && docker_find_runtime (runtime, sizeof runtime, &err) < 0)
        return file_error (&err);
    if (!how->runtime)
        how->runtime = runtime;
    if (docker_install (how, &done, &err) < 0)
        return file_error (&err);
    if (print_outcome (how, &done))
        print_next_steps (how);
    docker_outcome_finish (&done);
    return EXIT_GOOD;
}

static void
print_lxc (const struct lxc_install *how, const struct lxc_changes *changes, const char *hook_done)
{
    const char *maybe = how->dry_run ? "would be " : "";

    if (changes->hook[0])
        print_line (stdout, "%s: %s%s", changes->hook, maybe, hook_done);
    if (changes->config[0])
        print_line (stdout, "%s: %schanged by one line, lxc.include", changes->config, maybe);
    if (!changes->hook[0] && !changes->config[0])
        print_line (stdout, "Container %s: nothing to do.", how->name);
}

static int
install_lxc (char *const *words, int n, const struct docker_install *given)
{
    struct lxc_install how = {.name = words[0],
                              .config = given->config,
                              .words = words + 1,
                              .n_words = n - 1,
                              .dry_run = given->dry_run};
    static struct lxc_changes changes; /* large */
    char hook[PATH_MAX];
    struct error err;

    how.hook = hook;
    if (program_beside ("dri-hook", hook, sizeof hook, &err) < 0 || lxc_install (&how, &changes, &err) < 0)
        return file_error (&err);
    print_lxc (&how, &changes, "written");
    if (changes.config[0] && !how.dry_run)
        print_line (stdout,
                    "Next: start container %s anew; take its own /dev/dri entries out (dev0:, "
                    "lxc.mount.entry, lxc.cgroup2.devices.allow).",
                    how.name);
    return EXIT_GOOD;
}

static int
uninstall_lxc (const char *name, const struct docker_install *given)
{
    const struct lxc_install how = {.name = name, .config = given->config, .dry_run = given->dry_run};
    static struct lxc_changes changes; /* large */
    struct error err;

    if (lxc_uninstall (&how, &changes, &err) < 0)
        return file_error (&err);
    print_lxc (&how, &changes, "removed");
    return EXIT_GOOD;
}

static bool
is_lxc (int argc, char **argv)
{
    return argc - optind >= 2 && strcmp (argv[optind], "lxc") == 0;
}

int
run_install (const struct verb *verb, int argc, char **argv)
{
    static const struct option options[] = {
        {"default-runtime", no_argument, NULL, OPTION_DEFAULT_RUNTIME},
        {"swarm", no_argument, NULL, OPTION_SWARM},
        {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
        {"config", required_argument, NULL, OPTION_CONFIG},
        {"runtime", required_argument, NULL, OPTION_RUNTIME},
        {0},
    };
    _cleanup_json_ json_t *resources = NULL;
    struct docker_install how = {0};
    bool is_podman, swarm = false;
    int code;

    if (parse_install (argc, argv, options, &how, &swarm) < 0)
        return usage_error ("the usage is: drictl %s %s", verb->name, verb->arguments);
    if (is_lxc (argc, argv))
        return install_lxc (argv + optind + 1, argc - optind - 1, &how);
    code = check_engine (verb, argc, argv, &is_podman);
    if (code != EXIT_GOOD)
        return code;
    if (is_podman && (how.runtime || how.default_runtime))
        return usage_error ("%s: --runtime, --default-runtime and --swarm are Docker's", verb->name);
    if (is_podman)
        return install_podman (&how);
    if (swarm) {
        code = find_resources (&resources);
        if (code != EXIT_GOOD)
            return code;
        how.resources = resources;
    }
    return install_docker (&how);
}

/* dockerd reads a default runtime when it is told to reload, and keeps the one it has where none stands
 * there.  */
static bool
takes_default_away (const struct docker_outcome *done)
{
    _cleanup_values_ struct daemon_json_values before = {0};
    _cleanup_values_ struct daemon_json_values after = {0};
    struct error ignored;

    return daemon_json_read (&done->before, &before, &ignored) == 0
           && daemon_json_read (&done->after, &after, &ignored) == 0 && *before.default_runtime
           && !*after.default_runtime;
}

int
run_uninstall (const struct verb *verb, int argc, char **argv)
{
    static const struct option options[] = {
        {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
        {"config", required_argument, NULL, OPTION_CONFIG},
        {0},
    };
    struct docker_install how = {0};
    struct docker_outcome done;
    struct error err;
    bool is_podman, swarm;
    int code;

    if (parse_install (argc, argv, options, &how, &swarm) < 0)
        return usage_error ("the usage is: drictl %s %s", verb->name, verb->arguments);
    if (is_lxc (argc, argv) && argc - optind == 2)
        return uninstall_lxc (argv[optind + 1], &how);
    code = check_engine (verb, argc, argv, &is_podman);
    if (code != EXIT_GOOD)
        return code;
    if (is_podman)
        return uninstall_podman (&how);
    if (!how.config)
        how.config = daemon_json;
    if (docker_uninstall (&how, &done, &err) < 0)
        return file_error (&err);
    if (print_outcome (&how, &done)) {
        print_line (stdout, "Next: systemctl %s",
                    takes_default_away (&done)
                        ? "restart docker; after a reload dri would still be the default"
                        : "reload docker");
        print_line (stdout,
                    "Containers that were created with runtime dri start again once they are created anew.");
    }
    docker_outcome_finish (&done);
    return EXIT_GOOD;
}
