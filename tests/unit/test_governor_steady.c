#include "governor_bed.h"

enum { ROUNDS = 10 };

static void
random_scene (struct rng *rng)
{
    const unsigned batches = 1 + rng_below (rng, 3), streams = rng_below (rng, 3);

    (void) model_add (&model, (struct pattern) CAMERAS (2000 + rng_below (rng, 12000)));
    for (unsigned i = 0; i < streams; i++)
        (void) model_add (&model, (struct pattern) STREAM (.job = 1000 + rng_below (rng, 5000),
                                                           .every = 33333 + rng_below (rng, 33333)));
    for (unsigned i = 0; i < batches; i++)
        (void) model_add (&model, (struct pattern) BATCH (.job = 1000 + rng_below (rng, 5000)));
    if (rng_below (rng, 2))
        (void) model_add (&model, (struct pattern) BATCH (.job = 1000 + rng_below (rng, 3000),
                                                          .share = 10 + rng_below (rng, 30)));
}

/* Whatever the mixture, settled, each second is like the others: no share goes up and down.  */
static void
test_any_steady_load_is_steady (void **state)
{
    struct rng rng = rng_start ("any steady load");

    (void) state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct figures f;

        (void) start (NULL);
        random_scene (&rng);
        model.rng = rng;
        f = model_measure (&model, 6, 30);
        for (unsigned i = 0; i < model.n; i++)
            if (f.high[i] - f.low[i] > 0.08)
                fail_msg ("round %u: client %u of %u between %.3f and %.3f", round, i, model.n, f.low[i],
                          f.high[i]);
        assert_true (f.switches <= 20.0 * model.n);
        assert_bounds (&f);
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {governor_test (test_any_steady_load_is_steady)};

    return cmocka_run_group_tests_name ("governor: steady loads", tests, NULL, NULL);
}
