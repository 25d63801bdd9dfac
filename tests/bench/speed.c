#include "speed.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "echo.h"
#include "stats.h"

enum { SAMPLES_MAX = 100000, BLOCKS_MAX = 1000, BLOCK_US = 100000 };

/* An exchange is what is measured: Acquire+Release, or two round trips of the same sizes.  */
enum { BROKER = ECHO_KINDS, SERVERS };

static const char *const names[SERVERS] = {
    [ECHO_BLOCKING] = "two echo round trips, blocking",
    [ECHO_BARE] = "two echo round trips",
    [ECHO_DIRECTORY] = "and the directory's system calls",
    [ECHO_FLOOR] = "and a journal, and jansson",
    [BROKER] = "Acquire+Release",
};

struct client {
    int fds[SERVERS];
    struct message acquire, release;
    char *lease_in_release; /* LEASE_LEN characters in release.text */
};

struct samples {
    double us[SAMPLES_MAX];
    size_t n;
    double cpu_us; /* of the server */
    double rates[BLOCKS_MAX], ratios[BLOCKS_MAX];
};

static struct crowd {
    struct client clients[CLIENTS_MAX];
    unsigned n;
    pid_t servers[SERVERS];
    pthread_barrier_t start, stop;
    int server; /* whose turn it is; < 0: go home */
    double end;
    unsigned long done; /* in this block */
    struct samples *samples;
} crowd;

static struct echo_talk talk;

/* --- one exchange --- */

static void
exchange (struct client *c, int server)
{
    struct message reply;

    round_trip (c->fds[server], &c->acquire, &reply);
    if (server == BROKER)
        memcpy (c->lease_in_release, lease_of (&reply), LEASE_LEN);
    round_trip (c->fds[server], &c->release, &reply);
}

/* Also keeps the replies, for those that only echo.  */
static void
make_client (struct client *c, unsigned number)
{
    c->fds[BROKER] = connect_broker ();
    format_acquire (&c->acquire, number, false);
    round_trip (c->fds[BROKER], &c->acquire, &talk.grant);
    format_release (&c->release, "00000000000000000000000000000000");
    c->lease_in_release = memmem (c->release.text, c->release.len, "0000000000", 10);
    memcpy (c->lease_in_release, lease_of (&talk.grant), LEASE_LEN);
    round_trip (c->fds[BROKER], &c->release, &talk.release);
    talk.release_len = c->release.len;
}

static void *
run_client (void *arg)
{
    struct client *c = arg;

    for (;;) {
        (void) pthread_barrier_wait (&crowd.start);
        if (crowd.server < 0)
            return NULL;
        for (double before = now_us (), after; before < crowd.end; before = after) {
            size_t slot;

            exchange (c, crowd.server);
            after = now_us ();
            (void) __atomic_add_fetch (&crowd.done, 1, __ATOMIC_RELAXED);
            slot = __atomic_fetch_add (&crowd.samples->n, 1, __ATOMIC_RELAXED);
            if (slot < SAMPLES_MAX)
                crowd.samples->us[slot] = after - before;
        }
        (void) pthread_barrier_wait (&crowd.stop);
    }
}

/* --- the crowd --- */

static void
pin (pid_t broker, bool pinned)
{
    cpu_set_t all, one;

    CPU_ZERO (&one);
    CPU_SET ((size_t) sched_getcpu (), &one);
    CPU_ZERO (&all);
    for (size_t i = 0; i < CPU_SETSIZE; i++)
        CPU_SET (i, &all);
    /* What is started from here on, the echoes and the clients, takes after us.  */
    if (sched_setaffinity (0, sizeof all, pinned ? &one : &all) < 0
        || sched_setaffinity (broker, sizeof all, pinned ? &one : &all) < 0)
        die ("sched_setaffinity");
}

/* What waits for a message of one client cannot serve many.  */
static bool
takes_part (int server)
{
    return server != ECHO_BLOCKING || crowd.n == 1;
}

static void
gather (pid_t broker, pthread_t *threads, unsigned n)
{
    int fds[CLIENTS_MAX];

    crowd.n = n;
    crowd.servers[BROKER] = broker;
    for (unsigned i = 0; i < n; i++)
        make_client (&crowd.clients[i], i);
    /* The later have the clients' ends of the earlier too, which end with us all.  */
    for (int server = ECHO_KINDS - 1; server >= 0; server--) {
        if (!takes_part (server))
            continue;
        crowd.servers[server] = echo_start ((enum echo) server, &talk, fds, n);
        for (unsigned i = 0; i < n; i++)
            crowd.clients[i].fds[server] = fds[i];
    }
    (void) pthread_barrier_init (&crowd.start, NULL, n + 1);
    (void) pthread_barrier_init (&crowd.stop, NULL, n + 1);
    for (unsigned i = 0; i < n; i++)
        if (pthread_create (&threads[i], NULL, run_client, &crowd.clients[i]) != 0)
            die ("pthread_create");
}

static void
dismiss (pthread_t *threads)
{
    crowd.server = -1;
    (void) pthread_barrier_wait (&crowd.start);
    for (unsigned i = 0; i < crowd.n; i++)
        (void) pthread_join (threads[i], NULL);
    for (int server = 0; server < SERVERS; server++) {
        if (!takes_part (server))
            continue;
        for (unsigned i = 0; i < crowd.n; i++)
            (void) close (crowd.clients[i].fds[server]);
        if (server != BROKER)
            (void) waitpid (crowd.servers[server], NULL, 0);
    }
}

/* --- blocks of exchanges --- */

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

/* Exchanges a second.  */
static double
run_block (int server, struct samples *samples)
{
    double before = now_us (), cpu = cpu_us (crowd.servers[server]);

    crowd.server = server;
    crowd.samples = samples;
    crowd.done = 0;
    crowd.end = before + BLOCK_US;
    (void) pthread_barrier_wait (&crowd.start);
    (void) pthread_barrier_wait (&crowd.stop);
    samples->cpu_us += cpu_us (crowd.servers[server]) - cpu;
    return (double) crowd.done / (now_us () - before) * 1e6;
}

static void
run_blocks (struct samples *samples, unsigned blocks)
{
    for (int server = 0; server < SERVERS; server++)
        if (takes_part (server))
            (void) run_block (server, &samples[server]);
    for (int server = 0; server < SERVERS; server++) {
        samples[server].n = 0;
        samples[server].cpu_us = 0;
    }
    for (unsigned i = 0; i < blocks; i++) {
        for (int server = 0; server < SERVERS; server++)
            if (takes_part (server))
                samples[server].rates[i] = run_block (server, &samples[server]);
        for (int server = 0; server < SERVERS; server++)
            if (takes_part (server))
                samples[server].ratios[i] = samples[ECHO_BARE].rates[i] / samples[server].rates[i];
    }
}

/* --- the figures --- */

/* Sorts what it prints.  */
static double
print_server (const char *name, struct samples *s, unsigned blocks, double base_p50)
{
    size_t kept = s->n < SAMPLES_MAX ? s->n : SAMPLES_MAX;
    double p50;

    sort_samples (s->us, kept);
    p50 = quantile (s->us, kept, 0.5);
    (void) printf (
        "  %-34s %7.0f /s   p50 %7.1f µs   p99 %7.1f µs   server's CPU %5.1f µs   ratio %5.2f ×, of "
        "p50 %5.2f ×\n",
        name, median (s->rates, blocks), p50, quantile (s->us, kept, 0.99), s->cpu_us / (double) s->n,
        median (s->ratios, blocks), base_p50 > 0 ? p50 / base_p50 : 1.0);
    return p50;
}

static void
compare_speed (pid_t broker, unsigned clients, bool pinned, double seconds)
{
    static struct samples samples[SERVERS]; /* large */
    unsigned blocks = (unsigned) (seconds * 1e6 / (SERVERS * BLOCK_US));
    pthread_t threads[CLIENTS_MAX];
    double base;

    blocks = blocks < 3 ? 3 : blocks > BLOCKS_MAX ? BLOCKS_MAX : blocks;
    pin (broker, pinned);
    gather (broker, threads, clients);
    run_blocks (samples, blocks);
    dismiss (threads);
    pin (broker, false);
    (void) printf ("%u client%s, %s (%u blocks of %d ms each)\n", clients, clients == 1 ? "" : "s",
                   pinned ? "pinned to one CPU" : "on any CPU", blocks, BLOCK_US / 1000);
    base = print_server (names[ECHO_BARE], &samples[ECHO_BARE], blocks, 0);
    for (int server = 0; server < SERVERS; server++)
        if (takes_part (server) && server != ECHO_BARE)
            (void) print_server (names[server], &samples[server], blocks, base);
    (void) fflush (stdout);
}

static void
print_sizes (void)
{
    struct client c;

    make_client (&c, 0);
    (void) printf ("messages: Acquire %zu bytes, its reply %zu, Release %zu, its reply %zu\n", c.acquire.len,
                   talk.grant.len, c.release.len, talk.release.len);
    (void) close (c.fds[BROKER]);
}

void
measure_speed (pid_t broker, double seconds)
{
    const char *lease_root = getenv ("LEASE_ROOT");

    talk.root = lease_root ? open (lease_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (talk.root < 0)
        die ("LEASE_ROOT");
    print_sizes ();
    for (int pinned = 0; pinned < 2; pinned++)
        for (int many = 0; many < 2; many++)
            compare_speed (broker, many ? CLIENTS_MAX : 1, pinned, seconds / 4);
    (void) close (talk.root);
}
