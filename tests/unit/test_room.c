/* Who has to stand still for whom. The GPUs are igpu (4 slots) and arc (8).  */
#include "arbiter_bed.h"

static struct lease *
hold_batch (const char *name, const char *text, uint32_t set, int64_t since)
{
    struct lease *lease = hold (name, text, set);

    lease->order.request.class = CLASS_BATCH;
    lease->parkable = true;
    lease->since = since;
    return lease;
}

/* As the broker does with a decision.  */
static unsigned
park_for (const char *text, uid_t asker)
{
    struct request req = request (text);
    struct lease *lease;
    unsigned n = 0;

    for (uint32_t rest = decision.gpus; rest != 0; rest &= rest - 1)
        while (
            (lease = arbiter_next_to_park (&gpus, &leases, &req, asker, (unsigned) __builtin_ctz (rest)))) {
            lease->parked = true;
            n++;
        }
    return n;
}

static void
realtime_parks_batch_where_nothing_is_free (void **state)
{
    struct lease *old, *new;

    (void) state;
    old = hold_batch ("old", "slots=2", 1, 1);
    new = hold_batch ("new", "slots=2", 1, 2);
    assert_int_equal (decide ("gpu=igpu class=realtime", 0), VERDICT_GRANT);
    assert_true (decision.park);
    assert_int_equal (decision.gpus, 1);
    assert_int_equal (park_for ("gpu=igpu class=realtime", 0), 1);
    assert_true (new->parked);
    assert_false (old->parked);
    assert_int_equal (arbiter_used (&gpus, &leases, 0), 2);
}

static void
a_free_gpu_comes_before_parking (void **state)
{
    (void) state;
    hold_batch ("old", "slots=4", 1, 1);
    assert_int_equal (decide ("gpu=igpu,arc class=realtime", 0), VERDICT_GRANT);
    assert_false (decision.park);
    assert_int_equal (decision.gpus, 2);
}

static void
exclusive_parks_all_batch_but_not_for_batch (void **state)
{
    (void) state;
    hold_batch ("a", "slots=1", 1, 1);
    hold_batch ("b", "slots=1", 1, 2);
    assert_int_equal (decide ("gpu=igpu access=exclusive class=batch", 0), VERDICT_WAIT);
    assert_int_equal (decide ("gpu=igpu access=exclusive", 0), VERDICT_GRANT);
    assert_true (decision.park);
    assert_int_equal (park_for ("gpu=igpu access=exclusive", 0), 2);
    assert_int_equal (arbiter_used (&gpus, &leases, 0), 0);
}

static void
interactive_is_never_parked_nor_what_cannot_be (void **state)
{
    struct lease *stubborn;

    (void) state;
    hold ("web", "slots=2", 1);
    stubborn = hold_batch ("stubborn", "slots=2", 1, 1);
    stubborn->parkable = false;
    assert_int_equal (decide ("gpu=igpu class=realtime", 0), VERDICT_WAIT);
    stubborn->parkable = true;
    assert_int_equal (decide ("gpu=igpu class=realtime slots=3", 0), VERDICT_WAIT);
    assert_int_equal (decide ("gpu=igpu class=realtime slots=2", 0), VERDICT_GRANT);
}

/* Only where there is no room without.  */
static void
all_parks_on_each_gpu (void **state)
{
    struct lease *igpu, *arc;

    (void) state;
    igpu = hold_batch ("igpu's", "slots=4", 1, 1);
    arc = hold_batch ("arc's", "slots=3", 2, 1);
    assert_int_equal (decide ("gpu=all class=interactive", 0), VERDICT_WAIT);
    assert_int_equal (decide ("gpu=all class=realtime", 0), VERDICT_GRANT);
    assert_true (decision.park);
    assert_int_equal (decision.gpus, 3);
    assert_int_equal (park_for ("gpu=all class=realtime", 0), 1);
    assert_true (igpu->parked);
    assert_false (arc->parked);
    igpu->parked = false;
    hold ("web", "slots=1", 2);
    assert_int_equal (decide ("gpu=all access=exclusive", 0), VERDICT_WAIT);
}

static void
interactive_waits_for_batch (void **state)
{
    (void) state;
    hold_batch ("a", "slots=4", 1, 1);
    assert_int_equal (decide ("gpu=igpu", 0), VERDICT_WAIT);
}

static void
nobody_but_root_parks_what_is_another_s (void **state)
{
    struct request req = request ("gpu=igpu class=realtime");
    struct lease *lease;

    (void) state;
    lease = hold_batch ("root's", "slots=4", 1, 1);
    decide_for (&req, 1000, 0, &decision);
    assert_int_equal (decision.verdict, VERDICT_WAIT);
    lease->order.owner = 1000;
    decide_for (&req, 1000, 0, &decision);
    assert_int_equal (decision.verdict, VERDICT_GRANT);
}

static void
who_is_parked_wakes_when_there_is_room (void **state)
{
    struct lease *parked, *alone;

    (void) state;
    parked = hold_batch ("parked", "slots=3", 1, 1);
    parked->parked = true;
    alone = hold ("alone", "access=exclusive", 1);
    assert_false (arbiter_may_wake (&gpus, &leases, parked, 0));
    lease_drop (&leases, alone);
    assert_false (arbiter_may_wake (&gpus, &leases, parked, 1)); /* others wait */
    assert_true (arbiter_may_wake (&gpus, &leases, parked, 0));
    hold ("web", "slots=2", 1);
    assert_false (arbiter_may_wake (&gpus, &leases, parked, 0));
    parked->parked = false;
    assert_false (arbiter_may_wake (&gpus, &leases, parked, 0));
}

/* After any history of grants with parking, and of waking: those who do not stand still fit.  */
static void
in_any_history_those_who_run_fit (void **state)
{
    static const char *const asks[] = {
        "gpu=igpu class=realtime",       "gpu=any class=batch slots=2",
        "gpu=any access=exclusive",      "gpu=arc slots=3",
        "gpu=all access=exclusive",      "gpu=any class=batch access=exclusive",
        "gpu=any class=realtime slots=4"};
    struct rng rng = rng_start (__func__);

    (void) state;
    for (unsigned history = 0; history < 2000; history++) {
        (void) start (NULL);
        for (unsigned step = 0; step < 40; step++) {
            const char *text = asks[rng_below (&rng, countof (asks))];
            struct lease *lease;

            if (leases.n > 0 && rng_below (&rng, 3) == 0) {
                lease_drop (&leases, &leases.table[leases.order[rng_below (&rng, leases.n)]]);
                leases_foreach (&leases, lease) {
                    if (arbiter_may_wake (&gpus, &leases, lease, 0))
                        lease->parked = false;
                }
            } else if (decide (text, 0) == VERDICT_GRANT) {
                uint32_t set = decision.gpus;
                unsigned n = decision.park ? park_for (text, 0) : 0;

                assert_int_equal (n > 0, decision.park);
                lease = hold ("x", text, set);
                lease->parkable = lease->order.request.class == CLASS_BATCH;
                lease->since = step;
            }
            for (unsigned gpu = 0; gpu < 2; gpu++) {
                unsigned slots = 0, running = 0, exclusive = 0;

                leases_foreach (&leases, lease) {
                    if (!(lease->gpus & (1U << gpu)) || lease->parked)
                        continue;
                    running++;
                    slots += lease->order.request.slots;
                    exclusive += lease->order.request.access == ACCESS_EXCLUSIVE;
                }
                if (exclusive)
                    assert_int_equal (running, 1);
                else
                    assert_true (slots <= gpus.table[gpu].slots);
            }
        }
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        arbiter_test (realtime_parks_batch_where_nothing_is_free),
        arbiter_test (a_free_gpu_comes_before_parking),
        arbiter_test (exclusive_parks_all_batch_but_not_for_batch),
        arbiter_test (interactive_is_never_parked_nor_what_cannot_be),
        arbiter_test (all_parks_on_each_gpu),
        arbiter_test (interactive_waits_for_batch),
        arbiter_test (nobody_but_root_parks_what_is_another_s),
        arbiter_test (who_is_parked_wakes_when_there_is_room),
        arbiter_test (in_any_history_those_who_run_fit),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
