/* How well the governor shares a modelled GPU: no clock of this machine, the same figures everywhere.
 *
 *   bench_governor [SECONDS]     of simulated time, for each scenario */
#include "tests/unit/gpu_scenarios.h"

static struct model model;

static const char *const classes[] = {
    [CLASS_REALTIME] = "realtime", [CLASS_INTERACTIVE] = "interactive", [CLASS_BATCH] = "batch"};

static void
print (const char *name, double value, const char *unit, double base, const char *of)
{
    (void) printf ("  %-36s %9.2f %-3s", name, value, unit);
    if (of)
        (void) printf ("  × %.3f of %s", base > 0 ? value / base : 0, of);
    (void) puts ("");
}

/* Throughput of the realtime clients, in jobs per second.  */
static double
realtime_jobs (const struct model *m, const struct figures *f)
{
    double jobs = 0;

    for (unsigned i = 0; i < m->n; i++)
        jobs += m->clients[i].pattern.class == CLASS_REALTIME ? f->jobs[i] : 0;
    return jobs;
}

static void
print_class (const struct figures *f, enum request_class class)
{
    char name[64];
    double use = 0, ideal = 0;
    unsigned n = 0;

    for (unsigned i = 0; i < model.n; i++)
        if (model.clients[i].pattern.class == class) {
            use += f->use[i];
            ideal += f->ideal[i];
            n++;
        }
    (void) snprintf (name, sizeof name, "engine time, %s", classes[class]);
    if (n > 0)
        print (name, use * 100, "%", ideal * 100, "ideal sharing");
    (void) snprintf (name, sizeof name, "Jain's index, %s", classes[class]);
    if (n > 1)
        print (name, jain (&model, f, class), "", 0, NULL);
}

static double
swing (const struct model *m, const struct figures *f)
{
    double most = 0;

    for (unsigned i = 0; i < m->n; i++)
        most = f->high[i] - f->low[i] > most ? f->high[i] - f->low[i] : most;
    return most;
}

static void
bench (const struct scenario *scenario, unsigned time)
{
    struct figures f;
    double alone, ungoverned;

    (void) printf ("\n%s\n", scenario->name);
    model_scenario (&model, scenario, false, true, CLASS_REALTIME);
    f = model_measure (&model, 3, time);
    alone = realtime_jobs (&model, &f);
    model_scenario (&model, scenario, false, false, CLASS_REALTIME);
    f = model_measure (&model, 3, time);
    ungoverned = realtime_jobs (&model, &f);
    model_scenario (&model, scenario, true, false, CLASS_REALTIME);
    f = model_measure (&model, 3, time);
    if (alone > 0) {
        print ("realtime, jobs", realtime_jobs (&model, &f), "/s", alone, "alone");
        print ("the same without a governor", ungoverned, "/s", alone, "alone");
    }
    print_class (&f, CLASS_REALTIME);
    print_class (&f, CLASS_INTERACTIVE);
    print_class (&f, CLASS_BATCH);
    print ("engine idle while there was work", f.idle * 100, "%", 0, NULL);
    print ("largest swing of a share, by seconds", swing (&model, &f) * 100, "%", 0, NULL);
    print ("longest freeze", f.frozen * 1000, "ms", 0, NULL);
    print ("freezes and thaws", f.switches, "/s", 0, NULL);
}

static void
bench_ceilings (unsigned time)
{
    static const unsigned shares[] = {5, 10, 25, 40, 60, 80};
    char name[64];

    (void) puts ("\na client with a ceiling and endless work");
    for (size_t k = 0; k < sizeof shares / sizeof shares[0]; k++) {
        struct figures f;

        model_init (&model, true);
        (void) model_add (&model, (struct pattern) STREAM (.share = shares[k], .job = 5000));
        f = model_measure (&model, 3, time);
        (void) snprintf (name, sizeof name, "engine time, ceiling %u %%", shares[k]);
        print (name, f.use[0] * 100, "%", shares[k], "the ceiling");
    }
}

/* What realtime that waits for each of its frames gets is a matter of the target.  */
static void
bench_targets (unsigned time)
{
    static const unsigned targets[] = {97, 90, 80, 70};
    double alone;
    char name[64];

    (void) puts ("\nrealtime that waits for each frame, a batch job, by \"target\"");
    model_scenario (&model, &hard[1], false, true, CLASS_REALTIME);
    alone = model_measure (&model, 3, time).jobs[0];
    for (size_t k = 0; k < sizeof targets / sizeof targets[0]; k++) {
        struct figures f;

        model_scenario (&model, &hard[1], true, false, CLASS_REALTIME);
        model_target (&model, targets[k]);
        f = model_measure (&model, 3, time);
        (void) snprintf (name, sizeof name, "target %u, realtime, jobs", targets[k]);
        print (name, f.jobs[0], "/s", alone, "alone");
        (void) snprintf (name, sizeof name, "target %u, engine idle", targets[k]);
        print (name, f.idle * 100, "%", 0, NULL);
    }
}

static void
bench_samples (unsigned time)
{
    static const struct scenario quiet[] = {
        {"two streams without ceilings", 1000, {STREAM (.job = 5000, .copies = 2)}},
        {"cameras and a stream, a calm engine", 1000, {CAMERAS (4000), STREAM (.job = 8000, .every = 41667)}},
        {"cameras and a batch job, a full engine", 1000, {CAMERAS (4000), BATCH (.job = 5000)}},
    };

    (void) puts ("\nsamples");
    for (size_t k = 0; k < sizeof quiet / sizeof quiet[0]; k++) {
        model_scenario (&model, &quiet[k], true, false, CLASS_REALTIME);
        print (quiet[k].name, model_measure (&model, 3, time).samples, "/s", 0, NULL);
    }
}

int
main (int argc, char **argv)
{
    unsigned time = argc > 1 ? (unsigned) strtoul (argv[1], NULL, 10) : 60;

    bench_ceilings (time);
    bench_samples (time);
    for (size_t k = 0; k < sizeof contended / sizeof contended[0]; k++)
        bench (&contended[k], time);
    (void) puts ("\n--- where the governor does less well ---");
    for (size_t k = 0; k < sizeof hard / sizeof hard[0]; k++)
        bench (&hard[k], time);
    bench_targets (time);
    return 0;
}
