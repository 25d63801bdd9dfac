/* The broker under load, and at rest.
 *
 * lease speed PID SECONDS: Acquire+Release beside two bare echo round trips with messages of the same sizes,
 * in turns, from 1 client and from 50, on any CPU and with everybody on one; and beside an echo that makes
 * and removes the directory of a lease at LEASE_ROOT, without JSON and journal: less it cannot be.
 *
 * lease memory PID: the broker's private memory, as it is and with 256 leases.
 *
 * lease hold PID: takes 256 leases for living processes, prints "held", and gives them back at the end of
 * standard input.
 *
 * The broker is process PID at DRI_BROKER_SOCKET, with slots enough for 256 shared leases.  */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include "../../broker/client.h"
#include "../../broker/interface.h"
#include "../../broker/message.h"
#include "../../oci/cleanup.h"
#include "../../oci/container.h"
#include "../../oci/request.h"
#include "stats.h"

enum { CLIENTS_MAX = 50, LEASES = 256, MESSAGE_MAX = 4096, SAMPLES_MAX = 100000, BLOCK_US = 200000 };

static pid_t broker;

static void __attribute__ ((noreturn)) die (const char *what)
{
    perror (what);
    exit (EXIT_FAILURE);
}

/* --- messages --- */

struct message {
    char text[MESSAGE_MAX];
    size_t len; /* with the NUL */
};

static void
format_call (struct message *m, const char *method, json_t *parameters)
{
    char name[64];
    char *text;

    (void) snprintf (name, sizeof name, INTERFACE_NAME ".%s", method);
    text = message_format_call (name, parameters, &m->len);
    if (!text || m->len > sizeof m->text)
        die ("message");
    memcpy (m->text, text, m->len);
    free (text);
}

/* What dri-runtime sends for a container of a compose project.  */
static void
format_acquire (struct message *m, unsigned client, bool detached)
{
    struct container c = {.image = "lscr.io/linuxserver/jellyfin:latest",
                          .engine = "docker",
                          .project = "media",
                          .service = "jellyfin"};
    const struct workload w = {.uid = 1000, .gid = 1000, .gids = {1000, 44}, .n_gids = 2};
    struct request req;
    struct error err;

    (void) snprintf (c.id, sizeof c.id, "%08x%056x", client, 0xbe4c);
    (void) snprintf (c.name, sizeof c.name, "media-jellyfin-%u", client);
    request_init (&req);
    if (request_set (&req, SOURCE_LABEL, "dri.enable", "true", &err) < 0)
        die ("request");
    format_call (m, "Acquire",
                 json_pack ("{s:o s:o s:o s:[] s:b}", "container", container_to_json (&c), "workload",
                            workload_to_json (&w), "request", request_to_json (&req), "notes", "detached",
                            detached));
}

static void
format_release (struct message *m, const char *lease)
{
    format_call (m, "Release", json_pack ("{s:s s:b}", "lease", lease, "force", 1));
}

static void
send_message (int fd, const struct message *m)
{
    for (size_t sent = 0; sent < m->len;) {
        ssize_t n = write (fd, m->text + sent, m->len - sent);

        if (n < 0)
            die ("write");
        sent += (size_t) n;
    }
}

/* False at the end of the stream.  */
static bool
receive_message (int fd, struct message *m)
{
    m->len = 0;
    do {
        ssize_t n = m->len < sizeof m->text ? read (fd, m->text + m->len, sizeof m->text - m->len) : -1;

        if (n < 0)
            die ("read");
        if (n == 0)
            return false;
        m->len += (size_t) n;
    } while (m->text[m->len - 1] != '\0');
    return true;
}

static void
round_trip (int fd, const struct message *call, struct message *reply)
{
    send_message (fd, call);
    if (!receive_message (fd, reply))
        die ("the broker hung up");
}

/* --- the broker, and the echo beside it --- */

static int
connect_broker (void)
{
    struct client client = {.fd = -1};
    struct error err = {0};

    if (client_connect (&client, &err) != CLIENT_OK) {
        (void) fprintf (stderr, "%s\n", err.message);
        exit (EXIT_FAILURE);
    }
    return client.fd;
}

static const char *
lease_of (const struct message *grant)
{
    const char *lease = memmem (grant->text, grant->len, "\"lease\":\"", 9);

    if (!lease) {
        (void) fprintf (stderr, "the broker said: %s\n", grant->text);
        exit (EXIT_FAILURE);
    }
    return lease + 9;
}

/* An exchange is what is measured: Acquire+Release, or two echo round trips of the same sizes.  */
struct client_state {
    int broker_fd, echo_fd, directory_fd;
    struct message acquire, release;
    char *lease_in_release; /* 32 characters in release.text */
};

static struct message grant_reply, release_reply; /* as the broker wrote them once: the echo's */

static void
exchange_broker (struct client_state *c)
{
    struct message reply;

    round_trip (c->broker_fd, &c->acquire, &reply);
    memcpy (c->lease_in_release, lease_of (&reply), 32);
    round_trip (c->broker_fd, &c->release, &reply);
}

static void
exchange_echo (struct client_state *c)
{
    struct message reply;

    round_trip (c->echo_fd, &c->acquire, &reply);
    round_trip (c->echo_fd, &c->release, &reply);
}

static void
exchange_directory (struct client_state *c)
{
    struct message reply;

    round_trip (c->directory_fd, &c->acquire, &reply);
    round_trip (c->directory_fd, &c->release, &reply);
}

/* The least that a lease directory can be: one GPU's node and its link.  */
struct directory {
    char path[36], node[48], by_path[48], link[80];
};

static void
make_directory (int root, const struct directory *d)
{
    if (mkdirat (root, d->path, 0755) < 0 || mknodat (root, d->node, S_IFCHR | 0660, makedev (226, 128)) < 0
        || fchownat (root, d->node, 1000, 1000, AT_SYMLINK_NOFOLLOW) < 0
        || mkdirat (root, d->by_path, 0755) < 0 || symlinkat ("../renderD128", root, d->link) < 0)
        die (d->path);
}

static void
remove_directory (int root, const struct directory *d)
{
    if (unlinkat (root, d->node, 0) < 0 || unlinkat (root, d->link, 0) < 0
        || unlinkat (root, d->by_path, AT_REMOVEDIR) < 0 || unlinkat (root, d->path, AT_REMOVEDIR) < 0)
        die (d->path);
}

/* root < 0: a bare echo.  */
static bool
echo_once (int fd, size_t release_len, int root, const struct directory *d)
{
    struct message m;
    bool acquire;

    if (!receive_message (fd, &m))
        return false;
    acquire = m.len != release_len;
    if (root >= 0)
        (acquire ? make_directory : remove_directory) (root, d);
    send_message (fd, acquire ? &grant_reply : &release_reply);
    return true;
}

/* One process, blocking; with many clients epoll tells which of them to read from, the cheapest way there is.
 */
static void __attribute__ ((noreturn)) serve_echo (const int *fds, unsigned n, size_t release_len, int root)
{
    static struct directory directories[CLIENTS_MAX];
    struct epoll_event events[CLIENTS_MAX];
    int epoll = epoll_create1 (EPOLL_CLOEXEC);

    (void) prctl (PR_SET_PDEATHSIG, SIGKILL);
    (void) umask (0);
    for (unsigned i = 0; i < n; i++) {
        struct directory *d = &directories[i];

        (void) snprintf (d->path, sizeof d->path, "%032x", i);
        (void) snprintf (d->node, sizeof d->node, "%032x/renderD128", i);
        (void) snprintf (d->by_path, sizeof d->by_path, "%032x/by-path", i);
        (void) snprintf (d->link, sizeof d->link, "%032x/by-path/pci-0000:00:02.0-render", i);
    }
    while (n == 1 && echo_once (fds[0], release_len, root, &directories[0]))
        continue;
    for (unsigned i = 0; n > 1 && i < n; i++) {
        events[0] = (struct epoll_event){.events = EPOLLIN, .data.u32 = i};
        if (epoll_ctl (epoll, EPOLL_CTL_ADD, fds[i], &events[0]) < 0)
            die ("epoll_ctl");
    }
    while (n > 1) {
        int ready = epoll_wait (epoll, events, CLIENTS_MAX, -1);

        for (int i = 0; i < ready; i++) {
            unsigned client = events[i].data.u32;

            if (!echo_once (fds[client], release_len, root, &directories[client]))
                _exit (0);
        }
    }
    _exit (0);
}

/* µs that a process has been on a CPU (its first thread, and it has no other).  */
static double
cpu_us (pid_t pid)
{
    unsigned long ns = 0;
    char path[40];
    FILE *f;

    (void) snprintf (path, sizeof path, "/proc/%d/schedstat", (int) pid);
    f = fopen (path, "re");
    if (!f || fscanf (f, "%lu", &ns) != 1)
        die (path);
    (void) fclose (f);
    return (double) ns / 1e3;
}

/* --- blocks of exchanges --- */

struct samples {
    double us[SAMPLES_MAX];
    size_t n;
    double cpu_us; /* of the server */
};

static struct crowd {
    struct client_state clients[CLIENTS_MAX];
    unsigned n;
    pid_t echo, directory;
    pthread_barrier_t start, stop;
    void (*exchange) (struct client_state *client); /* NULL: go home */
    double end;
    unsigned long done; /* in this block */
    struct samples *samples;
} crowd;

static void *
run_client (void *arg)
{
    struct client_state *c = arg;

    for (;;) {
        (void) pthread_barrier_wait (&crowd.start);
        if (!crowd.exchange)
            return NULL;
        for (double before = now_us (), after; before < crowd.end; before = after) {
            size_t slot;

            crowd.exchange (c);
            after = now_us ();
            (void) __atomic_add_fetch (&crowd.done, 1, __ATOMIC_RELAXED);
            slot = __atomic_fetch_add (&crowd.samples->n, 1, __ATOMIC_RELAXED);
            if (slot < SAMPLES_MAX)
                crowd.samples->us[slot] = after - before;
        }
        (void) pthread_barrier_wait (&crowd.stop);
    }
}

/* Exchanges a second.  */
static double
run_block (void (*exchange) (struct client_state *client), struct samples *samples)
{
    pid_t server = exchange == exchange_broker ? broker
                   : exchange == exchange_echo ? crowd.echo
                                               : crowd.directory;
    double before = now_us (), cpu = cpu_us (server);

    crowd.exchange = exchange;
    crowd.samples = samples;
    crowd.done = 0;
    crowd.end = before + BLOCK_US;
    (void) pthread_barrier_wait (&crowd.start);
    (void) pthread_barrier_wait (&crowd.stop);
    samples->cpu_us += cpu_us (server) - cpu;
    return (double) crowd.done / (now_us () - before) * 1e6;
}

static void
make_client (struct client_state *c, unsigned number)
{
    struct message reply;

    c->broker_fd = connect_broker ();
    format_acquire (&c->acquire, number, false);
    round_trip (c->broker_fd, &c->acquire, &reply);
    grant_reply = reply;
    format_release (&c->release, "00000000000000000000000000000000");
    c->lease_in_release = memmem (c->release.text, c->release.len, "0000000000", 10);
    memcpy (c->lease_in_release, lease_of (&reply), 32);
    round_trip (c->broker_fd, &c->release, &release_reply);
}

static void
pin (bool pinned)
{
    cpu_set_t all, one;

    CPU_ZERO (&one);
    CPU_SET ((size_t) sched_getcpu (), &one);
    CPU_ZERO (&all);
    for (size_t i = 0; i < CPU_SETSIZE; i++)
        CPU_SET (i, &all);
    /* What is started from here on, the echo and the clients, takes after us.  */
    if (sched_setaffinity (0, sizeof all, pinned ? &one : &all) < 0
        || sched_setaffinity (broker, sizeof all, pinned ? &one : &all) < 0)
        die ("sched_setaffinity");
}

/* The server with its ends of the clients' sockets; the clients' ends come to stand in fds.  */
static pid_t
start_echo (int fds[CLIENTS_MAX], unsigned n, int root)
{
    int own[CLIENTS_MAX];
    pid_t pid;

    for (unsigned i = 0; i < n; i++) {
        int ends[2];

        if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
            die ("socketpair");
        fds[i] = ends[0];
        own[i] = ends[1];
    }
    pid = fork ();
    if (pid == 0) {
        for (unsigned i = 0; i < n; i++)
            (void) close (fds[i]);
        serve_echo (own, n, crowd.clients[0].release.len, root);
    }
    for (unsigned i = 0; i < n; i++)
        (void) close (own[i]);
    return pid;
}

static void
gather (pthread_t *threads, unsigned n)
{
    const char *lease_root = getenv ("LEASE_ROOT");
    int root = lease_root ? open (lease_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1, fds[CLIENTS_MAX];

    if (root < 0)
        die ("LEASE_ROOT");
    crowd.n = n;
    for (unsigned i = 0; i < n; i++)
        make_client (&crowd.clients[i], i);
    /* The second has the clients' ends of the first too, which end with us all.  */
    crowd.directory = start_echo (fds, n, root);
    for (unsigned i = 0; i < n; i++)
        crowd.clients[i].directory_fd = fds[i];
    crowd.echo = start_echo (fds, n, -1);
    for (unsigned i = 0; i < n; i++)
        crowd.clients[i].echo_fd = fds[i];
    (void) close (root);
    (void) pthread_barrier_init (&crowd.start, NULL, n + 1);
    (void) pthread_barrier_init (&crowd.stop, NULL, n + 1);
    for (unsigned i = 0; i < n; i++)
        if (pthread_create (&threads[i], NULL, run_client, &crowd.clients[i]) != 0)
            die ("pthread_create");
}

static void
dismiss (pthread_t *threads)
{
    crowd.exchange = NULL;
    (void) pthread_barrier_wait (&crowd.start);
    for (unsigned i = 0; i < crowd.n; i++) {
        (void) pthread_join (threads[i], NULL);
        (void) close (crowd.clients[i].broker_fd);
        (void) close (crowd.clients[i].echo_fd);
        (void) close (crowd.clients[i].directory_fd);
    }
    (void) waitpid (crowd.echo, NULL, 0);
    (void) waitpid (crowd.directory, NULL, 0);
}

static void
print_speed (const char *name, struct samples *samples, double *rates, unsigned n)
{
    size_t kept = samples->n < SAMPLES_MAX ? samples->n : SAMPLES_MAX;

    sort_samples (samples->us, kept);
    (void) printf ("  %-36s %9.0f /s   p50 %7.1f µs   p99 %7.1f µs   server's CPU %5.1f µs\n", name,
                   median (rates, n), quantile (samples->us, kept, 0.5), quantile (samples->us, kept, 0.99),
                   samples->cpu_us / (double) samples->n);
}

static void
compare_speed (unsigned clients, bool pinned, double seconds)
{
    enum { BLOCKS_MAX = 1000 };
    static struct samples of_broker, of_echo, of_directory;
    static double rates[BLOCKS_MAX], echo_rates[BLOCKS_MAX], directory_rates[BLOCKS_MAX];
    static double ratios[BLOCKS_MAX], directory_ratios[BLOCKS_MAX];
    unsigned blocks = (unsigned) (seconds * 1e6 / (3 * BLOCK_US));
    pthread_t threads[CLIENTS_MAX];

    blocks = blocks < 3 ? 3 : blocks > BLOCKS_MAX ? BLOCKS_MAX : blocks;
    pin (pinned);
    gather (threads, clients);
    (void) run_block (exchange_echo, &of_echo);
    (void) run_block (exchange_directory, &of_directory);
    (void) run_block (exchange_broker, &of_broker);
    of_broker.n = of_echo.n = of_directory.n = 0;
    of_broker.cpu_us = of_echo.cpu_us = of_directory.cpu_us = 0;
    for (unsigned i = 0; i < blocks; i++) {
        echo_rates[i] = run_block (exchange_echo, &of_echo);
        directory_rates[i] = run_block (exchange_directory, &of_directory);
        rates[i] = run_block (exchange_broker, &of_broker);
        directory_ratios[i] = echo_rates[i] / directory_rates[i];
        ratios[i] = echo_rates[i] / rates[i];
    }
    dismiss (threads);
    pin (false);
    (void) printf ("%u client%s, %s (%u blocks of %d ms each)\n", clients, clients == 1 ? "" : "s",
                   pinned ? "pinned to one CPU" : "on any CPU", blocks, BLOCK_US / 1000);
    print_speed ("two echo round trips", &of_echo, echo_rates, blocks);
    print_speed ("and the directory calls alone", &of_directory, directory_rates, blocks);
    print_speed ("Acquire+Release", &of_broker, rates, blocks);
    (void) printf ("  %-36s %9.2f ×   the directory calls alone %.2f ×\n", "ratio", median (ratios, blocks),
                   median (directory_ratios, blocks));
    (void) fflush (stdout);
}

static void
print_sizes (void)
{
    struct client_state c;

    make_client (&c, 0);
    (void) printf ("messages: Acquire %zu bytes, its reply %zu, Release %zu, its reply %zu\n", c.acquire.len,
                   grant_reply.len, c.release.len, release_reply.len);
    (void) close (c.broker_fd);
}

static int
speed (double seconds)
{
    print_sizes ();
    for (int pinned = 0; pinned < 2; pinned++)
        for (int many = 0; many < 2; many++)
            compare_speed (many ? CLIENTS_MAX : 1, pinned, seconds / 4);
    return 0;
}

/* --- memory --- */

static void
print_memory (const char *when)
{
    char path[48], line[128];
    unsigned long kib, private = 0;
    FILE *f;

    (void) snprintf (path, sizeof path, "/proc/%d/smaps_rollup", (int) broker);
    f = fopen (path, "re");
    if (!f)
        die (path);
    while (fgets (line, sizeof line, f))
        if (sscanf (line, "Private_Clean: %lu", &kib) == 1 || sscanf (line, "Private_Dirty: %lu", &kib) == 1)
    private += kib;
    (void) fclose (f);
    (void) printf ("%-38s %9lu KiB\n", when, private);
}

/* As living containers hold them: each with a pidfd.  */
static void
take_leases (int fd, char leases[LEASES][33])
{
    struct message m, reply;

    for (unsigned i = 0; i < LEASES; i++) {
        format_acquire (&m, i, true);
        round_trip (fd, &m, &reply);
        (void) snprintf (leases[i], sizeof leases[i], "%.32s", lease_of (&reply));
        format_call (&m, "Activate", json_pack ("{s:s s:i}", "lease", leases[i], "pid", (int) getpid ()));
        round_trip (fd, &m, &reply);
    }
}

static void
give_back (int fd, char leases[LEASES][33])
{
    struct message m, reply;

    for (unsigned i = 0; i < LEASES; i++) {
        format_release (&m, leases[i]);
        round_trip (fd, &m, &reply);
    }
}

static int
with_leases (bool print)
{
    char leases[LEASES][33], text[64];
    int fd = connect_broker ();

    if (print)
        print_memory ("broker, private memory");
    take_leases (fd, leases);
    if (print) {
        print_memory ("broker, private memory, 256 leases");
    } else {
        /* Holding no connection either.  */
        (void) close (fd);
        (void) puts ("held");
        (void) fflush (stdout);
        while (read (STDIN_FILENO, text, sizeof text) > 0)
            continue;
        fd = connect_broker ();
    }
    give_back (fd, leases);
    (void) close (fd);
    return 0;
}

int
main (int argc, char **argv)
{
    broker = argc > 2 ? (pid_t) strtol (argv[2], NULL, 10) : 0;
    if (broker > 0 && argc == 4 && strcmp (argv[1], "speed") == 0)
        return speed (strtod (argv[3], NULL));
    if (broker > 0 && argc == 3 && strcmp (argv[1], "memory") == 0)
        return with_leases (true);
    if (broker > 0 && argc == 3 && strcmp (argv[1], "hold") == 0)
        return with_leases (false);
    (void) fputs ("usage: lease speed PID SECONDS | memory PID | hold PID\n", stderr);
    return 2;
}
