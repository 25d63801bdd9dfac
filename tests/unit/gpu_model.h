/* A GPU to try the governor on, in simulated time: engines that take turns among the clients as the kernel's
 * schedulers do, without regard to class, and clients with queues, whose submission stops while they are
 * frozen.  */
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

extern struct governor governor;

unsigned engine_of (const struct pattern *p, bool second);
void model_init (struct model *m, bool governed);
/* start and stop are from now. Returns the client's number.  */
unsigned model_add (struct model *m, struct pattern p);
/* Held at another level than the default.  */
void model_target (struct model *m, unsigned target);
/* Does it work now, and not pause?  */
bool has_demand (const struct model *m, const struct client *c);
void model_step (struct model *m);
void model_go (struct model *m, uint64_t time);
/* Forgets what was counted so far, not what is going on.  */
void model_settle (struct model *m);

#endif
