/* dri-broker: the daemon. Reads its arguments, takes its socket, drops what it does not need, runs the loop.
 *
 * Capabilities, from start to end (everything else is dropped before the first client is served):
 * - CAP_MKNOD: the nodes of lease directories;
 * - CAP_CHOWN: to give them to the workload;
 * - CAP_SYS_ADMIN, in the warden alone: the device filters of containers, and mounts of lease directories.
 * - CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, in the observer alone: what processes tell of their GPU use;
 * - CAP_SETUID, CAP_SETGID, in the prober alone: what asks a GPU's VA driver becomes nobody.
 */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "../oci/cleanup.h"
#include "../oci/config.h"
#include "admission.h"
#include "gauge.h"
#include "gpu.h"
#include "hotplug.h"
#include "leasing.h"
#include "meter.h"
#include "methods.h"
#include "policy.h"
#include "prober.h"
#include "revocation.h"
#include "server.h"
#include "throttle.h"
#include "turns.h"
#include "warden.h"

struct broker {
    sd_event *event;
    struct config config;
    struct policy policy;
    struct gpus gpus;
    const char *fixture; /* --simulate */
    struct warden warden;
    struct meter meter;
    struct throttle throttle;
    struct revocation revocation;
    struct gauge gauge;
    struct leasing leasing;
    struct server server;
    struct verdicts verdicts;
    struct prober prober;
    struct probing probing;
    struct methods methods;
    struct hotplug hotplug;
};

enum { TRIM_THRESHOLD = 128 << 10 }; /* glibc's own */

/* The tables are large and of fixed size: memory is bounded by construction.  */
static struct broker broker;

static const char help[] = "usage: dri-broker [--lease-root DIR] [--simulate FILE]\n"
                           "\n"
                           "Leases the GPUs of this machine to containers. Usually started by systemd.\n"
                           "\n"
                           "  --lease-root DIR  where lease directories are made (/run/dri-broker/leases);\n"
                           "                    a tmpfs that is not mounted nodev\n"
                           "  --simulate FILE   GPUs from a fixture instead of the machine's, for tests\n"
                           "  --help, --version\n"
                           "\n"
                           "DRI_BROKER_SOCKET and DRI_BROKER_CONFIG name another socket and configuration.\n"
                           "See dri-broker(8).\n";

static int
look_for_gpus (struct broker *b, struct error *err)
{
    unsigned ignored = b->gpus.ignored;
    int r = b->fixture ? gpus_simulate (&b->gpus, &b->config, b->fixture, err)
                       : gpus_scan (&b->gpus, &b->config, err);

    if (r == 0 && b->gpus.ignored > ignored)
        (void) fprintf (stderr, "%u GPUs more than the %d that dri-broker handles are left alone\n",
                        b->gpus.ignored, GPUS_MAX);
    return r;
}

static int
reload (void *userdata, struct error *err)
{
    static struct policy policy; /* large */
    struct broker *b = userdata;
    struct config config, before;

    policy.n = 0;
    if (config_load_policy (&config, policy_parse, &policy, err) < 0)
        return -1;
    before = b->config;
    b->config = config;
    if (look_for_gpus (b, err) < 0) {
        b->config = before;
        return -1;
    }
    b->policy.n = policy.n;
    memcpy (b->policy.rules, policy.rules, policy.n * sizeof policy.rules[0]);
    throttle_configure (&b->throttle);
    prober_follow (&b->prober, false);
    leasing_policy_changed (&b->leasing);
    return 0;
}

static void
on_hotplug (void *userdata)
{
    struct broker *b = userdata;
    struct error err;

    if (look_for_gpus (b, &err) < 0) {
        (void) fprintf (stderr, "%s\n", err.message);
        return;
    }
    prober_follow (&b->prober, true);
    leasing_gpus_changed (&b->leasing);
}

static void
on_probed (void *userdata, unsigned gpu)
{
    struct broker *b = userdata;

    probing_done (&b->probing, gpu);
    turns_run (&b->leasing);
}

static int
on_hangup (sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
    struct error err;

    (void) source;
    (void) info;
    (void) sd_notify (0, "RELOADING=1");
    if (reload (userdata, &err) < 0)
        (void) fprintf (stderr, "not reloaded: %s\n", err.message);
    (void) sd_notify (0, "READY=1");
    return 0;
}

/* Without systemd's sockets the broker makes its own.  */
static int
make_socket (const char *path, mode_t mode, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_close_ int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct stat st;
    int probe;

    if (strlen (path) >= sizeof address.sun_path)
        return error_set (err, ENAMETOOLONG, "socket %s", path);
    (void) snprintf (address.sun_path, sizeof address.sun_path, "%s", path);
    /* A socket on which nobody listens was left by a broker that died; one that answers is another's.  */
    probe = connect (fd, (const struct sockaddr *) &address, sizeof address);
    if (probe == 0 || errno == EAGAIN)
        return error_set (err, 0, "socket %s: another dri-broker serves there", path);
    if (errno == ECONNREFUSED && lstat (path, &st) == 0 && S_ISSOCK (st.st_mode) && unlink (path) < 0)
        return error_set (err, errno, "socket %s", path);
    (void) umask (0777 & ~mode);
    if (bind (fd, (const struct sockaddr *) &address, sizeof address) < 0 || listen (fd, CONNECTIONS_MAX) < 0)
        return error_set (err, errno, "socket %s", path);
    return steal_fd (&fd);
}

/* fds[0] is root's and the group's, fds[1] everybody's, or -1.  */
static int
make_sockets (int fds[2], struct error *err)
{
    char path[sizeof (struct sockaddr_un)];

    fds[0] = make_socket (config_socket (), 0660, err);
    if (fds[0] < 0 || config_user_socket (path, sizeof path, err) < 0)
        return -1;
    fds[1] = make_socket (path, 0666, err);
    return fds[1] < 0 ? -1 : 0;
}

/* Of systemd's the one for everybody has this name (FileDescriptorName=).  */
static int
take_sockets (int fds[2], struct error *err)
{
    char **names = NULL;
    int n = sd_listen_fds_with_names (1, &names);

    if (n < 0)
        return error_set (err, -n, "socket activation");
    if (n == 0)
        return make_sockets (fds, err);
    fds[0] = fds[1] = -1;
    for (int i = 0; i < n; i++) {
        int *fd = &fds[strcmp (names[i], "everybody") == 0];

        if (*fd >= 0)
            return error_set (err, 0, "socket activation: %d sockets, of each kind one is served", n);
        *fd = SD_LISTEN_FDS_START + i;
        if (sd_is_socket_unix (*fd, SOCK_STREAM, 1, NULL, 0) <= 0)
            return error_set (err, 0, "socket activation: no listening UNIX stream socket");
    }
    for (int i = 0; i < n; i++)
        free (names[i]);
    free (names);
    return fds[0] < 0 ? error_set (err, 0, "socket activation: broker.sock is missing") : 0;
}

static int
drop_privileges (struct error *err)
{
    const cap_value_t needed[] = {CAP_MKNOD, CAP_CHOWN};
    cap_t caps = cap_init ();
    int r;

    if (!caps)
        return error_set (err, errno, "capabilities");
    r = cap_set_flag (caps, CAP_PERMITTED, (int) countof (needed), needed, CAP_SET);
    if (r == 0)
        r = cap_set_flag (caps, CAP_EFFECTIVE, (int) countof (needed), needed, CAP_SET);
    if (r == 0)
        r = cap_set_proc (caps);
    (void) cap_free (caps);
    if (r < 0 || prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_set (err, errno, "capabilities: dri-broker needs CAP_MKNOD and CAP_CHOWN");
    return 0;
}

/* Files stand beside the socket, where nothing outlives the boot: broker.sock has broker.journal.  */
static void
path_beside (const char *kind, char *out, size_t size)
{
    const char *path = config_socket (), *suffix = strrchr (path, '.');
    size_t len = suffix && strcmp (suffix, ".sock") == 0 ? (size_t) (suffix - path) : strlen (path);

    (void) snprintf (out, size, "%.*s.%s", (int) len, path, kind);
}

static int
on_stop (sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
    (void) info;
    (void) userdata;
    return sd_event_exit (sd_event_source_get_event (source), 0);
}

static int
watch_signals (struct broker *b, struct error *err)
{
    sigset_t set;
    int r;

    (void) sigemptyset (&set);
    (void) sigaddset (&set, SIGTERM);
    (void) sigaddset (&set, SIGINT);
    (void) sigaddset (&set, SIGHUP);
    if (sigprocmask (SIG_BLOCK, &set, NULL) < 0)
        return error_set (err, errno, "signals");
    r = sd_event_add_signal (b->event, NULL, SIGTERM, on_stop, b);
    if (r >= 0)
        r = sd_event_add_signal (b->event, NULL, SIGINT, on_stop, b);
    if (r >= 0)
        r = sd_event_add_signal (b->event, NULL, SIGHUP, on_hangup, b);
    return r < 0 ? error_set (err, -r, "signals") : 0;
}

static int
start (struct broker *b, const char *lease_root, struct error *err)
{
    char path[160];
    int fds[2], r;

    if (warden_start (&b->warden, lease_root, err) < 0 || meter_start (&b->meter, b->fixture != NULL, err) < 0
        || prober_start (&b->prober, err) < 0)
        return -1;
    if (take_sockets (fds, err) < 0)
        return -1;
    (void) umask (0);
    r = sd_event_default (&b->event);
    if (r < 0)
        return error_set (err, -r, "event loop");
    if (drop_privileges (err) < 0 || warden_watch (&b->warden, b->event, err) < 0
        || meter_watch (&b->meter, b->event, err) < 0 || prober_watch (&b->prober, b->event, err) < 0
        || watch_signals (b, err) < 0 || look_for_gpus (b, err) < 0)
        return -1;
    b->leasing.config = &b->config;
    b->leasing.policy = &b->policy;
    b->leasing.gpus = &b->gpus;
    b->leasing.warden = &b->warden;
    b->leasing.meter = &b->meter;
    b->leasing.throttle = &b->throttle;
    b->leasing.gauge = &b->gauge;
    b->gauge.meter = &b->meter;
    b->gauge.leases = &b->leasing.leases;
    b->gauge.gpus = &b->gpus;
    b->leasing.revocation = &b->revocation;
    b->throttle.leasing = b->revocation.leasing = &b->leasing;
    b->meter.leases = &b->leasing.leases;
    b->meter.gpus = &b->gpus;
    b->prober.gpus = &b->gpus;
    b->prober.done = on_probed;
    b->prober.userdata = b;
    b->probing = (struct probing){.prober = &b->prober, .verdicts = &b->verdicts, .leasing = &b->leasing};
    b->methods = (struct methods){.leasing = &b->leasing,
                                  .server = &b->server,
                                  .probing = &b->probing,
                                  .reload = reload,
                                  .userdata = b};
    methods_init (&b->methods);
    revocation_start (&b->revocation);
    if (throttle_start (&b->throttle, b->event, err) < 0 || gauge_start (&b->gauge, b->event, err) < 0)
        return -1;
    path_beside ("journal", path, sizeof path);
    if (leasing_start (&b->leasing, b->event, lease_root, path, err) < 0)
        return -1;
    if (b->leasing.dir.bound)
        (void) fprintf (
            stderr,
            "no device node can be made here (mknod), as in an unprivileged LXC container: leases bind "
            "those of /dev/dri, whose owners only the host can change (on Proxmox VE by dev0: "
            "/dev/dri/renderD128,gid=GID; else by lxc.mount.entry)\n");
    path_beside ("verdicts", path, sizeof path);
    if (verdicts_open (&b->verdicts, path, err) < 0)
        (void) fprintf (stderr, "what the readiness gate finds is not kept: %s\n", err->message);
    if (!b->fixture && hotplug_start (&b->hotplug, b->event, on_hotplug, b, err) < 0)
        (void) fprintf (stderr, "GPUs that come and go are not noticed (drictl devices after SIGHUP): %s\n",
                        err->message);
    prober_follow (&b->prober, false);
    return server_start (&b->server, b->event, fds[0], fds[1], err);
}

static int
parse_arguments (int argc, char **argv, const char **lease_root)
{
    static const struct option options[] = {
        {"lease-root", required_argument, NULL, 'l'},
        {"simulate", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    int option;

    for (option = getopt_long (argc, argv, "", options, NULL); option >= 0;
         option = getopt_long (argc, argv, "", options, NULL)) {
        switch (option) {
        case 'l':
            *lease_root = optarg;
            break;
        case 's':
            broker.fixture = optarg;
            break;
        case 'h':
            (void) fputs (help, stdout);
            exit (EXIT_SUCCESS);
        case 'v':
            (void) puts ("dri-broker " VERSION);
            exit (EXIT_SUCCESS);
        default:
            (void) fputs ("dri-broker --help tells more\n", stderr);
            return 2;
        }
    }
    if (optind < argc) {
        (void) fprintf (stderr, "dri-broker: %s: there are options only (dri-broker --help)\n", argv[optind]);
        return 2;
    }
    return 0;
}

int
main (int argc, char **argv)
{
    const char *lease_root = "/run/dri-broker/leases";
    int code = parse_arguments (argc, argv, &lease_root);
    struct error err = {0};

    if (code != 0)
        return code;
    /* Else one large reply raises it, and the room of later ones is kept for good.  */
    (void) mallopt (M_TRIM_THRESHOLD, TRIM_THRESHOLD);
    if (config_load_policy (&broker.config, policy_parse, &broker.policy, &err) < 0
        || start (&broker, lease_root, &err) < 0) {
        (void) fprintf (stderr, "dri-broker: %s\n", err.message);
        (void) sd_notifyf (0, "STATUS=%s", err.message);
        return EXIT_FAILURE;
    }
    (void) sd_notify (0, "READY=1");
    code = sd_event_loop (broker.event);
    (void) sd_notify (0, "STOPPING=1");
    broker.leasing.stopping = true;
    server_finish (&broker.server);
    hotplug_stop (&broker.hotplug);
    throttle_finish (&broker.throttle);
    gauge_finish (&broker.gauge);
    leasing_finish (&broker.leasing);
    meter_finish (&broker.meter);
    verdicts_close (&broker.verdicts);
    prober_finish (&broker.prober);
    sd_event_unref (broker.event);
    return code == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
