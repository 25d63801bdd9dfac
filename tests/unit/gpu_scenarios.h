/* Scenarios for the model of a GPU, and what comes of them: beside the same clients on an ideal machine,
 * processor sharing with the shares that were asked for.  */
#ifndef DRI_GPU_SCENARIOS_H
#define DRI_GPU_SCENARIOS_H

#include "gpu_model.h"

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

/* Contention without ceilings; and where the governor does less well.  */
extern const struct scenario contended[13], hard[2];

/* alone: only the clients of this class, ungoverned.  */
void model_scenario (struct model *m, const struct scenario *scenario, bool governed, bool alone,
                     enum request_class class);

/* What came of a run, in parts of the time or per second.  */
struct figures {
    double use[MODEL_CLIENTS_MAX], ideal[MODEL_CLIENTS_MAX];
    double low[MODEL_CLIENTS_MAX], high[MODEL_CLIENTS_MAX]; /* use in windows of a second */
    double jobs[MODEL_CLIENTS_MAX];
    double idle, samples, switches;
    double frozen; /* s, the longest freeze */
};

/* After settle seconds, for so many seconds. Idle is that of the first client's first engine.  */
struct figures model_measure (struct model *m, unsigned settle, unsigned time);

/* Jain's index of what the clients of a class got; 1 where all got the same.  */
double jain (const struct model *m, const struct figures *f, enum request_class class);

#endif
