#include "gpu_model.h"

struct governor governor;

unsigned
engine_of (const struct pattern *p, bool second)
{
    return p->gpu * ENGINES + (second ? p->then : p->engine);
}

void
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

unsigned
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

void
model_target (struct model *m, unsigned target)
{
    m->config.target = target;
    m->config.threshold = target - 10;
    governor_init (&governor, &m->config);
}

/* --- one step --- */

bool
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

void
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

void
model_go (struct model *m, uint64_t time)
{
    for (uint64_t end = m->now + time; m->now < end;)
        model_step (m);
}

void
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
