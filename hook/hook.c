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

#include "../oci/cleanup.h"
#include "alone.h"
#include "ask.h"
#include "inject.h"
#include "phase.h"
#include "lxc.h"
#include "precreate.h"
#include "readiness.h"
#include "state.h"
#include "tell.h"

enum { BROKER_TIMEOUT_MS = 5000 };

struct arguments {
    const char *gpus, *lease, *container, *bundle, *rootfs, *reason, *device;
    char rootfs_path[PATH_MAX]; /* absolute; gate.rootfs points here */
    bool start_without, attach;
    struct gate gate;
};

static const char help[] =
    "usage: dri-hook createRuntime|prestart|poststop --lease ID --container NAME ...\n"
    "       dri-hook createRuntime|prestart|poststop [--device NAME]\n"
    "       dri-hook precreate | lxc [KEY=VALUE]...\n"
    "       dri-hook refuse --container NAME --reason TEXT\n"
    "OCI and LXC hook of dri-broker, see dri-hook(8); not for use by hand. Reads the\n"
    "container's state on stdin, or its config.json (precreate, Podman's). With\n"
    "--lease dri-runtime or precreate registered it; without, it asks for one itself.\n"
    "\n"
    "  --device NAME              the CDI device for which it was registered\n"
    "  --bundle DIR --rootfs DIR  where the container's root file system is\n"
    "  --user UID:GID[:GID...]    the workload\n"
    "  --dac-override             it is root, with CAP_DAC_OVERRIDE\n"
    "  --node NAME=MAJOR:MINOR    a node to be verified; \":stand-in\" after: simulated\n"
    "  --gpu NAMES                what to call its GPU in messages\n"
    "  --ready LEVEL              how far: off, node, driver, vaapi, auto\n"
    "  --require LIST             what has to work, at vaapi\n"
    "  --env NAME=VALUE           of the container, for what is asked at vaapi\n"
    "  --wait MS                  for a driver that is not there yet\n"
    "  --on-failure fail|start-without\n"
    "  --attach                   the runtime could not mount the lease: do it\n"
    "  --help, --version\n";

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

static int
add_variable (struct sight_variables *variables, const char *text, struct error *err)
{
    if (variables->n == SIGHT_VARIABLES_MAX || !strchr (text, '='))
        return error_set (err, 0, "--env %.60s is one too many, or not NAME=VALUE", text);
    variables->list[variables->n++] = text;
    return 0;
}

static int
parse_ready (struct gate *gate, const char *text, struct error *err)
{
    for (int i = READY_AUTO; i <= READY_VAAPI; i++)
        if (strcmp (text, ready_name ((enum request_ready) i)) == 0) {
            gate->ready = (enum request_ready) i;
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
    OPT_GPU,
    OPT_REQUIRE,
    OPT_ENV,
    OPT_READY,
    OPT_WAIT,
    OPT_FAILURE,
    OPT_ATTACH,
    OPT_REASON,
    OPT_DEVICE
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
    case OPT_GPU:
        a->gpus = optarg;
        return 0;
    case OPT_REQUIRE:
        a->gate.require = optarg;
        return 0;
    case OPT_ENV:
        return add_variable (&a->gate.variables, optarg, err);
    case OPT_WAIT:
        a->gate.wait_ms = (unsigned) strtoul (optarg, NULL, 10);
        if (a->gate.wait_ms > REQUEST_WAIT_MAX_MS)
            a->gate.wait_ms = REQUEST_WAIT_MAX_MS;
        return 0;
    case OPT_FAILURE:
        a->start_without = strcmp (optarg, "start-without") == 0;
        return 0;
    case OPT_REASON:
        a->reason = optarg;
        return 0;
    case OPT_ATTACH:
        a->attach = true;
        return 0;
    case OPT_DEVICE:
        a->device = optarg;
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
        {"gpu", required_argument, NULL, OPT_GPU},
        {"require", required_argument, NULL, OPT_REQUIRE},
        {"env", required_argument, NULL, OPT_ENV},
        {"ready", required_argument, NULL, OPT_READY},
        {"wait", required_argument, NULL, OPT_WAIT},
        {"on-failure", required_argument, NULL, OPT_FAILURE},
        {"reason", required_argument, NULL, OPT_REASON},
        {"attach", no_argument, NULL, OPT_ATTACH},
        {"device", required_argument, NULL, OPT_DEVICE},
        {NULL, 0, NULL, 0},
    };
    int option;

    for (option = getopt_long (argc, argv, "", options, NULL); option >= 0;
         option = getopt_long (argc, argv, "", options, NULL)) {
        if (take_option (a, option, err) < 0)
            return -1;
    }
    if (optind < argc)
        return error_set (err, 0, "%.60s: no option (dri-hook --help)", argv[optind]);
    return 0;
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

/* For a runtime that may not enter the lease's directory, as a user's.  */
static int
attach_lease (const struct arguments *a, pid_t pid, struct error *err)
{
    _cleanup_close_ int mount = -1;

    if (!a->attach)
        return 0;
    return ask_for_mount (a->lease, &mount, err) < 0 ? -1 : inject_mount (mount, pid, 0, a->gate.rootfs, err);
}

static bool
is_judged (const struct arguments *a)
{
    return a->gate.ready != READY_OFF && a->gate.n_nodes > 0;
}

/* The gate says whether the container may start with its lease, which becomes its own then. One call for
 * both: until then the lease lives with dri-runtime, which waits for the runtime, which waits for us.  */
static int
start (struct arguments *a, const struct state *state, struct error *err)
{
    const struct readiness way = {
        .lease = a->lease, .gpus = a->gpus, .starts_without = a->start_without, .ask = ask_broker};

    if (state->pid == 0)
        return error_set (err, 0, "the container's state on stdin has no pid");
    a->gate.pid = state->pid;
    if (((is_judged (a) || a->attach) && resolve_rootfs (a, err) < 0)
        || attach_lease (a, state->pid, err) < 0)
        return -1;
    a->gate.own_process = true;
    return phase_enter (PHASE_HOOK, err) < 0 ? -1 : readiness_verify (&way, &a->gate, err);
}

static int
run_start (struct arguments *a)
{
    struct error err = {0}, ignored;
    struct state state = {.pid = 0};
    const char *label = a->container ? a->container : state.id;
    int r = state_read (&state, STDIN_FILENO, &err);

    if (r == 0)
        r = a->lease ? start (a, &state, &err) : alone_start (&state, a->device, &label, &err);
    if (r == 0)
        return EXIT_SUCCESS;
    /* What crun writes to is crun's own: only who may trace it gets there.  */
    (void) phase_enter (PHASE_START, &ignored);
    tell (label, err.message);
    return EXIT_FAILURE;
}

/* The broker finds the end of a container by itself; a broker that is away is no reason for noise here. The
 * state is read because the runtime would get EPIPE. By the container's id no lease is ended by force: it may
 * be that of its next start.  */
static int
run_stop (struct arguments *a)
{
    struct error ignored;
    struct state state = {.pid = 0};
    json_t *what = NULL;

    (void) state_read (&state, STDIN_FILENO, &ignored);
    if (a->lease)
        what = json_pack ("{s:s s:b}", "lease", a->lease, "force", 1);
    else if (state.id[0])
        what = json_pack ("{s:s s:b}", "container", state.id, "exact", 1);
    if (what)
        (void) ask_broker (NULL, "Release", what, BROKER_TIMEOUT_MS, NULL, &ignored);
    return EXIT_SUCCESS;
}

static int
run_precreate (struct arguments *a)
{
    (void) a;
    return precreate ();
}

static int
run_refuse (struct arguments *a)
{
    struct error ignored;
    struct state state;

    (void) state_read (&state, STDIN_FILENO, &ignored);
    tell (a->container, a->reason ? a->reason : "refused");
    return EXIT_FAILURE;
}

static const struct {
    const char *name;
    int (*run) (struct arguments *a);
} verbs[] = {
    {"createRuntime", run_start}, {"prestart", run_start}, {"poststop", run_stop},
    {"precreate", run_precreate}, {"refuse", run_refuse},
};

static int
usage (const char *text)
{
    (void) fprintf (stderr, "%s\n", text);
    return 2;
}

int
main (int argc, char **argv)
{
    static struct arguments a = {.gate.require = ""}; /* large */
    const char *verb = argc > 1 ? argv[1] : "";
    struct error err = {0};

    if (strcmp (verb, "--help") == 0 || strcmp (verb, "--version") == 0) {
        (void) fputs (verb[2] == 'h' ? help : "dri-hook " VERSION "\n", stdout);
        return EXIT_SUCCESS;
    }
    if (argc < 2)
        return usage (help);
    if (strcmp (verb, "lxc") == 0)
        return lxc_start_host (argv + 2, argc - 2);
    if (parse_arguments (&a, argc - 1, argv + 1, &err) < 0)
        return usage (err.message);
    for (size_t i = 0; i < countof (verbs); i++)
        if (strcmp (verb, verbs[i].name) == 0)
            return verbs[i].run (&a);
    (void) fprintf (stderr, "dri-hook: %s: no such verb (dri-hook --help)\n", verb);
    return 2;
}
