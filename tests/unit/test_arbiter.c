#include "tests/unit/testing.h"

#include "broker/arbiter.h"

static struct gpus gpus;
static struct leases leases; /* large */
static struct decision decision;

static void
put_gpu (unsigned i, const char *name, const char *driver, unsigned slots)
{
    struct gpu *gpu = &gpus.table[i];

    *gpu = (struct gpu){
        .state = GPU_PRESENT, .slots = slots, .vendor = 0x8086, .device = (uint16_t) (0x1000 + i)};
    (void) snprintf (gpu->name, sizeof gpu->name, "%s", name);
    (void) snprintf (gpu->driver, sizeof gpu->driver, "%s", driver);
    (void) snprintf (gpu->pci, sizeof gpu->pci, "0000:00:%02x.0", i);
    (void) snprintf (gpu->render.name, sizeof gpu->render.name, "renderD%u", 128 + i);
}

static int
start (void **state)
{
    (void) state;
    memset (&gpus, 0, sizeof gpus);
    leases_init (&leases);
    put_gpu (0, "igpu", "i915", 4);
    put_gpu (1, "arc", "xe", 8);
    return 0;
}

#define arbiter_test(test) cmocka_unit_test_setup (test, start)

/* "gpu=arc,any access=exclusive slots=2"; selectors as in dri.gpu.  */
static struct request
request (const char *text)
{
    struct request req;
    struct error err = {0};
    char copy[256], name[32], *save = NULL;

    request_init (&req);
    (void) snprintf (copy, sizeof copy, "%s", text);
    for (char *word = strtok_r (copy, " ", &save); word; word = strtok_r (NULL, " ", &save)) {
        char *equals = strchr (word, '=');

        (void) snprintf (name, sizeof name, "dri.%.*s", (int) (equals - word), word);
        assert_ok (request_set (&req, SOURCE_LABEL, name, equals + 1, &err));
    }
    return req;
}

static enum verdict
decide (const char *text, uint32_t reserved)
{
    struct request req = request (text);

    arbiter_decide (&gpus, &leases, &req, reserved, &decision);
    return decision.verdict;
}

static struct lease *
hold (const char *name, const char *text, uint32_t set)
{
    struct lease *lease = lease_take (&leases);

    lease->state = LEASE_ACTIVE;
    lease->order.request = request (text);
    lease->gpus = set;
    (void) snprintf (lease->order.container.name, sizeof lease->order.container.name, "%s", name);
    return lease;
}

static void
assert_granted (const char *text, uint32_t reserved, uint32_t set)
{
    if (decide (text, reserved) != VERDICT_GRANT)
        fail_msg ("\"%s\" was not granted: %s", text, decision.reason);
    assert_int_equal (decision.gpus, set);
}

static void
assert_waits (const char *text, uint32_t reserved, const char *words)
{
    if (decide (text, reserved) != VERDICT_WAIT)
        fail_msg ("\"%s\" does not wait: %s", text, decision.reason);
    assert_int_equal (decision.gpus, 0);
    assert_contains (decision.reason, words);
}

/* --- selectors --- */

static void
the_first_preference_that_has_room_is_taken (void **state)
{
    (void) state;
    assert_granted ("gpu=arc,igpu", 0, 2);
    assert_granted ("gpu=igpu,arc", 0, 1);
    assert_granted ("gpu=none,driver:xe", 0, 2);
    hold ("x", "access=exclusive", 2);
    assert_granted ("gpu=arc,igpu", 0, 1);
    assert_waits ("gpu=arc", 0, "arc has no 1 free slot: held by x");
    assert_int_equal (decision.candidates, 2);
}

static void
any_is_the_least_loaded_by_share_of_its_slots (void **state)
{
    (void) state;
    assert_granted ("gpu=any", 0, 1);
    hold ("x", "slots=1", 1);
    assert_granted ("gpu=any", 0, 2);
    hold ("y", "slots=2", 2);
    assert_granted ("gpu=any", 0, 1); /* 1/4 and 2/8: the first of equals */
    hold ("z", "slots=1", 1);
    assert_granted ("gpu=any", 0, 2);
    assert_contains (decision.reason, "arc fits \"any\" and had 2 of 8 slots in use");
}

static void
a_lost_gpu_is_not_given (void **state)
{
    (void) state;
    gpus.table[1].state = GPU_LOST;
    assert_granted ("gpu=any", 0, 1);
    assert_waits ("gpu=arc", 0, "no GPU fits dri.gpu \"arc\"; there is igpu");
    assert_int_equal (decision.candidates, 0);
    gpus.table[0].state = GPU_ABSENT;
    assert_waits ("gpu=any", 0, "no GPU on this machine");
    assert_waits ("access=monitor", 0, "no GPU on this machine");
    assert_waits ("gpu=all", 0, "no GPU on this machine");
}

/* --- slots and access --- */

static void
slots_are_given_to_the_last_and_no_further (void **state)
{
    (void) state;
    hold ("x", "slots=3", 1);
    assert_int_equal (arbiter_used (&gpus, &leases, 0), 3);
    assert_int_equal (arbiter_used (&gpus, &leases, 1), 0);
    assert_granted ("gpu=igpu slots=1", 0, 1);
    assert_waits ("gpu=igpu slots=2", 0, "igpu has no 2 free slots: held by x");
    hold ("y", "slots=1", 1);
    hold ("elsewhere", "slots=1", 2);
    assert_waits ("gpu=igpu slots=1", 0, "igpu has no 1 free slot: held by x, y");
    assert_null (strstr (decision.reason, "elsewhere"));
}

static void
more_slots_than_there_are_is_refused (void **state)
{
    (void) state;
    assert_int_equal (decide ("gpu=igpu slots=5", 0), VERDICT_REFUSE);
    assert_contains (decision.reason, "dri.slots is 5, and the GPU has 4");
    assert_granted ("gpu=igpu slots=4", 0, 1);
    /* Another that fits has as many.  */
    assert_granted ("gpu=any slots=5", 0, 2);
    hold ("x", "slots=8", 2);
    assert_waits ("gpu=any slots=5", 0, "held by x");
    assert_int_equal (decide ("gpu=any slots=9", 0), VERDICT_REFUSE);
}

static void
exclusive_means_alone (void **state)
{
    struct lease *shared = hold ("x", "slots=1", 1);

    (void) state;
    assert_waits ("gpu=igpu access=exclusive", 0, "igpu cannot be had exclusively: held by x");
    assert_granted ("gpu=any access=exclusive", 0, 2);
    lease_drop (&leases, shared);
    assert_granted ("gpu=igpu access=exclusive", 0, 1);
    hold ("y", "access=exclusive", 1);
    assert_int_equal (arbiter_used (&gpus, &leases, 0), 4);
    assert_waits ("gpu=igpu", 0, "held by y");
    assert_waits ("gpu=igpu access=exclusive", 0, "held by y");
    /* How many slots it would count as is no matter then.  */
    assert_granted ("gpu=arc access=exclusive slots=100", 0, 2);
}

static void
a_monitor_sees_all_and_counts_as_nobody (void **state)
{
    (void) state;
    hold ("x", "access=exclusive", 1);
    assert_granted ("access=monitor", 0, 3);
    assert_granted ("access=monitor gpu=none slots=1000", 3, 3);
    hold ("m", "access=monitor slots=4", 3);
    assert_int_equal (arbiter_used (&gpus, &leases, 1), 0);
    assert_granted ("gpu=arc access=exclusive", 0, 2);
    assert_waits ("gpu=igpu", 0, "held by x");
    assert_null (strstr (decision.reason, ", m"));
}

static void
a_lease_without_a_gpu_holds_none (void **state)
{
    (void) state;
    hold ("x", "access=exclusive", 0)->state = LEASE_WITHOUT;
    assert_granted ("gpu=igpu access=exclusive", 0, 1);
}

static void
all_is_every_one_or_none (void **state)
{
    struct lease *lease;

    (void) state;
    assert_granted ("gpu=all", 0, 3);
    assert_granted ("gpu=arc,all", 0, 3);
    assert_granted ("gpu=all access=exclusive", 0, 3);
    lease = hold ("x", "slots=1", 2);
    assert_waits ("gpu=all access=exclusive", 0, "held by x");
    assert_granted ("gpu=all slots=4", 0, 3);
    lease_drop (&leases, lease);
    hold ("x", "slots=4", 1);
    assert_waits ("gpu=all", 0, "held by x");
}

/* A lease of all holds its slots on each.  */
static void
slots_of_all_count_on_every_gpu (void **state)
{
    (void) state;
    hold ("x", "gpu=all slots=3", 3);
    assert_int_equal (arbiter_used (&gpus, &leases, 0), 3);
    assert_int_equal (arbiter_used (&gpus, &leases, 1), 3);
}

/* A GPU of fewer slots than asked for can never be part of "all": no release will help.  */
static void
all_with_more_slots_than_the_smallest_has_is_refused (void **state)
{
    (void) state;
    assert_int_equal (decide ("gpu=all slots=5", 0), VERDICT_REFUSE);
    assert_contains (decision.reason, "dri.slots is 5, and the GPU has 4");
}

/* --- the queue --- */

static void
what_others_wait_for_is_not_given_away (void **state)
{
    (void) state;
    assert_granted ("gpu=any", 1, 2);
    assert_waits ("gpu=igpu", 1, "igpu: others wait for it already");
    assert_waits ("gpu=all", 2, "others wait for it already");
    assert_granted ("gpu=igpu", 2, 1);
    hold ("x", "access=exclusive", 1);
    assert_waits ("gpu=igpu", 1, "held by x");
}

static void
the_queue_goes_by_class (void **state)
{
    static const char *const classes[] = {"class=realtime", "class=interactive", "class=batch"};

    (void) state;
    for (unsigned i = 0; i < 3; i++)
        for (unsigned j = 0; j < 3; j++) {
            struct request a = request (classes[i]), b = request (classes[j]);

            assert_int_equal (arbiter_before (&a, &b), i < j);
        }
}

/* --- reasons --- */

static void
many_holders_are_cut_not_overrun (void **state)
{
    (void) state;
    gpus.table[0].slots = 1000;
    for (unsigned i = 0; i < 50; i++)
        hold ("a-container-with-a-rather-long-name-of-more-than-forty-letters", "slots=20", 1);
    assert_waits ("gpu=igpu", 0, "held by a-container-with-a-rather-long-name-of-m,");
    assert_true (strlen (decision.reason) < sizeof decision.reason);
    assert_waits ("gpu=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,b,c,d", 0,
                  "no GPU fits");
}

static void
who_has_no_name_is_called_by_its_id (void **state)
{
    struct lease *lease = hold ("", "access=exclusive", 1);

    (void) state;
    (void) strcpy (lease->order.container.id, "0a1b2c");
    assert_waits ("gpu=igpu", 0, "held by 0a1b2c");
}

/* --- any history --- */

static const char *const requests[] = {
    "gpu=any",
    "gpu=any slots=2",
    "gpu=any slots=5",
    "gpu=g1,g0",
    "gpu=g2",
    "gpu=driver:xe,any",
    "gpu=driver:i915",
    "gpu=all",
    "gpu=all slots=2",
    "access=exclusive",
    "gpu=g1 access=exclusive",
    "gpu=all access=exclusive",
    "access=monitor",
    "gpu=g3 slots=3",
    "gpu=renderD130,g0 slots=2",
    "gpu=none",
    "gpu=8086:1001,any access=exclusive",
    "gpu=any slots=1000",
    "gpu=vendor:intel slots=3",
};

/* What is held, counted by the test for itself.  */
struct count {
    unsigned slots[GPUS_MAX], shared[GPUS_MAX], exclusive[GPUS_MAX];
};

static struct count
count (void)
{
    struct count c = {.slots = {0}};
    const struct lease *lease;

    leases_foreach (&leases, lease) {
        const struct request *req = &lease->order.request;

        for (unsigned i = 0; i < GPUS_MAX; i++) {
            if (!(lease->gpus & (1U << i)) || req->access == ACCESS_MONITOR)
                continue;
            if (req->access == ACCESS_EXCLUSIVE) {
                c.exclusive[i]++;
            } else {
                c.shared[i]++;
                c.slots[i] += req->slots;
            }
        }
    }
    return c;
}

static bool
could_have (const struct count *c, const struct request *req, uint32_t reserved, unsigned i)
{
    if (gpus.table[i].state != GPU_PRESENT || (reserved & (1U << i)) || c->exclusive[i])
        return false;
    return req->access == ACCESS_EXCLUSIVE ? !c->shared[i] : c->slots[i] + req->slots <= gpus.table[i].slots;
}

/* The GPU is the one that the request's words mean: by the first that fits one with room.  */
static void
check_choice (const struct count *c, const struct request *req, uint32_t reserved)
{
    for (unsigned s = 0; s < req->n_selectors; s++) {
        uint32_t fitting = 0;

        for (unsigned i = 0; i < GPUS_MAX; i++)
            if (gpu_matches (&gpus.table[i], &req->selectors[s]) && could_have (c, req, reserved, i))
                fitting |= 1U << i;
        if (!fitting)
            continue;
        assert_int_equal (decision.verdict, VERDICT_GRANT);
        assert_true (decision.gpus && !(decision.gpus & (decision.gpus - 1)));
        assert_true (decision.gpus & fitting);
        for (unsigned i = 0; i < GPUS_MAX; i++)
            if (fitting & (1U << i)) {
                unsigned chosen = (unsigned) __builtin_ctz (decision.gpus);

                assert_true (c->slots[chosen] * gpus.table[i].slots
                             <= c->slots[i] * gpus.table[chosen].slots);
            }
        return;
    }
    assert_int_not_equal (decision.verdict, VERDICT_GRANT);
}

static void
check_all (const struct count *c, const struct request *req, uint32_t reserved)
{
    bool free_ones = true;
    uint32_t present = 0;

    for (unsigned i = 0; i < GPUS_MAX; i++)
        if (gpus.table[i].state == GPU_PRESENT) {
            present |= 1U << i;
            free_ones &= could_have (c, req, reserved, i);
        }
    if (req->access == ACCESS_MONITOR)
        free_ones = true;
    assert_int_equal (decision.verdict == VERDICT_GRANT, present && free_ones);
    if (decision.verdict == VERDICT_GRANT)
        assert_int_equal (decision.gpus, present);
}

static void
check_held (void)
{
    struct count c = count ();

    for (unsigned i = 0; i < GPUS_MAX; i++) {
        assert_true (c.slots[i] <= gpus.table[i].slots);
        assert_true (c.exclusive[i] <= 1 && !(c.exclusive[i] && c.shared[i]));
        assert_int_equal (arbiter_used (&gpus, &leases, i),
                          c.exclusive[i] ? gpus.table[i].slots : c.slots[i]);
    }
}

/* A refusal is for ever: not even an empty machine would grant it.  */
static void
check_refusal (const struct request *req)
{
    static struct leases none;
    struct decision alone;

    leases_init (&none);
    arbiter_decide (&gpus, &none, req, 0, &alone);
    assert_int_equal (alone.verdict, VERDICT_REFUSE);
}

static void
ask (const struct request *req, uint32_t reserved)
{
    struct count c = count ();
    struct decision again;

    memset (&decision, 0xaa, sizeof decision);
    memset (&again, 0x55, sizeof again);
    arbiter_decide (&gpus, &leases, req, reserved, &decision);
    arbiter_decide (&gpus, &leases, req, reserved, &again);
    assert_memory_equal (&decision, &again, sizeof decision);
    assert_true (decision.reason[0] && strlen (decision.reason) < sizeof decision.reason);
    assert_int_equal (decision.gpus & ~decision.candidates, 0);
    if (req->access == ACCESS_MONITOR || req->selectors[0].kind == SELECT_ALL)
        check_all (&c, req, reserved);
    else
        check_choice (&c, req, reserved);
    if (decision.verdict == VERDICT_REFUSE)
        check_refusal (req);
}

static void
random_machine (struct rng *rng)
{
    (void) start (NULL);
    for (unsigned i = 0, n = 1 + rng_below (rng, 5); i < n; i++) {
        char name[8];

        (void) snprintf (name, sizeof name, "g%u", i);
        put_gpu (i, name, rng_below (rng, 2) ? "xe" : "i915", 1 + rng_below (rng, 6));
    }
}

static void
in_any_history_nobody_gets_what_another_has (void **state)
{
    struct rng rng = rng_start (__func__);
    unsigned verdicts[3] = {0};

    (void) state;
    for (unsigned history = 0; history < 3000; history++) {
        random_machine (&rng);
        for (unsigned step = 0; step < 40; step++) {
            if (rng_below (&rng, 3) == 0 && leases.n > 0) {
                lease_drop (&leases, &leases.table[leases.order[rng_below (&rng, leases.n)]]);
            } else if (rng_below (&rng, 20) == 0) {
                struct gpu *gpu = &gpus.table[rng_below (&rng, 5)];

                if (gpu->state != GPU_ABSENT)
                    gpu->state = gpu->state == GPU_LOST ? GPU_PRESENT : GPU_LOST;
            } else {
                const char *text = requests[rng_below (&rng, countof (requests))];
                struct request req = request (text);

                ask (&req, rng_below (&rng, 3) ? 0 : rng_below (&rng, 32));
                verdicts[decision.verdict]++;
                if (decision.verdict == VERDICT_GRANT)
                    hold ("x", text, decision.gpus);
            }
            check_held ();
        }
    }
    /* The history has to be worth the name.  */
    assert_true (verdicts[VERDICT_GRANT] > 10000 && verdicts[VERDICT_WAIT] > 10000
                 && verdicts[VERDICT_REFUSE] > 1000);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        arbiter_test (the_first_preference_that_has_room_is_taken),
        arbiter_test (any_is_the_least_loaded_by_share_of_its_slots),
        arbiter_test (a_lost_gpu_is_not_given),
        arbiter_test (slots_are_given_to_the_last_and_no_further),
        arbiter_test (more_slots_than_there_are_is_refused),
        arbiter_test (exclusive_means_alone),
        arbiter_test (a_monitor_sees_all_and_counts_as_nobody),
        arbiter_test (a_lease_without_a_gpu_holds_none),
        arbiter_test (all_is_every_one_or_none),
        arbiter_test (slots_of_all_count_on_every_gpu),
        arbiter_test (all_with_more_slots_than_the_smallest_has_is_refused),
        arbiter_test (what_others_wait_for_is_not_given_away),
        arbiter_test (the_queue_goes_by_class),
        arbiter_test (many_holders_are_cut_not_overrun),
        arbiter_test (who_has_no_name_is_called_by_its_id),
        arbiter_test (in_any_history_nobody_gets_what_another_has),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
