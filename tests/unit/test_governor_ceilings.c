#include "governor_bed.h"

/* However much a job took that was counted when it was done: it is paid back within the longest freeze.  */
static void
test_debts_have_an_end (void **state)
{
    uint64_t busy[ENGINES] = {0}, now = SECONDS (5), free_at = 0;

    (void) state;
    governor_admit (&governor, 0, CLASS_BATCH, 10, 1, now);
    for (unsigned k = 0; k < 100; k++) {
        governor_report (&governor, 0, 0, busy);
        governor_sample (&governor, now);
        if (lease (0)->frozen)
            free_at = 0;
        else if (free_at == 0)
            free_at = now;
        now += governor.sample_at - now;
        busy[ENGINE_VIDEO] += k == 10 ? 900000000 : k < 10 ? 20000000 : 0;
    }
    assert_in_range (free_at, SECONDS (7), SECONDS (6) + MS (model.config.frozen_ms + 400));
}

static void
test_ceilings (void **state)
{
    static const struct pattern patterns[] = {
        STREAM (.share = 5, .job = 5000),
        STREAM (.share = 5, .job = 15000, .depth = 3),
        STREAM (.share = 10, .job = 5000),
        STREAM (.share = 10, .job = 30000),
        BATCH (.share = 25, .job = 1000, .depth = 8),
        BATCH (.share = 40, .job = 5000),
        STREAM (.share = 40, .job = 16000, .lagging = true),
        STREAM (.share = 60, .job = 8000, .depth = 4),
        STREAM (.share = 80, .job = 5000),
        STREAM (.share = 95, .job = 5000),
        {.name = "cameras", .class = CLASS_REALTIME, .share = 50, .job = 5000},
    };

    (void) state;
    for (size_t k = 0; k < sizeof patterns / sizeof patterns[0]; k++) {
        struct figures f;

        (void) start (NULL);
        (void) model_add (&model, patterns[k]);
        f = model_measure (&model, 3, 20);
        assert_ceiling (&f, 0);
        if (f.use[0] < patterns[k].share / 100.0 * 0.9)
            fail_msg ("ceiling %u: only %.3f", patterns[k].share, f.use[0]);
    }
}

/* Who stays below his ceiling is left alone.  */
static void
test_below_the_ceiling (void **state)
{
    struct figures f;

    (void) state;
    (void) model_add (&model, (struct pattern) STREAM (.share = 40, .job = 9000, .every = 33333));
    f = model_measure (&model, 0, 20);
    assert_true (f.switches == 0);
    assert_true (f.use[0] > 0.26);
}

/* Each engine has its own ceiling: the tightest one counts.  */
static void
test_ceiling_of_two_engines (void **state)
{
    uint64_t video, render;

    (void) state;
    (void) model_add (
        &model, (struct pattern) STREAM (.share = 30, .job = 3000, .then = ENGINE_RENDER, .then_job = 6000));
    model_go (&model, SECONDS (3));
    video = model.clients[0].busy[ENGINE_VIDEO];
    render = model.clients[0].busy[ENGINE_RENDER];
    model_go (&model, SECONDS (10));
    assert_in_range (model.clients[0].busy[ENGINE_RENDER] - render, MS (2700), MS (3300));
    assert_in_range (model.clients[0].busy[ENGINE_VIDEO] - video, MS (1300), MS (1700));
}

/* Several with ceilings on one engine, and one without: theirs are held, and the rest is his.  */
static void
test_ceilings_together (void **state)
{
    struct figures f;

    (void) state;
    (void) model_add (&model, (struct pattern) STREAM (.share = 10, .job = 5000, .depth = 4));
    (void) model_add (&model, (struct pattern) STREAM (.share = 20, .job = 3000));
    (void) model_add (&model, (struct pattern) STREAM (.share = 30, .job = 8000));
    (void) model_add (&model, (struct pattern) STREAM (.job = 5000));
    f = model_measure (&model, 3, 20);
    for (unsigned i = 0; i < 3; i++)
        assert_ceiling (&f, i);
    assert_true (f.use[3] > 0.39);
    assert_true (model.clients[3].switches == 0);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        governor_test (test_debts_have_an_end), governor_test (test_ceilings),
        governor_test (test_below_the_ceiling), governor_test (test_ceiling_of_two_engines),
        governor_test (test_ceilings_together),
    };

    return cmocka_run_group_tests_name ("governor: ceilings", tests, NULL, NULL);
}
