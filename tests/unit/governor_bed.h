/* A governed model of a GPU, and what has to hold of it in whatever contention.  */
#ifndef DRI_GOVERNOR_BED_H
#define DRI_GOVERNOR_BED_H

#include "tests/unit/gpu_scenarios.h"

static struct model model;

UNUSED static const struct governor_lease *
lease (unsigned i)
{
    return &governor.leases[i];
}

UNUSED static int
start (void **state)
{
    (void) state;
    model_init (&model, true);
    return 0;
}

#define governor_test(test) cmocka_unit_test_setup (test, start)

/* Held within a tenth after three seconds: as a mean, and in each second but for the smallest portion, which
 * is a slice and what the queue holds.  */
UNUSED static void
assert_ceiling (const struct figures *f, unsigned i)
{
    const struct pattern *p = &model.clients[i].pattern;
    double ceiling = p->share / 100.0;
    double portion = ((double) (p->job * p->depth) * 1.2 + (double) MS (model.config.slice_ms)) / 1e6;
    double margin = ceiling / 10 > portion ? ceiling / 10 : portion;

    if (f->use[i] > ceiling * 1.1 || f->high[i] > ceiling + margin)
        fail_msg ("client %u: ceiling %.3f, use %.3f, at most %.3f", i, ceiling, f->use[i], f->high[i]);
}

UNUSED static void
assert_bounds (const struct figures *f)
{
    for (unsigned i = 0; i < model.n; i++)
        if (model.clients[i].pattern.class == CLASS_REALTIME && !model.clients[i].pattern.share)
            assert_int_equal (model.clients[i].switches, 0);
    if (f->frozen > (model.config.frozen_ms + 10) / 1000.0)
        fail_msg ("frozen for %.3f s", f->frozen);
}

#endif
