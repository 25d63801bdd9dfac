#include "tests/unit/gpu_model.h"

enum { ROUNDS = 40 };

static struct model model;

static const struct governor_lease *
lease (unsigned i)
{
    return &governor.leases[i];
}

static int
start (void **state)
{
    (void) state;
    model_init (&model, true);
    return 0;
}

#define governor_test(test) cmocka_unit_test_setup (test, start)

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

/* --- ceilings --- */

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

/* Held within a tenth after three seconds: as a mean, and in each second but for the smallest portion, which
 * is a slice and what the queue holds.  */
static void
assert_ceiling (const struct figures *f, unsigned i)
{
    const struct pattern *p = &model.clients[i].pattern;
    double ceiling = p->share / 100.0;
    double portion = ((double) (p->job * p->depth) * 1.2 + (double) MS (model.config.slice_ms)) / 1e6;
    double margin = ceiling / 10 > portion ? ceiling / 10 : portion;

    if (f->use[i] > ceiling * 1.1 || f->high[i] > ceiling + margin)
        fail_msg ("client %u: ceiling %.3f, use %.3f, at most %.3f", i, ceiling, f->use[i], f->high[i]);
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

/* --- contention --- */

static double
realtime_jobs (const struct figures *f)
{
    double jobs = 0;

    for (unsigned i = 0; i < model.n; i++)
        jobs += model.clients[i].pattern.class == CLASS_REALTIME ? f->jobs[i] : 0;
    return jobs;
}

static void
assert_bounds (const struct figures *f)
{
    for (unsigned i = 0; i < model.n; i++)
        if (model.clients[i].pattern.class == CLASS_REALTIME && !model.clients[i].pattern.share)
            assert_int_equal (model.clients[i].switches, 0);
    if (f->frozen > (model.config.frozen_ms + 10) / 1000.0)
        fail_msg ("frozen for %.3f s", f->frozen);
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

/* --- whatever comes --- */

static struct pattern
random_pattern (struct rng *rng)
{
    static const enum request_class any[] = {CLASS_REALTIME, CLASS_INTERACTIVE, CLASS_BATCH, CLASS_BATCH};
    struct pattern p = {.name = "any",
                        .class = any[rng_below (rng, 4)],
                        .gpu = rng_below (rng, 2),
                        .engine = rng_below (rng, 2) ? ENGINE_VIDEO : ENGINE_RENDER,
                        .job = 500 + rng_below (rng, 15000),
                        .depth = 1 + rng_below (rng, 4),
                        .unknown = rng_below (rng, 10) == 0,
                        .lagging = rng_below (rng, 4) == 0};

    if (rng_below (rng, 2))
        p.every = p.job * (2 + rng_below (rng, 6));
    else if (rng_below (rng, 3) == 0)
        p.think = 1000 + rng_below (rng, 20000);
    if (rng_below (rng, 3) == 0)
        p.share = 10 + rng_below (rng, 85);
    if (rng_below (rng, 4) == 0) {
        p.on = MS (100 + rng_below (rng, 3000));
        p.off = MS (100 + rng_below (rng, 3000));
    }
    if (rng_below (rng, 4) == 0) {
        p.start = MS (rng_below (rng, 4000));
        p.stop = p.start + MS (500 + rng_below (rng, 10000));
    }
    p.then = p.engine;
    return p;
}

/* Has anything that could freeze this client been there at all: a ceiling of its own, or another's use of its
 * engine that comes before its own?  */
static bool
may_be_frozen (unsigned i)
{
    const struct pattern *p = &model.clients[i].pattern;

    if (p->unknown)
        return false;
    if (p->share)
        return true;
    if (p->class == CLASS_REALTIME)
        return false;
    for (unsigned k = 0; k < model.n; k++) {
        const struct pattern *other = &model.clients[k].pattern;

        if (other->gpu == p->gpu && other->engine == p->engine && !other->unknown
            && (other->class == CLASS_REALTIME
                || (other->class == CLASS_INTERACTIVE && p->class == CLASS_BATCH)))
            return true;
    }
    return false;
}

static void
test_any_clients (void **state)
{
    struct rng rng = rng_start ("any clients");

    (void) state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned n = 1 + rng_below (&rng, 10);
        struct figures f;

        (void) start (NULL);
        model.rng = rng;
        model.quantum = MS (rng_below (&rng, 6));
        for (unsigned i = 0; i < n; i++)
            (void) model_add (&model, random_pattern (&rng));
        f = model_measure (&model, 3, 10);
        assert_bounds (&f);
        for (unsigned i = 0; i < n; i++) {
            const struct pattern *p = &model.clients[i].pattern;

            if (model.clients[i].switches > 0 && !may_be_frozen (i))
                fail_msg ("round %u: client %u was frozen", round, i);
            /* Bursts are as long as a look takes to come.  */
            if (p->share && !p->unknown && !p->on && !p->start)
                assert_ceiling (&f, i);
        }
    }
}

/* Realtime's throughput, and no idleness, with whatever batch jobs.  */
static void
test_any_contention (void **state)
{
    struct rng rng = rng_start ("any contention");

    (void) state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t work = 3000 + rng_below (&rng, 17000);
        unsigned n = 1 + rng_below (&rng, 4);
        struct figures f;

        (void) start (NULL);
        model.rng = rng;
        model.quantum = MS (rng_below (&rng, 6));
        (void) model_add (&model, (struct pattern) CAMERAS (work));
        for (unsigned i = 0; i < n; i++)
            (void) model_add (&model, (struct pattern) BATCH (.job = 1000 + rng_below (&rng, 9000),
                                                              .depth = 1 + rng_below (&rng, 3)));
        f = model_measure (&model, 3, 20);
        if (f.jobs[0] < 30 * 0.95)
            fail_msg ("round %u: %u batch jobs, work %" PRIu64 ": %.2f frames", round, n, work, f.jobs[0]);
        if (f.idle >= 0.05)
            fail_msg ("round %u: %u batch jobs, work %" PRIu64 ": %.3f idle", round, n, work, f.idle);
        if (jain (&model, &f, CLASS_BATCH) < 0.95)
            fail_msg ("round %u: Jain's index %.3f", round, jain (&model, &f, CLASS_BATCH));
        assert_bounds (&f);
    }
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
        governor_test (test_debts_have_an_end),
        governor_test (test_ceilings),
        governor_test (test_below_the_ceiling),
        governor_test (test_ceiling_of_two_engines),
        governor_test (test_ceilings_together),
        governor_test (test_contention),
        governor_test (test_target_for_realtime_that_waits),
        governor_test (test_the_second_look),
        governor_test (test_fairness),
        governor_test (test_no_oscillation),
        governor_test (test_other_engines),
        governor_test (test_decay),
        governor_test (test_late_samples),
        governor_test (test_full_tables),
        governor_test (test_places_are_used_again),
        governor_test (test_any_clients),
        governor_test (test_any_contention),
    };

    return cmocka_run_group_tests_name ("governor", tests, NULL, NULL);
}
