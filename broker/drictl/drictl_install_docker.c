#include <string.h>

#include "../../oci/cleanup.h"
#include "../../oci/config.h"
#include "../install/daemon_json.h"
#include "drictl.h"
#include "drictl_install.h"
#include "generic_resources.h"
#include "../install/install_docker.h"
#include "print.h"

static void
print_key (const char *key, const char *before, const char *after)
{
    if (strcmp (before, after) != 0)
        print_line (stdout, "  %s: %s -> %s", key, *before ? before : "none", *after ? after : "none");
}

static void
print_keys (const struct docker_install *how, const struct docker_outcome *done)
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
    print_key ("runtimes.dri", before.runtime, after.runtime);
    print_key ("default-runtime", before.default_runtime, after.default_runtime);
    print_key ("node-generic-resources", before.resources, after.resources);
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
    print_keys (how, done);
    if (how->dry_run)
        print_diff (how->config, &done->before, &done->after);
    print_check (done->check);
    return !how->dry_run;
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

int
install_docker (const struct install_options *options, char *const *words, int n)
{
    /* Swarm cannot name a runtime for a service, and so needs dri to be the default.  */
    struct docker_install how = {.config = options->config,
                                 .runtime = options->runtime,
                                 .default_runtime = options->default_runtime || options->swarm,
                                 .dry_run = options->dry_run};
    _cleanup_json_ json_t *resources = NULL;
    struct docker_outcome done;
    struct error err;
    int code = options->swarm ? find_resources (&resources) : EXIT_GOOD;

    (void) words;
    (void) n;
    if (code != EXIT_GOOD)
        return code;
    how.resources = resources;
    if (docker_install (&how, &done, &err) < 0)
        return file_error (&err);
    if (print_outcome (&how, &done))
        print_next_steps (&how);
    docker_outcome_finish (&done);
    return EXIT_GOOD;
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
uninstall_docker (const struct install_options *options, char *const *words, int n)
{
    const struct docker_install how = {.config = options->config, .dry_run = options->dry_run};
    struct docker_outcome done;
    struct error err;

    (void) words;
    (void) n;
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
