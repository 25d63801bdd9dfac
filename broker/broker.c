/* dri-broker: the daemon. Reads its arguments, takes its socket, drops what it does not need, runs the loop.
 *
 * Capabilities, from start to end (everything else is dropped before the first client is served):
 * - CAP_MKNOD: the nodes of lease directories;
 * - CAP_CHOWN: to give them to the workload;
 * - CAP_SYS_ADMIN, in the warden alone: the device filters of containers.
 */
#include <errno.h>
#include <getopt.h>
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
#include "gpu.h"
#include "hotplug.h"
#include "leasing.h"
#include "methods.h"
#include "server.h"
#include "warden.h"

struct broker {
    sd_event *event;
    struct config config;
    struct gpus gpus;
    const char *fixture; /* --simulate */
    struct warden warden;
    struct leasing leasing;
    struct server server;
    struct methods methods;
    struct hotplug hotplug;
};

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
    struct broker *b = userdata;
    struct config config, before;

    if (config_load (&config, err) < 0)
        return -1;
    before = b->config;
    b->config = config;
    if (look_for_gpus (b, err) < 0) {
        b->config = before;
        return -1;
    }
    leasing_gpus_changed (&b->leasing);
    return 0;
}

static void
on_hotplug (void *userdata)
{
    struct broker *b = userdata;
    struct error err;

    if (look_for_gpus (b, &err) < 0)
        (void) fprintf (stderr, "%s\n", err.message);
    else
        leasing_gpus_changed (&b->leasing);
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

/* Without systemd's socket the broker makes its own: 0660, root's.  */
static int
make_socket (struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = config_socket ();
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
    (void) umask (0117);
    if (bind (fd, (const struct sockaddr *) &address, sizeof address) < 0 || listen (fd, CONNECTIONS_MAX) < 0)
        return error_set (err, errno, "socket %s", path);
    return steal_fd (&fd);
}

static int
take_socket (struct error *err)
{
    int n = sd_listen_fds (1);

    if (n < 0)
        return error_set (err, -n, "socket activation");
    if (n > 1)
        return error_set (err, 0, "socket activation: %d sockets, one is served", n);
    if (n == 0)
        return make_socket (err);
    if (sd_is_socket_unix (SD_LISTEN_FDS_START, SOCK_STREAM, 1, NULL, 0) <= 0)
        return error_set (err, 0, "socket activation: no listening UNIX stream socket");
    return SD_LISTEN_FDS_START;
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

/* The journal stands beside the socket, where nothing outlives the boot: broker.sock has broker.journal.  */
static void
journal_path (char *out, size_t size)
{
    const char *path = config_socket (), *suffix = strrchr (path, '.');
    size_t len = suffix && strcmp (suffix, ".sock") == 0 ? (size_t) (suffix - path) : strlen (path);

    (void) snprintf (out, size, "%.*s.journal", (int) len, path);
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
    char journal[160];
    int fd, r;

    if (warden_start (&b->warden, err) < 0)
        return -1;
    fd = take_socket (err);
    if (fd < 0)
        return -1;
    (void) umask (0);
    r = sd_event_default (&b->event);
    if (r < 0)
        return error_set (err, -r, "event loop");
    if (drop_privileges (err) < 0 || warden_watch (&b->warden, b->event, err) < 0
        || watch_signals (b, err) < 0 || look_for_gpus (b, err) < 0)
        return -1;
    b->leasing.config = &b->config;
    b->leasing.gpus = &b->gpus;
    b->leasing.warden = &b->warden;
    b->methods =
        (struct methods){.leasing = &b->leasing, .server = &b->server, .reload = reload, .userdata = b};
    methods_init (&b->methods);
    journal_path (journal, sizeof journal);
    if (leasing_start (&b->leasing, b->event, lease_root, journal, err) < 0)
        return -1;
    if (!b->fixture && hotplug_start (&b->hotplug, b->event, on_hotplug, b, err) < 0)
        (void) fprintf (stderr, "GPUs that come and go are not noticed (drictl devices after SIGHUP): %s\n",
                        err->message);
    return server_start (&b->server, b->event, fd, err);
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
    if (config_load (&broker.config, &err) < 0 || start (&broker, lease_root, &err) < 0) {
        (void) fprintf (stderr, "dri-broker: %s\n", err.message);
        (void) sd_notifyf (0, "STATUS=%s", err.message);
        return EXIT_FAILURE;
    }
    (void) sd_notify (0, "READY=1");
    code = sd_event_loop (broker.event);
    (void) sd_notify (0, "STOPPING=1");
    server_finish (&broker.server);
    hotplug_stop (&broker.hotplug);
    leasing_finish (&broker.leasing);
    sd_event_unref (broker.event);
    return code == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
