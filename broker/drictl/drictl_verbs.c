/* The verbs that ask the broker and print what it said.  */
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "../../oci/cdi_spec.h"
#include "../../oci/cleanup.h"
#include "../../oci/grant.h"
#include "drictl.h"
#include "drictl_attach.h"
#include "drictl_cdi.h"
#include "drictl_probe.h"
#include "explain.h"
#include "print.h"
#include "progress.h"
#include "status.h"

int
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

int
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
    if (!lease_id_valid (name))
        return EXIT_GOOD;
    code = ask ("Status", NULL, &status);
    if (code == EXIT_GOOD && has_lease (status, name))
        *kind = "lease";
    return code;
}

/* A revoked lease goes on, and so does what is open.  */
static void
print_revoked (const char *kind, const char *name, const json_t *reply)
{
    const json_t *holder;
    size_t i;

    print_line (stdout, "Revoked the GPU of %s %s, until the container ends.", kind, name);
    json_array_foreach (json_object_get (reply, "open"), i, holder) {
        print_line (stdout, "But %s (pid %d) has it open still: stop the container to be sure.",
                    json_string_value (json_object_get (holder, "command")),
                    (int) json_integer_value (json_object_get (holder, "pid")));
    }
}

int
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
        code = ask ("Release", json_pack ("{sssb}", kind, argv[optind], "revoke", (int) force), &reply);
    if (code != EXIT_GOOD)
        return code;
    if (json_is_true (json_object_get (reply, "revoked")))
        print_revoked (kind, argv[optind], reply);
    else
        print_line (stdout, "Released %s %s.", kind, argv[optind]);
    reason = json_string_value (json_object_get (reply, "reason"));
    if (reason && *reason)
        print_line (stdout, "The readiness gate had said: %s", reason);
    note = json_string_value (json_object_get (reply, "note"));
    if (note && *note)
        print_line (stdout, "But %s.", note);
    return EXIT_GOOD;
}

int
run_probe (const struct verb *verb, int argc, char **argv)
{
    const struct option options[] = {{"json", no_argument, NULL, 1}, {0}};
    _cleanup_json_ json_t *reply = NULL;
    struct progress progress;
    struct error err = {0};
    bool json = false;
    int c, asked;

    while ((c = getopt_long (argc, argv, "", options, NULL)) != -1) {
        if (c != 1)
            return usage_error ("the usage is: drictl %s %s", verb->name, verb->arguments);
        json = true;
    }
    if (argc - optind > 1)
        return check_arguments (verb, argc - optind, 1);
    progress_start (&progress, "drictl probe");
    progress_say (&progress, "waits for the drivers' answers");
    asked = probe_ask (argv[optind], &reply, &err);
    progress_stop (&progress);
    if (asked < 0)
        return attach_error (&err);
    if (json)
        print_json (reply);
    else
        probe_print (reply, stdout);
    return probe_is_good (reply) ? EXIT_GOOD : EXIT_BAD;
}

/* For verbs that have none: "--force" is no container.  */
static int
refuse_options (const struct verb *verb, int argc, char **argv)
{
    static const struct option none[] = {{0}};

    if (getopt_long (argc, argv, "", none, NULL) == -1)
        return EXIT_GOOD;
    return usage_error ("the usage is: drictl %s %s", verb->name, verb->arguments);
}

int
run_attach (const struct verb *verb, int argc, char **argv)
{
    struct progress progress;
    struct error err = {0};
    char gpus[128];
    const char *container;
    int attached, code = refuse_options (verb, argc, argv);

    if (code != EXIT_GOOD)
        return code;
    if (argc - optind < 1)
        return check_arguments (verb, 0, 1);
    container = argv[optind];
    progress_start (&progress, "drictl attach");
    progress_say (&progress, "waits for a GPU, and verifies that the container can use it");
    attached = attach_container (container, argv + optind + 1, argc - optind - 1, gpus, &err);
    progress_stop (&progress);
    if (attached < 0)
        return attach_error (&err);
    print_line (stdout, "Attached %s to container %s, until it ends or drictl detach %s.", gpus, container,
                container);
    return EXIT_GOOD;
}

int
run_detach (const struct verb *verb, int argc, char **argv)
{
    struct error err = {0};
    int code = refuse_options (verb, argc, argv);

    if (code == EXIT_GOOD)
        code = check_arguments (verb, argc - optind, 1);
    if (code != EXIT_GOOD)
        return code;
    if (detach_container (argv[optind], &err) < 0)
        return attach_error (&err);
    print_line (stdout,
                "Detached the GPU of container %s. A program that has it open keeps it until it ends.",
                argv[optind]);
    return EXIT_GOOD;
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

int
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
