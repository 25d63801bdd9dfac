#include "governor_bed.h"

/* --- when it looks, and when it does not --- */

static void
test_alone_it_sleeps (void **state)
{
    (void) state;
    governor_admit (&governor, 0, CLASS_REALTIME, 0, 1, 1000);
    assert_int_equal (governor.wake_at, 0);
    governor_admit (&governor, 1, CLASS_REALTIME, 0, 1, 2000);
    governor_admit (&governor, 2, CLASS_BATCH, 0, 2, 3000);
    governor_admit (&governor, 3, CLASS_BATCH, 0, 2 | 4, 4000);
    assert_int_equal (governor.sample_at, 0);
    assert_int_equal (governor.wake_at, 0);
}

static void
test_two_classes_on_a_gpu_wake_it (void **state)
{
    static const enum request_class pairs[][2] = {
        {CLASS_REALTIME, CLASS_BATCH}, {CLASS_INTERACTIVE, CLASS_BATCH}, {CLASS_REALTIME, CLASS_INTERACTIVE}};

    (void) state;
    for (unsigned k = 0; k < 3; k++) {
        (void) start (NULL);
        governor_admit (&governor, 0, pairs[k][0], 0, 1, 1000);
        governor_admit (&governor, 200, pairs[k][1], 0, 3, 2000);
        assert_int_equal (governor.sample_at, 2000);
        assert_int_equal (governor.wake_at, 2000);
        governor_dismiss (&governor, 0, 3000);
        assert_int_equal (governor.wake_at, 0);
    }
}

static void
test_a_ceiling_wakes_it (void **state)
{
    (void) state;
    governor_admit (&governor, 7, CLASS_BATCH, 40, 1, 1000);
    assert_int_equal (governor.sample_at, 1000);
    governor_dismiss (&governor, 7, 2000);
    assert_int_equal (governor.wake_at, 0);
}

/* A calm engine is looked at once a second, a full one ten times.  */
static void
test_pace (void **state)
{
    struct figures f;

    (void) state;
    (void) model_add (&model, (struct pattern) CAMERAS (4000));
    (void) model_add (&model, (struct pattern) BATCH (.job = 5000, .every = 33333));
    f = model_measure (&model, 3, 20);
    assert_in_range ((unsigned) f.samples, 0, 1);
    assert_true (f.samples > 0.9);
    assert_true (f.switches == 0); /* 27 % of the engine: nobody is in the way of anybody */

    (void) start (NULL);
    (void) model_add (&model, (struct pattern) CAMERAS (4000));
    (void) model_add (&model, (struct pattern) BATCH (.job = 5000));
    f = model_measure (&model, 3, 20);
    assert_true (f.samples > 9 && f.samples <= 10);
}

/* --- what it does not know --- */

static void
test_without_figures_nobody_is_frozen (void **state)
{
    struct figures f;

    (void) state;
    (void) model_add (&model, (struct pattern) CAMERAS (13000));
    (void) model_add (&model, (struct pattern) STREAM (.job = 5000, .share = 20, .unknown = true));
    (void) model_add (&model, (struct pattern) BATCH (.job = 5000, .unknown = true));
    f = model_measure (&model, 3, 10);
    assert_true (f.switches == 0);
    assert_true (lease (1)->blind);
    assert_true (lease (2)->blind);
    assert_false (lease (0)->blind);
    governor_dismiss (&governor, 0, model.now);
    governor_dismiss (&governor, 1, model.now);
    assert_false (lease (2)->blind); /* it is in nobody's way */
}

/* What realtime uses is not known: batch is left alone.  */
static void
test_unknown_realtime_throttles_nobody (void **state)
{
    struct figures f;

    (void) state;
    (void) model_add (&model, (struct pattern) BATCH (.job = 5000, .copies = 2));
    (void) model_add (&model, (struct pattern){.name = "cameras",
                                               .class = CLASS_REALTIME,
                                               .engine = ENGINE_VIDEO,
                                               .job = 13000,
                                               .every = 33333,
                                               .unknown = true});
    f = model_measure (&model, 3, 10);
    assert_true (f.switches == 0);
}

/* Figures that stop coming thaw the lease, and a first figure is not taken for use.  */
static void
test_figures_come_and_go (void **state)
{
    uint64_t busy[ENGINES] = {[ENGINE_VIDEO] = UINT64_C (7200000000000)}, now = SECONDS (5);

    (void) state;
    governor_admit (&governor, 0, CLASS_BATCH, 10, 1, now);
    for (unsigned k = 0; k < 30; k++) {
        governor_report (&governor, 0, 0, busy);
        governor_sample (&governor, now);
        if (k == 0)
            assert_false (lease (0)->frozen || lease (0)->until);
        now += MS (100);
        busy[ENGINE_VIDEO] += 90000000;
    }
    assert_true (lease (0)->frozen);
    for (unsigned k = 0; k < 3; k++) {
        governor_sample (&governor, now);
        assert_false (lease (0)->frozen);
        assert_int_equal (lease (0)->until, 0);
        assert_int_equal (lease (0)->blind, k == 2); /* one look that is missed is none */
        now += MS (100);
    }
    for (unsigned k = 0; k < 3; k++) {
        governor_report (&governor, 0, 0, busy);
        governor_sample (&governor, now);
        assert_false (lease (0)->frozen);
        assert_int_equal (lease (0)->blind, k < 2);
        now += MS (100);
    }
}

/* The kernel's counters may fall for a while: 10 % use stays 10 %, below the ceiling.  */
static void
test_counters_that_go_back (void **state)
{
    uint64_t busy[ENGINES] = {0}, now = SECONDS (5);

    (void) state;
    governor_admit (&governor, 0, CLASS_BATCH, 15, 1, now);
    for (unsigned k = 0; k < 199; k++) {
        uint64_t told[ENGINES] = {[ENGINE_VIDEO] = busy[ENGINE_VIDEO]};

        if (k % 5 == 4)
            told[ENGINE_VIDEO] /= 2;
        governor_report (&governor, 0, 0, told);
        governor_sample (&governor, now);
        assert_true (lease (0)->use[0][ENGINE_VIDEO].use < 0.2F);
        now += MS (100);
        busy[ENGINE_VIDEO] += 10000000;
    }
    assert_true (lease (0)->use[0][ENGINE_VIDEO].use > 0.07F);
}

/* One that does not come back counts from where it is: a ceiling cannot be dodged so.  */
static void
test_counters_that_start_again (void **state)
{
    uint64_t busy[ENGINES] = {[ENGINE_VIDEO] = SECONDS (1000000)}, now = SECONDS (5);

    (void) state;
    governor_admit (&governor, 0, CLASS_BATCH, 15, 1, now);
    for (unsigned k = 0; k < 40; k++) {
        governor_report (&governor, 0, 0, busy);
        governor_sample (&governor, now);
        now += MS (100);
        busy[ENGINE_VIDEO] = k == 3 ? 0 : busy[ENGINE_VIDEO] + 90000000;
    }
    assert_true (lease (0)->use[0][ENGINE_VIDEO].use > 0.5F);
    assert_true (lease (0)->frozen);
}

/* A jump that no GPU can make is no use of it.  */
static void
test_counters_that_jump (void **state)
{
    uint64_t busy[ENGINES] = {0}, now = SECONDS (5);

    (void) state;
    governor_admit (&governor, 0, CLASS_BATCH, 15, 1, now);
    for (unsigned k = 0; k < 10; k++) {
        governor_report (&governor, 0, 0, busy);
        governor_sample (&governor, now);
        assert_false (lease (0)->frozen);
        now += MS (100);
        busy[ENGINE_VIDEO] += k == 5 ? UINT64_C (1) << 62 : 1000000;
    }
}

/* --- limits --- */

static void
test_full_tables (void **state)
{
    uint64_t now = SECONDS (5), busy[ENGINES];

    (void) state;
    for (unsigned i = 0; i < LEASES_MAX; i++)
        governor_admit (&governor, i, (enum request_class) (i % 3), i % 2 ? 40 : 0, 0xffff, now);
    for (unsigned k = 1; k <= 30; k++) {
        for (unsigned e = 0; e < ENGINES; e++)
            busy[e] = k * UINT64_C (100000000) / LEASES_MAX;
        for (unsigned i = 0; i < LEASES_MAX; i++)
            for (unsigned gpu = 0; gpu < GPUS_MAX; gpu++)
                governor_report (&governor, i, gpu, busy);
        governor_sample (&governor, now);
        now += MS (100);
        for (unsigned i = 0; i < LEASES_MAX; i++)
            if (i % 3 == CLASS_REALTIME)
                assert_false (lease (i)->frozen);
    }
    assert_true (governor.engines[15][ENGINE_OTHER].contended);
    for (unsigned i = 0; i < LEASES_MAX; i++)
        governor_dismiss (&governor, (i * 7) % LEASES_MAX, now);
    assert_int_equal (governor.n, 0);
    assert_int_equal (governor.wake_at, 0);
}

/* A place in the table that is used again starts anew.  */
static void
test_places_are_used_again (void **state)
{
    (void) state;
    (void) model_add (&model, (struct pattern) STREAM (.share = 10, .job = 5000));
    model_go (&model, SECONDS (3));
    governor_dismiss (&governor, 0, model.now);
    governor_admit (&governor, 0, CLASS_INTERACTIVE, 10, 1, model.now);
    assert_false (lease (0)->frozen);
    assert_true (lease (0)->use[0][ENGINE_VIDEO].debt == 0);
    assert_true (lease (0)->use[0][ENGINE_VIDEO].use == 0);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        governor_test (test_alone_it_sleeps),
        governor_test (test_two_classes_on_a_gpu_wake_it),
        governor_test (test_a_ceiling_wakes_it),
        governor_test (test_pace),
        governor_test (test_without_figures_nobody_is_frozen),
        governor_test (test_unknown_realtime_throttles_nobody),
        governor_test (test_figures_come_and_go),
        governor_test (test_counters_that_go_back),
        governor_test (test_counters_that_start_again),
        governor_test (test_counters_that_jump),
        governor_test (test_full_tables),
        governor_test (test_places_are_used_again),
    };

    return cmocka_run_group_tests_name ("governor", tests, NULL, NULL);
}
