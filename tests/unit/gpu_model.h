/* A GPU to try the governor on, in simulated time: engines that take turns among the clients as the kernel's
 * schedulers do, without regard to class, and clients with queues, whose submission stops while they are
 * frozen. Beside it the same clients on an ideal machine: processor sharing with the shares that were asked
 * for.  */
#ifndef DRI_GPU_MODEL_H
#define DRI_GPU_MODEL_H

#include "tests/unit/testing.h"

#include "broker/governor.h"

enum {
    MODEL_CLIENTS_MAX = 32,
    MODEL_ENGINES = GPUS_MAX * ENGINES,
    STEP = 100 /* µs */,
    QUEUE_MOST = 64,
    ARRIVED_MOST = 4096
};

#define MS(n)      ((uint64_t) (n) *1000)
#define SECONDS(n) ((uint64_t) (n) *1000000)

/* What a client asks for. Times in µs.  */
struct pattern {
    const char *name;
    enum request_class class;
    unsigned share; /* percent; 0: none */
    unsigned gpu;
    enum engine engine, then; /* each job on this one, and then on that; the same: only once */
    uint64_t job, then_job;
    unsigned depth;       /* jobs that it submits ahead */
    uint64_t every;       /* a job comes at this interval; 0: always one to do */
    uint64_t think;       /* from the end of a job to the next; 0: none */
    uint64_t start, stop; /* stop 0: never */
    uint64_t on, off;     /* works for on, pauses for off; 0: always on */
    unsigned drop;        /* jobs that wait at most: more are dropped; 0: all wait */
    unsigned copies;      /* clients like this one; 0: one */
    bool unknown;         /* the driver gives no figures */
    bool lagging;         /* a job counts when it is done */
};

struct client {
    struct pattern pattern;
    bool admitted, frozen; /* frozen: for the GPU */
    bool told;             /* as the governor has it */
    uint64_t told_at;
    uint64_t next_job; /* µs: arrival, or end of the thinking */
    unsigned waiting;  /* jobs not submitted; 1 always where there is always one */
    uint64_t left[QUEUE_MOST];
    uint64_t born[QUEUE_MOST];      /* arrival of the submitted ones */
    uint64_t arrived[ARRIVED_MOST]; /* of the waiting ones: a ring */
    unsigned arrived_at;
    unsigned n, second; /* submitted and not done; of them at the second engine (the oldest ones) */
    uint64_t second_left;
    uint64_t busy[ENGINES];    /* µs */
    uint64_t counted[ENGINES]; /* µs, as the driver tells */
    uint64_t jobs, dropped;
    uint64_t delay, delay_most; /* of all jobs, from arrival to end */
    uint64_t frozen_since, frozen_most;
    unsigned switches;
};

struct model {
    struct governor_config config;
    bool governed;
    uint64_t quantum; /* a client's turn, if others wait; 0: to the end of the job */
    uint64_t latency; /* until a freeze or thaw has its effect */
    uint64_t late;    /* samples come up to so much late */
    bool jitter;      /* jobs take up to a fifth more or less */
    struct rng rng;
    struct client clients[MODEL_CLIENTS_MAX];
    unsigned n;
    struct {
        unsigned running; /* client */
        uint64_t turn;    /* left of it */
    } engines[MODEL_ENGINES];
    uint64_t now, call_at;
    unsigned samples;
    uint64_t idle_wasted[MODEL_ENGINES];               /* µs idle while somebody had work for it */
    void (*each) (struct model *model, void *context); /* after each step */
    void *context;
};

static struct governor governor;

static unsigned
engine_of (const struct pattern *p, bool second)
{
    return p->gpu * ENGINES + (second ? p->then : p->engine);
}

UNUSED static void
model_init (struct model *m, bool governed)
{
    memset (m, 0, sizeof *m);
    memset (&governor, 0, sizeof governor);
    m->config = GOVERNOR_DEFAULTS;
    governor_init (&governor, &m->config);
    m->governed = governed;
    m->quantum = MS (1);
    m->latency = 500;
    m->late = MS (2);
    m->jitter = true;
    m->now = SECONDS (1000);
}

/* start and stop are from now.  */
UNUSED static unsigned
model_add (struct model *m, struct pattern p)
{
    struct client *c = &m->clients[m->n];

    p.start += m->now;
    p.stop = p.stop ? p.stop + m->now : UINT64_MAX;
    p.depth = p.depth ? p.depth : 2;
    if (!p.then_job)
        p.then = p.engine;
    *c = (struct client){.pattern = p, .next_job = p.start};
    return m->n++;
}

/* --- one step --- */

static bool
has_demand (const struct model *m, const struct client *c)
{
    const struct pattern *p = &c->pattern;

    return m->now >= p->start && m->now < p->stop
           && (!p->on || (m->now - p->start) % (p->on + p->off) < p->on);
}

static void
model_arrive (struct model *m, struct client *c)
{
    const struct pattern *p = &c->pattern;

    if (!has_demand (m, c)) {
        if (!p->every)
            c->waiting = 0;
        c->next_job = m->now > c->next_job ? m->now : c->next_job;
        return;
    }
    if (!p->every) {
        c->waiting = m->now >= c->next_job;
        return;
    }
    for (; c->next_job <= m->now; c->next_job += p->every) {
        if (p->drop && c->waiting + c->n >= p->drop) {
            c->dropped++;
            continue;
        }
        c->arrived[(c->arrived_at + c->waiting++) % ARRIVED_MOST] = c->next_job;
    }
}

static uint64_t
job_time (struct model *m, uint64_t job)
{
    return m->jitter ? job * (80 + rng_below (&m->rng, 41)) / 100 : job;
}

static void
model_submit (struct model *m, struct client *c)
{
    while (!c->frozen && c->waiting > 0 && c->n < c->pattern.depth) {
        c->left[c->n] = job_time (m, c->pattern.job);
        c->born[c->n++] = c->pattern.every ? c->arrived[c->arrived_at++ % ARRIVED_MOST] : m->now;
        if (c->pattern.every)
            c->waiting--;
        if (c->pattern.think) {
            c->waiting = 0;
            c->next_job = UINT64_MAX;
        }
    }
}

static void
model_done (struct model *m, struct client *c)
{
    uint64_t delay = m->now - c->born[0];

    c->jobs++;
    c->delay += delay;
    c->delay_most = delay > c->delay_most ? delay : c->delay_most;
    c->n--;
    memmove (&c->left[0], &c->left[1], c->n * sizeof c->left[0]);
    memmove (&c->born[0], &c->born[1], c->n * sizeof c->born[0]);
    if (c->pattern.think && c->n == 0)
        c->next_job = m->now + c->pattern.think;
    if (c->pattern.lagging)
        memcpy (c->counted, c->busy, sizeof c->busy);
}

/* The client's job for an engine: the oldest one is on its way through the second engine, or else the first.
 */
static uint64_t *
job_on (struct client *c, unsigned engine)
{
    if (c->n == 0 || !c->admitted)
        return NULL;
    if (c->second)
        return engine_of (&c->pattern, true) == engine ? &c->second_left : NULL;
    return engine_of (&c->pattern, false) == engine ? &c->left[0] : NULL;
}

static void
model_run (struct model *m, struct client *c, uint64_t *left, unsigned engine)
{
    *left = *left > STEP ? *left - STEP : 0;
    c->busy[engine % ENGINES] += STEP;
    if (!c->pattern.lagging)
        c->counted[engine % ENGINES] += STEP;
    if (*left > 0)
        return;
    m->engines[engine].turn = 0;
    if (!c->second && c->pattern.then_job) {
        c->second = 1;
        c->second_left = job_time (m, c->pattern.then_job);
        return;
    }
    c->second = 0;
    model_done (m, c);
}

/* Round robin: a turn ends with the quantum or the job.  */
static void
model_turn (struct model *m, unsigned engine)
{
    unsigned next = m->engines[engine].running;
    uint64_t *left = m->engines[engine].turn ? job_on (&m->clients[next], engine) : NULL;

    for (unsigned k = 0; !left && k < m->n; k++) {
        next = (next + 1) % m->n;
        left = job_on (&m->clients[next], engine);
        m->engines[engine].turn = m->quantum ? m->quantum : UINT64_MAX;
    }
    if (left) {
        m->engines[engine].running = next;
        m->engines[engine].turn -= STEP;
        model_run (m, &m->clients[next], left, engine);
        return;
    }
    for (unsigned i = 0; i < m->n; i++)
        if (m->clients[i].admitted && engine_of (&m->clients[i].pattern, false) == engine
            && m->clients[i].waiting) {
            m->idle_wasted[engine] += STEP;
            return;
        }
}

static void
model_membership (struct model *m)
{
    for (unsigned i = 0; i < m->n; i++) {
        struct client *c = &m->clients[i];
        const struct pattern *p = &c->pattern;

        if (!c->admitted && m->now >= p->start && m->now < p->stop) {
            c->admitted = true;
            if (m->governed)
                governor_admit (&governor, i, p->class, p->share, 1U << p->gpu, m->now);
        } else if (c->admitted && m->now >= p->stop) {
            c->admitted = c->frozen = c->told = false;
            c->n = c->second = 0;
            if (m->governed)
                governor_dismiss (&governor, i, m->now);
        }
    }
}

static void
model_report (struct model *m)
{
    uint64_t ns[ENGINES];

    for (unsigned i = 0; i < m->n; i++) {
        const struct client *c = &m->clients[i];

        for (unsigned e = 0; e < ENGINES; e++)
            ns[e] = c->counted[e] * 1000;
        if (c->admitted && !c->pattern.unknown)
            governor_report (&governor, i, c->pattern.gpu, ns);
    }
    m->samples++;
}

/* The edge: it calls when asked to, a little late.  */
static void
model_govern (struct model *m)
{
    if (governor.wake_at != 0 && m->now >= governor.wake_at && m->call_at == 0)
        m->call_at = m->now + (m->late ? rng_below (&m->rng, (unsigned) m->late) : 0);
    if (m->call_at == 0 || m->now < m->call_at)
        return;
    m->call_at = 0;
    if (governor.sample_at != 0 && m->now >= governor.sample_at) {
        model_report (m);
        governor_sample (&governor, m->now);
    } else {
        governor_advance (&governor, m->now);
    }
}

static void
model_freeze (struct model *m, struct client *c, bool frozen)
{
    if (c->told != frozen) {
        if (frozen)
            c->frozen_since = m->now;
        c->told = frozen;
        c->told_at = m->now;
        c->switches++;
    }
    if (frozen && m->now - c->frozen_since > c->frozen_most)
        c->frozen_most = m->now - c->frozen_since;
    if (c->frozen != frozen && m->now >= c->told_at + m->latency)
        c->frozen = frozen;
}

UNUSED static void
model_step (struct model *m)
{
    bool used[MODEL_ENGINES] = {false};

    m->now += STEP;
    model_membership (m);
    if (m->governed)
        model_govern (m);
    for (unsigned i = 0; i < m->n; i++) {
        struct client *c = &m->clients[i];

        if (m->governed && c->admitted)
            model_freeze (m, c, governor.leases[i].frozen);
        model_arrive (m, c);
        model_submit (m, c);
        used[engine_of (&c->pattern, false)] = used[engine_of (&c->pattern, true)] = true;
    }
    for (unsigned engine = 0; engine < MODEL_ENGINES; engine++)
        if (used[engine])
            model_turn (m, engine);
    if (m->each)
        m->each (m, m->context);
}

UNUSED static void
model_go (struct model *m, uint64_t time)
{
    for (uint64_t end = m->now + time; m->now < end;)
        model_step (m);
}

/* Forgets what was counted so far, not what is going on.  */
UNUSED static void
model_settle (struct model *m)
{
    for (unsigned i = 0; i < m->n; i++) {
        struct client *c = &m->clients[i];

        c->jobs = c->dropped = c->delay = c->delay_most = c->frozen_most = 0;
        c->switches = 0;
    }
    m->samples = 0;
    memset (m->idle_wasted, 0, sizeof m->idle_wasted);
}

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

UNUSED static void
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

/* --- scenarios --- */

struct scenario {
    const char *name;
    uint64_t quantum; /* as in struct model */
    struct pattern patterns[6];
};

#define CAMERAS(work)                                                                                        \
    {                                                                                                        \
        .name = "cameras", .class = CLASS_REALTIME, .engine = ENGINE_VIDEO, .job = (work), .every = 33333    \
    }
#define STREAM(...)                                                                                          \
    {                                                                                                        \
        .name = "stream", .class = CLASS_INTERACTIVE, .engine = ENGINE_VIDEO, __VA_ARGS__                    \
    }
#define BATCH(...)                                                                                           \
    {                                                                                                        \
        .name = "batch", .class = CLASS_BATCH, .engine = ENGINE_VIDEO, __VA_ARGS__                           \
    }

/* Contention without ceilings.  */
UNUSED static const struct scenario contended[] = {
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

/* Where the governor does less well.  */
UNUSED static const struct scenario hard[] = {
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

/* What came of a run, in parts of the time or per second.  */
struct figures {
    double use[MODEL_CLIENTS_MAX], ideal[MODEL_CLIENTS_MAX];
    double low[MODEL_CLIENTS_MAX], high[MODEL_CLIENTS_MAX]; /* use in windows of a second */
    double jobs[MODEL_CLIENTS_MAX];
    double idle, samples, switches;
    double frozen; /* s, the longest freeze */
};

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

/* After settle seconds, for so many seconds. Idle is that of the first client's first engine.  */
UNUSED static struct figures
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

/* alone: only the clients of this class, ungoverned.  */
UNUSED static void
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

/* Held at another level than the default.  */
UNUSED static void
model_target (struct model *m, unsigned target)
{
    m->config.target = target;
    m->config.threshold = target - 10;
    governor_init (&governor, &m->config);
}

/* Jain's index of what the clients of a class got; 1 where all got the same.  */
UNUSED static double
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

#endif
