/* dri-hook: what runs at a container's start and end, called by the OCI runtime with the state on stdin.
 *
 * Static, with an environment that dri-runtime wrote, and nothing of the container is ever loaded.
 *
 * Capabilities by phase:
 * - parent: as the runtime gave them; it talks to the broker and waits;
 * - child: CAP_SYS_ADMIN and CAP_SYS_PTRACE to join the namespaces, CAP_SETUID and CAP_SETGID to become the
 *   workload; then none, or CAP_DAC_OVERRIDE where the workload is root and has it; no_new_privs.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../broker/client.h"
#include "../oci/cleanup.h"
#include "gate.h"
#include "state.h"

enum { BROKER_TIMEOUT_MS = 5000 };

struct arguments {
    const char *lease, *container, *bundle, *rootfs;
    char rootfs_path[PATH_MAX]; /* absolute; gate.rootfs points here */
    bool start_without;
    struct gate gate;
};

static const char help[] =
    "usage: dri-hook createRuntime|prestart|poststop --lease ID --container NAME [OPTION]...\n"
    "\n"
    "OCI hook of dri-broker, registered by dri-runtime; reads the container's state on\n"
    "stdin. Not meant to be called by hand.\n"
    "\n"
    "  --bundle DIR --rootfs DIR   where the container's root file system is\n"
    "  --user UID:GID[:GID...]     the workload\n"
    "  --dac-override              it is root, with CAP_DAC_OVERRIDE\n"
    "  --node NAME=MAJOR:MINOR     a node to be verified; \":stand-in\" behind it: simulated\n"
    "  --ready off|node|driver     how far\n"
    "  --wait MS                   for a driver that is not there yet\n"
    "  --on-failure fail|start-without\n"
    "  --help, --version\n"
    "\n"
    "See dri-hook(8).\n";

static void
complain (const struct arguments *a, const char *message)
{
    (void) fprintf (stderr, "dri-broker: container %s: %s\n", a->container ? a->container : "?", message);
}

static int
parse_node (struct gate *gate, const char *text, struct error *err)
{
    struct grant_node node = {.drm = true};
    int used = 0;

    if (gate->n_nodes == GRANT_NODES_MAX
        || sscanf (text, "%23[A-Za-z0-9]=%u:%u%n", node.name, &node.major, &node.minor, &used) != 3)
        return error_set (err, 0, "--node %.60s is not NAME=MAJOR:MINOR", text);
    if (strcmp (text + used, ":stand-in") == 0)
        node.drm = false;
    else if (text[used] != '\0')
        return error_set (err, 0, "--node %.60s is not NAME=MAJOR:MINOR", text);
    gate->nodes[gate->n_nodes++] = node;
    return 0;
}

/* auto is what can be verified without the image's libraries.  */
static int
parse_ready (struct gate *gate, const char *text, struct error *err)
{
    for (int i = READY_AUTO; i <= READY_VAAPI; i++)
        if (strcmp (text, ready_name ((enum request_ready) i)) == 0) {
            gate->ready = i == READY_OFF || i == READY_NODE ? (enum request_ready) i : READY_DRIVER;
            return 0;
        }
    return error_set (err, 0, "--ready %.60s is no level", text);
}

enum {
    OPT_LEASE,
    OPT_CONTAINER,
    OPT_BUNDLE,
    OPT_ROOTFS,
    OPT_USER,
    OPT_DAC,
    OPT_NODE,
    OPT_READY,
    OPT_WAIT,
    OPT_FAILURE
};

static int
take_option (struct arguments *a, int option, struct error *err)
{
    switch (option) {
    case OPT_LEASE:
        a->lease = optarg;
        return 0;
    case OPT_CONTAINER:
        a->container = optarg;
        return 0;
    case OPT_BUNDLE:
        a->bundle = optarg;
        return 0;
    case OPT_ROOTFS:
        a->rootfs = optarg;
        return 0;
    case OPT_USER:
        return workload_parse_user (&a->gate.user, optarg, err);
    case OPT_DAC:
        a->gate.user.dac_override = true;
        return 0;
    case OPT_NODE:
        return parse_node (&a->gate, optarg, err);
    case OPT_READY:
        return parse_ready (&a->gate, optarg, err);
    case OPT_WAIT:
        a->gate.wait_ms = (unsigned) strtoul (optarg, NULL, 10);
        if (a->gate.wait_ms > REQUEST_WAIT_MAX_MS)
            a->gate.wait_ms = REQUEST_WAIT_MAX_MS;
        return 0;
    case OPT_FAILURE:
        a->start_without = strcmp (optarg, "start-without") == 0;
        return 0;
    default:
        return error_set (err, 0, "unknown option (dri-hook --help)");
    }
}

static int
parse_arguments (struct arguments *a, int argc, char **argv, struct error *err)
{
    static const struct option options[] = {
        {"lease", required_argument, NULL, OPT_LEASE},
        {"container", required_argument, NULL, OPT_CONTAINER},
        {"bundle", required_argument, NULL, OPT_BUNDLE},
        {"rootfs", required_argument, NULL, OPT_ROOTFS},
        {"user", required_argument, NULL, OPT_USER},
        {"dac-override", no_argument, NULL, OPT_DAC},
        {"node", required_argument, NULL, OPT_NODE},
        {"ready", required_argument, NULL, OPT_READY},
        {"wait", required_argument, NULL, OPT_WAIT},
        {"on-failure", required_argument, NULL, OPT_FAILURE},
        {NULL, 0, NULL, 0},
    };
    int option;

    for (option = getopt_long (argc, argv, "", options, NULL); option >= 0;
         option = getopt_long (argc, argv, "", options, NULL)) {
        if (take_option (a, option, err) < 0)
            return -1;
    }
    if (!a->lease || optind < argc)
        return error_set (err, 0, "called without a lease (dri-hook --help)");
    return 0;
}

static int
call (const char *method, json_t *parameters, struct error *err)
{
    struct client client = {.fd = -1};
    enum client_result result = client_connect (&client, err);

    if (result == CLIENT_OK)
        result = client_call (&client, method, parameters, BROKER_TIMEOUT_MS, NULL, err);
    else
        json_decref (parameters);
    client_close (&client);
    return result == CLIENT_OK ? 0 : -1;
}

static int
resolve_rootfs (struct arguments *a, struct error *err)
{
    int n;

    if (!a->rootfs || !a->bundle)
        return error_set (err, 0, "called without --bundle and --rootfs");
    n = snprintf (a->rootfs_path, sizeof a->rootfs_path, "%s%s%s", a->rootfs[0] == '/' ? "" : a->bundle,
                  a->rootfs[0] == '/' ? "" : "/", a->rootfs);
    if (n < 0 || (size_t) n >= sizeof a->rootfs_path)
        return error_set (err, ENAMETOOLONG, "%s", a->rootfs);
    a->gate.rootfs = a->rootfs_path;
    return 0;
}

static json_t *
verdict_to_json (const struct verdict *verdict)
{
    return json_pack ("{s:s s:b s:s}", "level", ready_name (verdict->level), "ok", verdict->ok, "reason",
                      verdict->reason);
}

/* The gate says whether the container may start with its lease, which becomes its own then. One call for
 * both: until then the lease lives with dri-runtime, which waits for the runtime, which waits for us.  */
static int
start (struct arguments *a, const struct state *state, struct error *err)
{
    struct verdict verdict = {.ok = true};
    json_t *activate;

    if (state->pid == 0)
        return error_set (err, 0, "the container's state on stdin has no pid");
    activate = json_pack ("{s:s s:i}", "lease", a->lease, "pid", (int) state->pid);
    if (a->gate.ready != READY_OFF && a->gate.n_nodes > 0) {
        if (resolve_rootfs (a, err) < 0) {
            json_decref (activate);
            return -1;
        }
        a->gate.pid = state->pid;
        gate_judge (&a->gate, &verdict);
        (void) json_object_set_new (activate, "ready", verdict_to_json (&verdict));
    }
    if (call ("Activate", activate, err) < 0)
        return -1;
    return verdict.ok || a->start_without ? 0 : error_set (err, 0, "%s", verdict.reason);
}

/* The broker finds the end of a container by itself; a broker that is away is no reason for noise here. The
 * state is read because the runtime would get EPIPE.  */
static int
stop (const struct arguments *a)
{
    struct error ignored;
    struct state state;

    (void) state_read (&state, STDIN_FILENO, &ignored);
    (void) call ("Release", json_pack ("{s:s s:b}", "lease", a->lease, "force", 1), &ignored);
    return 0;
}

static bool
is_verb (const char *text, const char *verb)
{
    return text && strcmp (text, verb) == 0;
}

int
main (int argc, char **argv)
{
    static struct arguments a; /* large */
    struct error err = {0};
    struct state state;

    if (is_verb (argv[1], "--help") || is_verb (argv[1], "--version")) {
        (void) fputs (argv[1][2] == 'h' ? help : "dri-hook " VERSION "\n", stdout);
        return EXIT_SUCCESS;
    }
    if (argc < 2 || parse_arguments (&a, argc - 1, argv + 1, &err) < 0) {
        (void) fputs (argc < 2 ? help : err.message, stderr);
        (void) fputs ("\n", stderr);
        return 2;
    }
    if (is_verb (argv[1], "poststop"))
        return stop (&a);
    if (!is_verb (argv[1], "createRuntime") && !is_verb (argv[1], "prestart")) {
        (void) fprintf (stderr, "dri-hook: %s: no such verb (dri-hook --help)\n", argv[1]);
        return 2;
    }
    if (state_read (&state, STDIN_FILENO, &err) < 0 || start (&a, &state, &err) < 0) {
        complain (&a, err.message);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
