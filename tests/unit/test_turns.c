/* The order of turns over time, by the queue and the arbiter together, as turns.c puts them: random histories
 * in which everybody who is served goes again.  */
#include "arbiter_bed.h"

#include "broker/queue.h"

#define US(s) ((uint64_t) (s) *1000000)

enum { HISTORIES = 1500, STEPS = 120, HOLD_MOST = 30 /* s */ };

static const uint64_t ageing = US (20);

static const char *const asks[] = {
    "gpu=igpu class=batch",
    "gpu=igpu class=batch slots=3",
    "gpu=igpu",
    "gpu=igpu access=exclusive",
    "gpu=igpu class=realtime",
    "gpu=igpu class=realtime slots=2",
    "gpu=igpu class=batch access=exclusive",
};

static struct queue queue;        /* large */
static uint64_t ends[LEASES_MAX]; /* by the place in the table of leases */
static unsigned served, waited;

static void
hold_for (struct rng *rng, const struct request *req, uint64_t now)
{
    struct lease *lease = lease_take (&leases);

    lease->state = LEASE_ACTIVE;
    lease->order.request = *req;
    lease->gpus = decision.gpus;
    ends[lease - leases.table] = now + US (1 + rng_below (rng, HOLD_MOST));
    served++;
}

/* Who is served while others wait has an earlier turn than they: of his class the earlier one, of a lower
 * class one who came two ageings before at most.  */
static void
check_nobody_is_overtaken (const struct waiter *next)
{
    for (const struct waiter *w = queue_next (&queue, NULL); w; w = queue_next (&queue, w)) {
        const enum request_class class = w->order.request.class;

        assert_true (next->turn <= w->turn);
        if (class == next->order.request.class)
            assert_true (next->order.arrived <= w->order.arrived);
        assert_true ((uint64_t) next->order.arrived <= (uint64_t) w->order.arrived + 2 * ageing);
    }
}

static void
serve (struct rng *rng, struct waiter *w, uint64_t now)
{
    struct waiter taken = queue_take (&queue, w);

    /* He waited for those before him, one after the other, and for who was there when he came.  */
    assert_true (now <= (uint64_t) taken.order.arrived + US (HOLD_MOST) * (served - taken.deadline + 2));
    check_nobody_is_overtaken (&taken);
    hold_for (rng, &taken.order.request, now);
    waited += now > (uint64_t) taken.order.arrived;
}

static void
run_turns (struct rng *rng, uint64_t now)
{
    uint32_t reserved = 0;

    for (struct waiter *w = queue_next (&queue, NULL); w;) {
        struct waiter at = *w;

        if (decide_for (&w->order.request, 0, reserved, &decision) == VERDICT_GRANT)
            serve (rng, w, now);
        else
            reserved |= decision.candidates;
        w = queue_next (&queue, &at);
    }
}

static void
arrive (struct rng *rng, uint64_t now)
{
    struct waiter w = {.kind = WAITER_CLIENT, .candidates = 1};

    w.order.request = request (asks[rng_below (rng, countof (asks))]);
    w.order.arrived = (int64_t) now;
    w.turn = arbiter_turn (w.order.request.class, now, ageing);
    if (decide_for (&w.order.request, 0, queue_reserved_before (&queue, w.turn), &decision)
        == VERDICT_GRANT) {
        check_nobody_is_overtaken (&w);
        hold_for (rng, &w.order.request, now);
    } else {
        w.deadline = served; /* how many before */
        (void) queue_add (&queue, &w);
    }
}

static void
leave (uint64_t now)
{
    for (unsigned i = 0; i < leases.n;) {
        struct lease *lease = &leases.table[leases.order[i]];

        if (ends[lease - leases.table] <= now)
            lease_drop (&leases, lease);
        else
            i++;
    }
}

static void
in_any_history_nobody_is_overtaken_or_starves (void **state)
{
    struct rng rng = rng_start (__func__);

    (void) state;
    for (unsigned history = 0; history < HISTORIES; history++) {
        uint64_t now = US (100000);
        unsigned often = 2 + rng_below (&rng, 12);

        (void) start (NULL);
        for (unsigned step = 0; step < STEPS; step++, now += US (1)) {
            leave (now);
            run_turns (&rng, now);
            if (rng_below (&rng, often) == 0)
                arrive (&rng, now);
        }
        /* Nobody comes any more.  */
        for (unsigned before = queue.n[WAITER_CLIENT]; before > 0; before = queue.n[WAITER_CLIENT]) {
            now += US (HOLD_MOST);
            leave (now);
            run_turns (&rng, now);
            assert_true (queue.n[WAITER_CLIENT] < before);
        }
        assert_int_equal (queue.n[WAITER_CLIENT], 0);
    }
    assert_true (served > 5000 && waited > 5000);
}

/* A batch container under a stream of realtime ones that would fill the GPU for ever comes before those who
 * come two ageings after it: one holds the GPU then, and at most 20 are before it.  */
static void
batch_is_served_under_a_stream_of_realtime (void **state)
{
    struct rng rng = rng_start (__func__);
    struct waiter batch = {.kind = WAITER_CLIENT, .candidates = 1};
    const uint64_t came = US (100010), last = came + 2 * ageing + US (HOLD_MOST) * 22;
    bool there = false;

    (void) state;
    (void) start (NULL);
    for (uint64_t now = US (100000); now < last; now += US (1)) {
        struct waiter w = {
            .kind = WAITER_CLIENT, .candidates = 1, .turn = now, .order.arrived = (int64_t) now};

        w.order.request = request ("gpu=igpu class=realtime slots=4");
        leave (now);
        run_turns (&rng, now);
        if (queue.n[WAITER_CLIENT] < 20)
            (void) queue_add (&queue, &w);
        if (now == came) {
            batch.order.request = request ("gpu=igpu class=batch slots=4");
            batch.order.arrived = (int64_t) now;
            batch.turn = arbiter_turn (CLASS_BATCH, now, ageing);
            (void) queue_add (&queue, &batch);
        }
        there = false;
        for (const struct waiter *q = queue_next (&queue, NULL); q; q = queue_next (&queue, q))
            there |= q->order.request.class == CLASS_BATCH;
        assert_true (there || now < came || now > came + ageing);
    }
    assert_false (there);
    queue_finish (&queue);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (in_any_history_nobody_is_overtaken_or_starves),
        cmocka_unit_test (batch_is_served_under_a_stream_of_realtime),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
