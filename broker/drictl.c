/* drictl: what a person asks and tells dri-broker. Prints, and nothing else does: the other files here give
 * text or values.  */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <locale.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "../oci/cdi_spec.h"
#include "../oci/cleanup.h"
#include "../oci/program.h"
#include "drictl_attach.h"
#include "drictl_probe.h"
#include "drictl_cdi.h"
#include "client.h"
#include "explain.h"
#include "generic_resources.h"
#include "install_docker.h"
#include "install_lxc.h"
#include "install_podman.h"
#include "print.h"
#include "status.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

enum { EXIT_GOOD, EXIT_BAD, EXIT_USAGE, EXIT_NO_BROKER };

/* The broker answers each of our methods at once.  */
enum { CALL_MS = 10000 };

struct verb {
    const char *name, *arguments, *summary;
    int (*run) (const struct verb *verb, int argc, char **argv); /* argv[0] is the program, for getopt */
};

static int usage_error (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

static int
usage_error (const char *format, ...)
{
    char message[512];
    va_list args;

    va_start (args, format);
    (void) vsnprintf (message, sizeof message, format, args);
    va_end (args);
    print_line (stderr, "drictl: %s; see drictl --help", message);
    return EXIT_USAGE;
}

static int
fail (int code, const struct error *err)
{
    print_line (stderr, "drictl: %s", err->message);
    return code;
}

/* The exit code; *reply, which may be NULL as in client_call, is the caller's where it is EXIT_GOOD. Prints
 * what went wrong.  */
static int
ask (const char *method, json_t *parameters, json_t **reply)
{
    struct client client = {.fd = -1};
    enum client_result result;
    struct error err = {0};

    result = client_connect (&client, &err);
    if (result == CLIENT_OK) {
        result = client_call (&client, method, parameters, CALL_MS, reply, &err);
        client_close (&client);
    } else {
        json_decref (parameters);
    }
    if (result == CLIENT_OK)
        return EXIT_GOOD;
    if (result == CLIENT_REFUSED)
        return fail (EXIT_BAD, &err);
    (void) fail (EXIT_NO_BROKER, &err);
    return EXIT_NO_BROKER;
}

/* ASCII only, so that no control character of the upper half is among it. 15 digits print 0.41 as 0.41.  */
static void
print_json (const json_t *json)
{
    (void) json_dumpf (json, stdout, JSON_INDENT (2) | JSON_ENSURE_ASCII | JSON_REAL_PRECISION (15));
    (void) putchar ('\n');
}

static int
check_arguments (const struct verb *verb, int given, int wanted)
{
    if (given == wanted)
        return EXIT_GOOD;
    return usage_error ("%s: too %s arguments, the usage is: drictl %s %s", verb->name,
                        given < wanted ? "few" : "many", verb->name, verb->arguments);
}

/* For verbs with one switch and so many arguments, which stand from argv[optind] on then. getopt says itself
 * what it does not know.  */
static int
read_arguments (const struct verb *verb, int argc, char **argv, const char *name, bool *set, int wanted)
{
    const struct option options[] = {{name, no_argument, NULL, 1}, {0}};
    int c;

    while ((c = getopt_long (argc, argv, "", options, NULL)) != -1) {
        if (c != 1)
            return usage_error ("the usage is: drictl %s %s", verb->name, verb->arguments);
        *set = true;
    }
    return check_arguments (verb, argc - optind, wanted);
}

static int
run_status (const struct verb *verb, int argc, char **argv)
{
    _cleanup_json_ json_t *reply = NULL;
    bool json = false;
    int code;

    code = read_arguments (verb, argc, argv, "json", &json, 0);
    if (code == EXIT_GOOD)
        code = ask ("Status", NULL, &reply);
    if (code != EXIT_GOOD)
        return code;
    if (json)
        print_json (reply);
    else
        status_print (reply, time (NULL), stdout);
    return EXIT_GOOD;
}

static int
run_devices (const struct verb *verb, int argc, char **argv)
{
    _cleanup_json_ json_t *reply = NULL;
    bool json = false;
    int code;

    code = read_arguments (verb, argc, argv, "json", &json, 0);
    if (code == EXIT_GOOD)
        code = ask ("Status", NULL, &reply);
    if (code != EXIT_GOOD)
        return code;
    if (json)
        print_json (json_object_get (reply, "gpus"));
    else
        devices_print (reply, stdout);
    return EXIT_GOOD;
}

static int
run_explain (const struct verb *verb, int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 1}, {"lxc", no_argument, NULL, 2}, {0}};
    _cleanup_json_ json_t *reply = NULL;
    bool json = false, lxc = false;
    int code, c;

    while ((c = getopt_long (argc, argv, "", options, NULL)) != -1) {
        if (c != 1 && c != 2)
            return usage_error ("the usage is: drictl %s %s", verb->name, verb->arguments);
        *(c == 1 ? &json : &lxc) = true;
    }
    code = check_arguments (verb, argc - optind, 1);
    if (code == EXIT_GOOD)
        code = ask ("Explain", json_pack ("{ss}", "container", argv[optind]), &reply);
    if (code != EXIT_GOOD)
        return code;
    if (json)
        print_json (reply);
    else if (lxc)
        explain_print_lxc (reply, stdout);
    else
        explain_print (reply, stdout);
    return EXIT_GOOD;
}

static bool
has_lease (const json_t *status, const char *id)
{
    const json_t *lease;
    size_t i;

    json_array_foreach (json_object_get (status, "leases"), i, lease) {
        const char *lease_id = json_string_value (json_object_get (lease, "id"));

        if (lease_id && strcmp (lease_id, id) == 0)
            return true;
    }
    return false;
}

/* "lease" or "container": what name is the name of. 32 hex digits can be both; a lease comes first.  */
static int
find_kind (const char *name, const char **kind)
{
    _cleanup_json_ json_t *status = NULL;
    int code;

    *kind = "container";
    if (strlen (name) != 32 || strspn (name, "0123456789abcdef") != 32)
        return EXIT_GOOD;
    code = ask ("Status", NULL, &status);
    if (code == EXIT_GOOD && has_lease (status, name))
        *kind = "lease";
    return code;
}

static int
run_release (const struct verb *verb, int argc, char **argv)
{
    _cleanup_json_ json_t *reply = NULL;
    const char *kind, *reason, *note;
    bool force = false;
    int code;

    code = read_arguments (verb, argc, argv, "force", &force, 1);
    if (code == EXIT_GOOD)
        code = find_kind (argv[optind], &kind);
    if (code == EXIT_GOOD)
        code = ask ("Release", json_pack ("{sssb}", kind, argv[optind], "force", (int) force), &reply);
    if (code != EXIT_GOOD)
        return code;
    print_line (stdout, "Released %s %s.", kind, argv[optind]);
    reason = json_string_value (json_object_get (reply, "reason"));
    if (reason && *reason)
        print_line (stdout, "The readiness gate had said: %s", reason);
    note = json_string_value (json_object_get (reply, "note"));
    if (note && *note)
        print_line (stdout, "But %s.", note);
    return EXIT_GOOD;
}

/* What went wrong with a broker that is not there has the system call's number.  */
static int
attach_error (const struct error *err)
{
    print_line (stderr, "drictl: %s%s", err->message, geteuid () == 0 ? "" : "; run it as root, with sudo");
    return err->status == ECONNREFUSED || err->status == ENOENT ? EXIT_NO_BROKER : EXIT_BAD;
}

static int
run_probe (const struct verb *verb, int argc, char **argv)
{
    const struct option options[] = {{"json", no_argument, NULL, 1}, {0}};
    _cleanup_json_ json_t *reply = NULL;
    struct error err = {0};
    bool json = false;
    int c;

    while ((c = getopt_long (argc, argv, "", options, NULL)) != -1) {
        if (c != 1)
            return usage_error ("the usage is: drictl %s %s", verb->name, verb->arguments);
        json = true;
    }
    if (argc - optind > 1)
        return check_arguments (verb, argc - optind, 1);
    if (probe_ask (argv[optind], &reply, &err) < 0)
        return attach_error (&err);
    if (json)
        print_json (reply);
    else
        probe_print (reply, stdout);
    return probe_is_good (reply) ? EXIT_GOOD : EXIT_BAD;
}

static int
run_attach (const struct verb *verb, int argc, char **argv)
{
    struct error err = {0};
    char gpus[128];

    if (argc < 2)
        return check_arguments (verb, 0, 1);
    if (attach_container (argv[1], argv + 2, argc - 2, gpus, &err) < 0)
        return attach_error (&err);
    print_line (stdout, "Attached %s to container %s, until it ends or drictl detach %s.", gpus, argv[1],
                argv[1]);
    return EXIT_GOOD;
}

static int
run_detach (const struct verb *verb, int argc, char **argv)
{
    struct error err = {0};
    int code = check_arguments (verb, argc - 1, 1);

    if (code != EXIT_GOOD)
        return code;
    if (detach_container (argv[1], &err) < 0)
        return attach_error (&err);
    print_line (stdout,
                "Detached the GPU of container %s. A program that has it open keeps it until it ends.",
                argv[1]);
    return EXIT_GOOD;
}

static int
file_error (const struct error *err)
{
    bool denied = err->status == EACCES || err->status == EPERM;

    print_line (stderr, "drictl: %s%s", err->message, denied ? "; run it as root, with sudo" : "");
    return EXIT_BAD;
}

static int
generate_cdi (const char *output)
{
    _cleanup_json_ json_t *status = NULL;
    _cleanup_free_ char *text = NULL;
    struct error err = {0};
    const json_t *gpus;
    bool changed;
    int code = ask ("Status", NULL, &status);

    if (code != EXIT_GOOD)
        return code;
    gpus = json_object_get (status, "gpus");
    if (!output) {
        if (cdi_text (gpus, &text, &err) < 0)
            return fail (EXIT_BAD, &err);
        (void) fputs (text, stdout);
        return EXIT_GOOD;
    }
    if (cdi_generate (gpus, output, &changed, &err) < 0)
        return file_error (&err);
    print_line (stdout, "%s: %s", output, changed ? "written" : "nothing to do.");
    return EXIT_GOOD;
}

static int
validate_cdi_file (const char *path)
{
    _cleanup_json_ json_t *problems = NULL;
    struct error err = {0};
    json_t *problem;
    size_t i;

    if (cdi_validate (path, &problems, &err) < 0)
        return fail (EXIT_BAD, &err);
    json_array_foreach (problems, i, problem) {
        print_line (stderr, "drictl: %s: %s", path, json_string_value (problem));
    }
    if (json_array_size (problems) > 0)
        return EXIT_BAD;
    print_line (stdout, "%s: valid", path);
    return EXIT_GOOD;
}

/* Without a file, ours.  */
static int
validate_cdi (int argc, char **argv)
{
    static char own[][64] = {CDI_STATIC_DIR "/" CDI_FILE_NAME, CDI_DYNAMIC_DIR "/" CDI_FILE_NAME};
    int code = EXIT_GOOD, checked = 0;

    for (int i = 0; i < argc; i++, checked++)
        if (validate_cdi_file (argv[i]) != EXIT_GOOD)
            code = EXIT_BAD;
    for (size_t i = 0; argc == 0 && i < countof (own); i++)
        if (access (own[i], F_OK) == 0) {
            checked++;
            if (validate_cdi_file (own[i]) != EXIT_GOOD)
                code = EXIT_BAD;
        }
    if (checked > 0)
        return code;
    print_line (stderr,
                "drictl: there is neither %s nor %s; drictl cdi generate --output FILE writes one, and "
                "systemctl enable --now dri-broker-cdi.service keeps it up to date",
                own[0], own[1]);
    return EXIT_BAD;
}

static int
run_cdi (const struct verb *verb, int argc, char **argv)
{
    static const struct option options[] = {{"output", required_argument, NULL, 1}, {0}};
    const char *output = NULL, *word;
    int c;

    while ((c = getopt_long (argc, argv, "", options, NULL)) != -1) {
        if (c != 1)
            return usage_error ("the usage is: drictl %s %s", verb->name, verb->arguments);
        output = optarg;
    }
    word = optind < argc ? argv[optind] : "";
    if (strcmp (word, "validate") == 0 && !output)
        return validate_cdi (argc - optind - 1, argv + optind + 1);
    if (strcmp (word, "generate") == 0 && argc - optind == 1)
        return generate_cdi (output);
    return usage_error ("the usage is: drictl %s %s", verb->name, verb->arguments);
}

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

static int
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

static int
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

static const struct verb verbs[] = {
    {"status", "[--json]", "GPUs, leases, and who waits", run_status},
    {"devices", "[--json]", "GPUs and their device nodes", run_devices},
    {"explain", "CONTAINER|SERVICE [--json]", "what it asked for and got, and why", run_explain},
    {"release", "CONTAINER|LEASE [--force]", "end a lease", run_release},
    {"probe", "[GPU|CONTAINER] [--json]", "ask anew what it can do", run_probe},
    {"attach", "CONTAINER [KEY=VALUE]...", "give a running container a GPU", run_attach},
    {"detach", "CONTAINER", "and take it away again", run_detach},
    {"cdi", "generate|validate [FILE]", "the CDI spec of the GPUs", run_cdi},
    {"install", "docker|podman|lxc NAME ...", "make dri-broker known to it", run_install},
    {"uninstall", "docker|podman|lxc NAME ...", "undo what install did", run_uninstall},
};

static int
print_help (void)
{
    (void) puts ("Usage: drictl COMMAND [ARGUMENT]...\n"
                 "Shows and ends the GPU leases of containers, see drictl(1).\n");
    for (size_t i = 0; i < countof (verbs); i++)
        (void) printf ("  %-9s %-26s %s\n", verbs[i].name, verbs[i].arguments, verbs[i].summary);
    (void) puts ("\n"
                 "  --json             what the broker answers, as JSON\n"
                 "  --lxc              explain: lines for a configuration of Proxmox VE\n"
                 "  --force            release: also while the container runs\n"
                 "  --dry-run          install, uninstall: show the change only\n"
                 "  --output FILE      cdi generate: not to standard output\n"
                 "  --config PATH      install: not /etc/docker/daemon.json, /etc/containers, …\n"
                 "  --default-runtime  install: also for containers that name no runtime\n"
                 "  --swarm            install: the same, and tell Swarm of the GPUs\n"
                 "  --runtime PATH     install: not the dri-runtime beside drictl\n"
                 "  --help, --version\n"
                 "\n"
                 "Exit status: 0 good, 1 not good, 2 usage, 3 the broker cannot be reached.");
    return EXIT_GOOD;
}

static int
run (int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;

    if (!name)
        return usage_error ("no command");
    if (strcmp (name, "--help") == 0 || strcmp (name, "-h") == 0)
        return print_help ();
    if (strcmp (name, "--version") == 0) {
        (void) puts ("drictl " VERSION);
        return EXIT_GOOD;
    }
    for (size_t i = 0; i < countof (verbs); i++) {
        if (strcmp (name, verbs[i].name) == 0) {
            for (int j = 2; j < argc; j++)
                if (strcmp (argv[j], "--help") == 0)
                    return print_help ();
            argv[1] = argv[0];
            return verbs[i].run (&verbs[i], argc - 1, argv + 1);
        }
    }
    return usage_error ("no command \"%s\"", name);
}

int
main (int argc, char **argv)
{
    static char program[] = "drictl";
    int code;

    (void) setlocale (LC_ALL, "");
    if (argc > 0)
        argv[0] = program;
    code = run (argc, argv);
    if (fflush (stdout) != 0 || ferror (stdout)) {
        print_line (stderr, "drictl: standard output: %s", strerror (errno));
        return code == EXIT_GOOD ? EXIT_BAD : code;
    }
    return code;
}
