#include "governor_bed.h"

static double
realtime_jobs (const struct figures *f)
{
    double jobs = 0;

    for (unsigned i = 0; i < model.n; i++)
        jobs += model.clients[i].pattern.class == CLASS_REALTIME ? f->jobs[i] : 0;
    return jobs;
}

/* Realtime has what it has alone, nothing is left idle, and equals get the same.  */
static void
test_contention (void **state)
{
    (void) state;
    for (size_t k = 0; k < sizeof contended / sizeof contended[0]; k++) {
        struct figures f;
        double alone;

        model_scenario (&model, &contended[k], false, true, CLASS_REALTIME);
        f = model_measure (&model, 3, 30);
        alone = realtime_jobs (&f);
        model_scenario (&model, &contended[k], true, false, CLASS_REALTIME);
        f = model_measure (&model, 3, 30);
        if (realtime_jobs (&f) < alone * 0.95)
            fail_msg ("%s: %.2f realtime jobs of %.2f", contended[k].name, realtime_jobs (&f), alone);
        if (f.idle >= 0.05)
            fail_msg ("%s: %.1f %% idle", contended[k].name, f.idle * 100);
        if (alone > 0 && f.low[0] < f.ideal[0] * 0.85)
            fail_msg ("%s: a second with %.3f, ideal %.3f", contended[k].name, f.low[0], f.ideal[0]);
        assert_bounds (&f);
    }
}

/* Realtime that waits for each frame has nothing queued for moments in which batch does not run, so it loses
 * what batch has of the engine meanwhile, and no figure tells that it would have had more. Where that matters
 * the target is the price: what it leaves idle, realtime finds free.  */
static void
test_target_for_realtime_that_waits (void **state)
{
    static const struct {
        unsigned target;
        double part;
    } levels[] = {{97, 0.6}, {85, 0.75}, {70, 0.95}};
    const struct scenario *waiting = &hard[1];
    double alone;

    (void) state;
    model_scenario (&model, waiting, false, true, CLASS_REALTIME);
    alone = model_measure (&model, 3, 20).jobs[0];
    for (size_t k = 0; k < sizeof levels / sizeof levels[0]; k++) {
        struct figures f;

        model_scenario (&model, waiting, true, false, CLASS_REALTIME);
        model_target (&model, levels[k].target);
        f = model_measure (&model, 3, 20);
        if (f.jobs[0] < alone * levels[k].part)
            fail_msg ("target %u: %.2f frames of %.2f", levels[k].target, f.jobs[0], alone);
        assert_true (f.use[1] > 0.03); /* batch goes on */
        assert_bounds (&f);
    }
}

/* A calm engine is looked at once in watch_ms. When batch has filled it since some time in between, the look
 * after next finds it full at the latest.  */
static void
test_the_second_look (void **state)
{
    (void) state;
    (void) model_add (&model, (struct pattern) CAMERAS (13000));
    (void) model_add (&model, (struct pattern) BATCH (.job = 1000, .every = 100000, .stop = SECONDS (60)));
    (void) model_add (
        &model, (struct pattern) BATCH (.job = 5000, .copies = 3, .on = SECONDS (60), .off = SECONDS (3)));
    model.clients[2].pattern.start = model.now + MS (3500);
    model_go (&model, MS (3500));
    assert_int_equal (model.clients[1].switches, 0);
    model_go (&model, MS (2 * model.config.watch_ms + model.config.period_ms));
    assert_true (governor.engines[0][ENGINE_VIDEO].contended);
    assert_true (model.clients[2].switches > 0);
}

/* Equals share equally, though their jobs and queues are unlike; and streams get four times what batch does.
 */
static void
test_fairness (void **state)
{
    static const struct scenario mixed[] = {
        {"",
         1000,
         {CAMERAS (4000), STREAM (.job = 3000), STREAM (.job = 12000, .depth = 3), BATCH (.job = 2000),
          BATCH (.job = 15000, .depth = 3), BATCH (.job = 6000, .depth = 6)}},
        {"", 1000, {STREAM (.job = 5000), BATCH (.job = 5000), BATCH (.job = 9000)}},
        {"", 1000, {STREAM (.job = 5000), STREAM (.share = 10, .job = 5000), BATCH (.job = 5000)}},
    };
    struct figures f;

    (void) state;
    for (size_t k = 0; k < sizeof mixed / sizeof mixed[0]; k++) {
        model_scenario (&model, &mixed[k], true, false, CLASS_BATCH);
        f = model_measure (&model, 5, 40);
        assert_true (jain (&model, &f, CLASS_BATCH) > 0.95);
        if (k == 0) /* no ceilings among them */
            assert_true (jain (&model, &f, CLASS_INTERACTIVE) > 0.95);
        for (unsigned i = 0; i < model.n; i++)
            if (f.use[i] < f.ideal[i] * 0.85 || f.use[i] > f.ideal[i] * 1.1)
                fail_msg ("%zu, client %u: %.3f, ideal %.3f", k, i, f.use[i], f.ideal[i]);
        assert_bounds (&f);
    }
}

/* Settled, each second is like the others: no share goes up and down.  */
static void
test_no_oscillation (void **state)
{
    static const struct scenario steady[] = {
        {"", 1000, {CAMERAS (4000), BATCH (.job = 5000)}},
        {"", 1000, {CAMERAS (13000), BATCH (.job = 5000, .copies = 2)}},
        {"", 1000, {CAMERAS (4000), STREAM (.job = 5000), BATCH (.job = 5000)}},
        {"", 1000, {STREAM (.share = 40, .job = 5000)}},
    };

    (void) state;
    for (size_t k = 0; k < sizeof steady / sizeof steady[0]; k++) {
        struct figures f;

        model_scenario (&model, &steady[k], true, false, CLASS_BATCH);
        f = model_measure (&model, 6, 60);
        for (unsigned i = 0; i < model.n; i++)
            if (f.high[i] - f.low[i] > 0.06)
                fail_msg ("%zu: client %u between %.3f and %.3f", k, i, f.low[i], f.high[i]);
        assert_true (f.switches <= 20.0 * model.n); /* a freeze and a thaw in each period */
    }
}

/* On engines of their own, or on GPUs of their own, they are not in each other's way.  */
static void
test_other_engines (void **state)
{
    struct figures f;

    (void) state;
    (void) model_add (&model, (struct pattern) CAMERAS (20000));
    (void) model_add (&model, (struct pattern){.class = CLASS_BATCH, .engine = ENGINE_RENDER, .job = 5000});
    (void) model_add (&model,
                      (struct pattern){.class = CLASS_BATCH, .engine = ENGINE_VIDEO, .gpu = 15, .job = 5000});
    (void) model_add (
        &model, (struct pattern){.class = CLASS_REALTIME, .engine = ENGINE_COPY, .gpu = 15, .job = 5000});
    f = model_measure (&model, 3, 10);
    assert_true (f.switches == 0);
}

/* Batch runs free within moments after realtime went, and sooner or later after it fell silent.  */
static void
test_decay (void **state)
{
    (void) state;
    (void) model_add (&model, (struct pattern){.class = CLASS_REALTIME,
                                               .engine = ENGINE_VIDEO,
                                               .job = 13000,
                                               .every = 33333,
                                               .on = SECONDS (5),
                                               .off = SECONDS (5),
                                               .stop = SECONDS (16)});
    (void) model_add (&model, (struct pattern) BATCH (.job = 5000, .depth = 3));
    model_go (&model, SECONDS (5));
    assert_true (model.clients[1].switches > 10);
    model_go (&model, MS (1500)); /* less than hold_ms: a pause */
    assert_true (governor.engines[0][ENGINE_VIDEO].contended);
    model_go (&model, MS (1500));
    model_settle (&model);
    model_go (&model, SECONDS (2));
    assert_int_equal (model.clients[1].switches, 0);
    assert_in_range (model.samples, 2, 4);
    model_go (&model, SECONDS (5));
    assert_true (model.clients[1].switches > 10);
    model_go (&model, MS (1010));
    model_settle (&model);
    model_go (&model, SECONDS (2));
    assert_int_equal (model.clients[1].switches, 0);
    assert_int_equal (model.samples, 0);
    assert_int_equal (governor.wake_at, 0);
}

/* A broker that is kept from its work: nobody starves, realtime is no worse off than ungoverned.  */
static void
test_late_samples (void **state)
{
    struct figures f;

    (void) state;
    model.late = MS (150);
    (void) model_add (&model, (struct pattern) CAMERAS (4000));
    (void) model_add (&model, (struct pattern) STREAM (.share = 30, .job = 5000));
    (void) model_add (&model, (struct pattern) BATCH (.job = 5000));
    f = model_measure (&model, 5, 20);
    assert_true (f.jobs[0] > 29);
    assert_true (f.use[1] < 0.36);
    assert_true (f.use[2] > 0.2);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        governor_test (test_contention),      governor_test (test_target_for_realtime_that_waits),
        governor_test (test_the_second_look), governor_test (test_fairness),
        governor_test (test_no_oscillation),  governor_test (test_other_engines),
        governor_test (test_decay),           governor_test (test_late_samples),
    };

    return cmocka_run_group_tests_name ("governor: contention", tests, NULL, NULL);
}
