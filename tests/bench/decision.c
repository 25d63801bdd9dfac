/* What a decision costs with 256 leases and 64 that wait: by itself, and within a whole Acquire.
 *
 * By itself it is what the broker does between a request and its verdict: the policy (64 rules of which the
 * last fits), what those before it in the queue wait for, the GPU that the container had, the choice between
 * two GPUs whose load is known. After a release everybody who waits is decided on.
 *
 * The whole Acquire is with the broker at DRI_BROKER_SOCKET, one GPU with slots enough: connect to answer on
 * a connection that is open, beside 255 leases and 64 connections that wait for the GPU to be theirs alone.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../broker/arbiter.h"
#include "../../broker/homes.h"
#include "../../broker/policy.h"
#include "../../broker/queue.h"
#include "../../oci/cleanup.h"
#include "exchange.h"
#include "stats.h"

enum { TIMES = 2000, WAITING = 64 };

/* Large.  */
static struct gpus gpus;
static struct leases leases;
static struct queue queue;
static struct policy policy;
static struct homes homes;
static double samples[TIMES];

static void
print (const char *name, size_t n)
{
    double middle = median (samples, n);

    (void) printf ("%-38s %9.2f us   99 of 100 under %.2f\n", name, middle, quantile (samples, n, 0.99));
}

/* --- by itself --- */

static void
name (struct container *c, unsigned i)
{
    (void) snprintf (c->id, sizeof c->id, "%064x", i);
    (void) snprintf (c->name, sizeof c->name, "media-jellyfin-%u", i);
    (void) snprintf (c->engine, sizeof c->engine, "docker");
    (void) snprintf (c->project, sizeof c->project, "media");
    (void) snprintf (c->image, sizeof c->image, "lscr.io/linuxserver/jellyfin:latest");
}

static void
fill (void)
{
    struct error err;

    for (unsigned i = 0; i < 2; i++) {
        gpus.table[i] = (struct gpu){.state = GPU_PRESENT, .slots = 200};
        (void) snprintf (gpus.table[i].name, sizeof gpus.table[i].name, "gpu%u", i);
    }
    leases_init (&leases);
    for (unsigned i = 0; i < LEASES_MAX; i++) {
        struct lease *lease = lease_take (&leases);

        lease->state = LEASE_ACTIVE;
        lease->gpus = 1U << (i % 2);
        request_init (&lease->order.request);
        name (&lease->order.container, i);
        homes_learn (&homes, 0, &lease->order.container, i % 2);
    }
    for (unsigned i = 0; i < WAITING; i++) {
        struct waiter waiter = {.kind = WAITER_CLIENT, .candidates = 3, .turn = 1000000 + i};

        request_init (&waiter.order.request);
        if (request_set (&waiter.order.request, SOURCE_LABEL, "dri.access", "exclusive", &err) < 0
            || !queue_add (&queue, &waiter))
            die ("queue");
    }
    for (unsigned i = 0; i < POLICY_RULES_MAX; i++) {
        struct policy_rule *rule = &policy.rules[policy.n++];

        request_init (&rule->defaults);
        rule->max_wait_ms = REQUEST_WAIT_MAX_MS;
        rule->who[TRAIT_PROJECT].n = 1;
        (void) snprintf (rule->who[TRAIT_PROJECT].text[0], POLICY_PATTERN_MAX, "%s",
                         i == POLICY_RULES_MAX - 1 ? "m*a" : "*of*others*");
    }
}

static enum verdict
decide (struct request *req, uint64_t turn)
{
    static const struct load load = {.percent = {40, 60}};
    struct container container = {.id = ""};
    struct policy_mark mark;
    struct decision decision;
    struct error err;

    name (&container, 7);
    if (policy_apply (&policy, 0, &container, req, &mark, &err) < 0)
        die (err.message);
    arbiter_decide (&gpus, &leases,
                    &(struct question){.req = req,
                                       .reserved = queue_reserved_before (&queue, turn),
                                       .policy = &mark,
                                       .home = homes_find (&homes, 0, &container),
                                       .load = &load},
                    &decision);
    return decision.verdict;
}

static void
measure_decision (const char *what, const char *access, uint64_t turn, enum verdict expected)
{
    for (unsigned i = 0; i < TIMES; i++) {
        struct request req;
        struct error err;
        double began;

        request_init (&req);
        if (request_set (&req, SOURCE_LABEL, "dri.access", access, &err) < 0)
            die (err.message);
        began = now_us ();
        if (decide (&req, turn) != expected)
            die ("an unexpected decision");
        samples[i] = now_us () - began;
    }
    print (what, TIMES);
}

/* As turns_run() does.  */
static void
measure_turn (void)
{
    static const struct policy_mark none;

    for (unsigned i = 0; i < TIMES / 10; i++) {
        uint32_t reserved = 0;
        double began = now_us ();

        for (struct waiter *w = queue_next (&queue, NULL); w; w = queue_next (&queue, w)) {
            struct decision decision;

            arbiter_decide (&gpus, &leases,
                            &(struct question){
                                .req = &w->order.request, .reserved = reserved, .policy = &none, .home = -1},
                            &decision);
            reserved |= decision.candidates;
        }
        samples[i] = now_us () - began;
    }
    print ("all 64 in turn, after a release", TIMES / 10);
}

/* --- within an Acquire --- */

static void
format_wish (struct message *m, unsigned container, const char *access, const char *class, const char *wait)
{
    struct container c = {.id = ""};

    name (&c, container);
    format_call (m, "Acquire",
                 json_pack ("{s:o s:{s:i s:i} s:{s:s s:s s:s s:s} s:b}", "container", container_to_json (&c),
                            "workload", "uid", 1000, "gid", 1000, "request", "enable", "true", "access",
                            access, "class", class, "wait", wait, "detached", 1));
}

static void
measure_acquire (void)
{
    static char ids[LEASES_MAX][LEASE_LEN + 1];
    int fd = connect_broker (), waiting[WAITING];
    struct message acquire, m, reply;

    for (unsigned i = 0; i < LEASES_MAX - 1; i++) {
        format_wish (&m, i, "shared", "interactive", "0s");
        round_trip (fd, &m, &reply);
        (void) snprintf (ids[i], sizeof ids[i], "%.*s", LEASE_LEN, lease_of (&reply));
    }
    for (unsigned i = 0; i < WAITING; i++) {
        waiting[i] = connect_broker ();
        format_wish (&m, 1000 + i, "exclusive", "batch", "60s");
        send_message (waiting[i], &m);
    }
    format_wish (&acquire, 2000, "shared", "realtime", "0s");
    for (unsigned i = 0; i < TIMES; i++) {
        double began = now_us ();

        round_trip (fd, &acquire, &reply);
        samples[i] = now_us () - began;
        (void) snprintf (ids[LEASES_MAX - 1], sizeof ids[0], "%.*s", LEASE_LEN, lease_of (&reply));
        format_release (&m, ids[LEASES_MAX - 1]);
        round_trip (fd, &m, &reply);
    }
    print ("a whole Acquire, from socket to socket", TIMES);
    for (unsigned i = 0; i < WAITING; i++)
        (void) close (waiting[i]);
    for (unsigned i = 0; i < LEASES_MAX - 1; i++) {
        format_release (&m, ids[i]);
        round_trip (fd, &m, &reply);
    }
    (void) close (fd);
}

int
main (void)
{
    fill ();
    measure_decision ("one that is granted", "shared", 0, VERDICT_GRANT);
    measure_decision ("one that has to wait behind the others", "exclusive", UINT64_MAX, VERDICT_WAIT);
    measure_turn ();
    measure_acquire ();
    return 0;
}
