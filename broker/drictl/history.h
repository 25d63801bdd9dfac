/* A minute of what each engine of each GPU did, a sample a second. Pure.  */
#ifndef DRI_HISTORY_H
#define DRI_HISTORY_H

#include <jansson.h>

#include "../fdinfo.h"
#include "../gpu.h"

enum { HISTORY_SAMPLES = 60 };

struct history_gpu {
    char name[64]; /* "": the place is free */
    bool known[ENGINES];
    double samples[ENGINES][HISTORY_SAMPLES]; /* of 1; below 0: not known then */
};

struct history {
    unsigned at; /* the next sample */
    struct history_gpu gpus[GPUS_MAX];
};

void history_init (struct history *history);

/* A second has gone by. status: the broker's answer; NULL: there was none.  */
void history_take (struct history *history, const json_t *status);

/* NULL: none is known of a GPU of this name.  */
const struct history_gpu *history_find (const struct history *history, const char *name);

/* ago: 0 is the last sample.  */
double history_sample (const struct history *history, const struct history_gpu *gpu, enum engine engine,
                       unsigned ago);

#endif
