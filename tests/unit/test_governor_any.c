#include "governor_bed.h"

enum { ROUNDS = 40 };

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
        governor_test (test_any_clients),
        governor_test (test_any_contention),
    };

    return cmocka_run_group_tests_name ("governor: whatever comes", tests, NULL, NULL);
}
