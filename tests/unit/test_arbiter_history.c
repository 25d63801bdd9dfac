#include "arbiter_bed.h"

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
    "require=h264-decode",
    "require=av1-encode gpu=g1,any",
    "require=h264-decode,av1-encode slots=2",
    "require=av1-encode wait=0s",
    "gpu=all require=h264-decode",
    "gpu=all require=av1-encode wait=0s",
    "access=exclusive require=h264-decode wait=2s",
    "access=monitor require=av1-encode",
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

enum tier { ABLE, ASKED, UNKNOWN, UNABLE };

/* By the text of the two capabilities that the requests of this test know.  */
static enum tier
tier_of (const struct request *req, unsigned i)
{
    const char *text = req->text[KEY_REQUIRE];
    const struct gpu_ready *ready = &gpus.table[i].ready;

    if (!*text || req->access == ACCESS_MONITOR)
        return ABLE;
    if (ready->knowledge == GPU_ASKED)
        return req->wait_ms < 7000 ? UNKNOWN : ASKED;
    if (ready->knowledge == GPU_UNKNOWN)
        return UNKNOWN;
    return (strstr (text, "h264-decode") && !(ready->abilities.decode & 1U << VIDEO_H264))
                   || (strstr (text, "av1-encode") && !ready->abilities.encode[VIDEO_AV1])
               ? UNABLE
               : ABLE;
}

/* By the names of its selectors, which are all that the policies of this test use.  */
static bool
may_be_given (unsigned i)
{
    for (unsigned p = 0; p < policy_of_test.n_gpus; p++)
        if (strcmp (policy_of_test.gpus[p].text, gpus.table[i].name) == 0)
            return true;
    return policy_of_test.n_gpus == 0;
}

static bool
could_have (const struct count *c, const struct request *req, uint32_t reserved, unsigned i)
{
    if (gpus.table[i].state != GPU_PRESENT || (reserved & (1U << i)) || c->exclusive[i] || !may_be_given (i))
        return false;
    return req->access == ACCESS_EXCLUSIVE ? !c->shared[i] : c->slots[i] + req->slots <= gpus.table[i].slots;
}

/* Of 1: by slots, or by load where that is more and is known of all.  */
static double
fullness (const struct count *c, uint32_t set, unsigned i)
{
    double slots = (double) c->slots[i] / gpus.table[i].slots;
    bool known = load_is_known;

    for (unsigned j = 0; j < GPUS_MAX; j++)
        if ((set & (1U << j)) && load_of_test.percent[j] < 0)
            known = false;
    return known && load_of_test.percent[i] >= 10 && load_of_test.percent[i] / 100.0 > slots
               ? load_of_test.percent[i] / 100.0
               : slots;
}

static void
check_place (const struct count *c, uint32_t set)
{
    unsigned chosen = (unsigned) __builtin_ctz (decision.gpus);

    if (home_of_test >= 0 && (set & (1U << home_of_test))) {
        assert_int_equal (chosen, home_of_test);
        return;
    }
    for (unsigned i = 0; i < GPUS_MAX; i++)
        if (set & (1U << i))
            assert_true (fullness (c, set, chosen) <= fullness (c, set, i) + 1e-9);
}

/* The GPU is the one that the request's words mean: by the first that fits one with room. False: none.  */
static bool
check_tier (const struct count *c, const struct request *req, uint32_t reserved, enum tier tier)
{
    for (unsigned s = 0; s < req->n_selectors; s++) {
        uint32_t fitting = 0;

        for (unsigned i = 0; i < GPUS_MAX; i++)
            if (gpu_matches (&gpus.table[i], &req->selectors[s]) && could_have (c, req, reserved, i)
                && tier_of (req, i) == tier)
                fitting |= 1U << i;
        if (!fitting)
            continue;
        if (tier == ASKED) {
            assert_int_equal (decision.verdict, VERDICT_WAIT);
            return true;
        }
        assert_int_equal (decision.verdict, VERDICT_GRANT);
        assert_true (decision.gpus && !(decision.gpus & (decision.gpus - 1)));
        assert_true (decision.gpus & fitting);
        check_place (c, fitting);
        return true;
    }
    return false;
}

static void
check_choice (const struct count *c, const struct request *req, uint32_t reserved)
{
    for (enum tier tier = ABLE; tier <= UNKNOWN; tier++)
        if (check_tier (c, req, reserved, tier))
            return;
    assert_int_not_equal (decision.verdict, VERDICT_GRANT);
}

static void
check_all (const struct count *c, const struct request *req, uint32_t reserved)
{
    bool free_ones = true;
    uint32_t present = 0;

    for (unsigned i = 0; i < GPUS_MAX; i++)
        if (gpus.table[i].state == GPU_PRESENT && may_be_given (i) && tier_of (req, i) != UNABLE) {
            present |= 1U << i;
            free_ones &= could_have (c, req, reserved, i) && tier_of (req, i) != ASKED;
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
    ask_leases = &none;
    assert_int_equal (decide_for (req, 0, 0, &alone), VERDICT_REFUSE);
    ask_leases = &leases;
}

static void
ask (const struct request *req, uint32_t reserved)
{
    struct count c = count ();
    struct decision again;

    memset (&decision, 0xaa, sizeof decision);
    memset (&again, 0x55, sizeof again);
    decide_for (req, 0, reserved, &decision);
    decide_for (req, 0, reserved, &again);
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
    static const char *const knowledge[] = {
        "?", "...", "", "h264-decode", "av1-encode-cqp", "h264-decode,av1-encode"};

    (void) start (NULL);
    for (unsigned i = 0, n = 1 + rng_below (rng, 5); i < n; i++) {
        char name[8];

        (void) snprintf (name, sizeof name, "g%u", i);
        put_gpu (i, name, rng_below (rng, 2) ? "xe" : "i915", 1 + rng_below (rng, 6));
        knows (i, knowledge[rng_below (rng, countof (knowledge))]);
    }
}

/* What is known of the asker beside the request.  */
static void
random_circumstances (struct rng *rng)
{
    policy_of_test.n_gpus = rng_below (rng, 3) ? 0 : 1 + (unsigned) rng_below (rng, 2);
    for (unsigned i = 0; i < policy_of_test.n_gpus; i++) {
        struct selector *selector = &policy_of_test.gpus[i];

        *selector = (struct selector){.kind = SELECT_NAME};
        (void) snprintf (selector->text, sizeof selector->text, "g%u", (unsigned) rng_below (rng, 5));
    }
    home_of_test = (int) rng_below (rng, 6) - 1;
    load_is_known = rng_below (rng, 2);
    for (unsigned i = 0; i < GPUS_MAX; i++)
        load_of_test.percent[i] = rng_below (rng, 12) ? (int) rng_below (rng, 101) : -1;
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

                random_circumstances (&rng);
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
        arbiter_test (in_any_history_nobody_gets_what_another_has),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
