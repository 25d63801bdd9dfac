#include "gpu_scenarios.h"

const struct scenario contended[] = {
    {"cameras, a batch job", MS (1), {CAMERAS (4000), BATCH (.job = 5000)}},
    {"cameras, three batch jobs unlike each other",
     MS (1),
     {CAMERAS (13000), BATCH (.job = 5000), BATCH (.job = 15000, .depth = 3), BATCH (.job = 3000)}},
    {"the same, to the end of each job",
     0,
     {CAMERAS (13000), BATCH (.job = 5000), BATCH (.job = 15000, .depth = 3), BATCH (.job = 3000)}},
    {"cameras, a stream, two batch jobs",
     MS (1),
     {CAMERAS (4000), STREAM (.job = 5000), BATCH (.job = 5000, .copies = 2)}},
    {"cameras, two streams, four batch jobs",
     MS (5),
     {CAMERAS (12000), STREAM (.job = 5000), STREAM (.job = 8000), BATCH (.job = 5000, .copies = 4)}},
    {"cameras, a stream at its pace, two batch jobs",
     MS (1),
     {CAMERAS (6000), STREAM (.job = 8000, .every = 41667), BATCH (.job = 8000, .copies = 2)}},
    {"cameras, batch jobs that wait for their CPU",
     MS (1),
     {CAMERAS (4000), BATCH (.job = 6000, .depth = 1, .think = 9000, .copies = 3), BATCH (.job = 5000)}},
    {"cameras, twelve batch jobs with deep queues",
     MS (1),
     {CAMERAS (4000), BATCH (.job = 10000, .depth = 4, .copies = 12)}},
    {"a game at 60 frames, three batch jobs",
     MS (1),
     {{.name = "game",
       .class = CLASS_REALTIME,
       .engine = ENGINE_VIDEO,
       .job = 8000,
       .every = 16667,
       .drop = 2},
      BATCH (.job = 5000, .copies = 3)}},
    {"realtime without end, a batch job",
     MS (1),
     {{.name = "endless", .class = CLASS_REALTIME, .engine = ENGINE_VIDEO, .job = 4000},
      BATCH (.job = 5000)}},
    {"a stream, two batch jobs", MS (1), {STREAM (.job = 5000), BATCH (.job = 5000, .copies = 2)}},
    {"a stream at its pace, five batch jobs",
     MS (1),
     {STREAM (.job = 8000, .every = 33333), BATCH (.job = 5000, .copies = 5)}},
    {"cameras, counters that wait for a job's end",
     MS (1),
     {CAMERAS (6000), BATCH (.job = 20000, .lagging = true), BATCH (.job = 8000, .lagging = true)}},
};

const struct scenario hard[] = {
    {"motion for half a second in two, two batch jobs",
     MS (1),
     {{.name = "motion",
       .class = CLASS_REALTIME,
       .engine = ENGINE_VIDEO,
       .job = 4000,
       .every = 8000,
       .on = MS (500),
       .off = MS (1500)},
      BATCH (.job = 5000, .copies = 2)}},
    {"realtime that waits for each frame, a batch job",
     MS (1),
     {{.name = "waiting",
       .class = CLASS_REALTIME,
       .engine = ENGINE_VIDEO,
       .job = 20000,
       .depth = 1,
       .think = 10000},
      BATCH (.job = 5000)}},
};

/* --- the ideal --- */

/* Processor sharing without steps: realtime first, the others by weight, nobody above his ceiling, nothing
 * idle while one who may use it has work. For clients of one engine; those that always have work have it here
 * too.  */
struct ideal {
    double backlog[MODEL_CLIENTS_MAX]; /* µs of work */
    double credit[MODEL_CLIENTS_MAX];  /* µs left below the ceiling */
    double busy[MODEL_CLIENTS_MAX];    /* µs */
    uint64_t next_job[MODEL_CLIENTS_MAX];
    bool working[MODEL_CLIENTS_MAX]; /* on a job, of those that think between them */
};

static double
ideal_wants (const struct ideal *ideal, const struct client *c, unsigned i)
{
    double wants = ideal->backlog[i] < (double) STEP ? ideal->backlog[i] : (double) STEP;

    return c->pattern.share && ideal->credit[i] < wants ? (ideal->credit[i] > 0 ? ideal->credit[i] : 0)
                                                        : wants;
}

/* Shares a step's rest among the realtime clients, or the others, by weight.  */
static double
ideal_share (struct ideal *ideal, const struct model *m, bool realtime, double rest)
{
    double wants[MODEL_CLIENTS_MAX], weight[MODEL_CLIENTS_MAX], weights;

    for (unsigned i = 0; i < m->n; i++) {
        enum request_class class = m->clients[i].pattern.class;

        wants[i] = (class == CLASS_REALTIME) == realtime ? ideal_wants (ideal, &m->clients[i], i) : 0;
        weight[i] = class == CLASS_INTERACTIVE ? m->config.interactive_weight : m->config.batch_weight;
    }
    do {
        double given = 0;

        weights = 0;
        for (unsigned i = 0; i < m->n; i++)
            weights += wants[i] > 1e-9 ? weight[i] : 0;
        for (unsigned i = 0; i < m->n && weights > 0; i++) {
            double part = wants[i] > 1e-9 ? rest * weight[i] / weights : 0;

            part = part < wants[i] ? part : wants[i];
            wants[i] -= part;
            ideal->backlog[i] -= part;
            ideal->credit[i] -= part;
            ideal->busy[i] += part;
            given += part;
        }
        rest -= given;
    } while (weights > 0 && rest > 1e-6);
    return rest;
}

static void
ideal_step (struct ideal *ideal, const struct model *m)
{
    for (unsigned i = 0; i < m->n; i++) {
        const struct client *c = &m->clients[i];
        const struct pattern *p = &c->pattern;
        double ceiling = p->share / 100.0;

        ideal->credit[i] += ceiling * (double) STEP;
        if (ideal->credit[i] > ceiling * MS (100))
            ideal->credit[i] = ceiling * MS (100);
        if (ideal->next_job[i] < p->start)
            ideal->next_job[i] = p->start;
        if (!has_demand (m, c)) {
            if (!p->every)
                ideal->backlog[i] = 0;
            ideal->next_job[i] = ideal->next_job[i] < m->now ? m->now : ideal->next_job[i];
        } else if (p->think) {
            if (ideal->backlog[i] < 1e-6 && ideal->working[i])
                ideal->next_job[i] = m->now + p->think;
            ideal->working[i] = ideal->backlog[i] >= 1e-6;
            if (!ideal->working[i] && m->now >= ideal->next_job[i]) {
                ideal->backlog[i] = (double) p->job;
                ideal->working[i] = true;
            }
        } else if (!p->every) {
            ideal->backlog[i] = STEP;
        } else {
            for (; ideal->next_job[i] <= m->now; ideal->next_job[i] += p->every)
                ideal->backlog[i] += (double) p->job;
        }
    }
    (void) ideal_share (ideal, m, false, ideal_share (ideal, m, true, STEP));
}

/* --- measures --- */

static uint64_t
busy_of (const struct client *c)
{
    return c->busy[c->pattern.engine];
}

static void
model_window (struct model *m, struct ideal *ideal, struct figures *f)
{
    uint64_t before[MODEL_CLIENTS_MAX];

    for (unsigned i = 0; i < m->n; i++)
        before[i] = busy_of (&m->clients[i]);
    for (uint64_t end = m->now + SECONDS (1); m->now < end;) {
        model_step (m);
        ideal_step (ideal, m);
    }
    for (unsigned i = 0; i < m->n; i++) {
        double use = (double) (busy_of (&m->clients[i]) - before[i]) / 1e6;

        f->use[i] += use;
        f->low[i] = use < f->low[i] ? use : f->low[i];
        f->high[i] = use > f->high[i] ? use : f->high[i];
    }
}

struct figures
model_measure (struct model *m, unsigned settle, unsigned time)
{
    static struct ideal ideal;
    struct figures f = {0};

    memset (&ideal, 0, sizeof ideal);
    for (unsigned i = 0; i < settle; i++)
        model_window (m, &ideal, &f);
    memset (ideal.busy, 0, sizeof ideal.busy);
    memset (&f, 0, sizeof f);
    for (unsigned i = 0; i < m->n; i++)
        f.low[i] = 1e9;
    model_settle (m);
    for (unsigned i = 0; i < time; i++)
        model_window (m, &ideal, &f);
    for (unsigned i = 0; i < m->n; i++) {
        double frozen = (double) m->clients[i].frozen_most / 1e6;

        f.use[i] /= time;
        f.ideal[i] = ideal.busy[i] / 1e6 / time;
        f.jobs[i] = (double) m->clients[i].jobs / time;
        f.switches += (double) m->clients[i].switches / time;
        f.frozen = frozen > f.frozen ? frozen : f.frozen;
    }
    f.samples = (double) m->samples / time;
    f.idle = (double) m->idle_wasted[engine_of (&m->clients[0].pattern, false)] / 1e6 / time;
    return f;
}

void
model_scenario (struct model *m, const struct scenario *scenario, bool governed, bool alone,
                enum request_class class)
{
    model_init (m, governed);
    m->quantum = scenario->quantum;
    for (unsigned k = 0; k < 6 && scenario->patterns[k].name; k++)
        for (unsigned copy = 0; copy == 0 || copy < scenario->patterns[k].copies; copy++)
            if (!alone || scenario->patterns[k].class == class)
                (void) model_add (m, scenario->patterns[k]);
}

double
jain (const struct model *m, const struct figures *f, enum request_class class)
{
    double sum = 0, squares = 0;
    unsigned n = 0;

    for (unsigned i = 0; i < m->n; i++)
        if (m->clients[i].pattern.class == class) {
            sum += f->use[i];
            squares += f->use[i] * f->use[i];
            n++;
        }
    return squares > 0 ? sum * sum / n / squares : 1;
}
