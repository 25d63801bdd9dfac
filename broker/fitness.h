/* Which GPUs can do what dri.require asks for. Pure.  */
#ifndef DRI_FITNESS_H
#define DRI_FITNESS_H

#include "gpu.h"

/* A GPU that is being asked is waited for by those only who may wait for longer than an answer can take.  */
enum { FITNESS_PATIENCE_MS = 7000 };

/* Disjoint sets of GPUs.  */
struct fitness {
    uint32_t able, unable;
    uint32_t unknown; /* this machine's libva does not come up for it: that of an image may */
    uint32_t asked;   /* it will be known in a moment */
};

/* Of these GPUs. Without dri.require all are able.  */
struct fitness fitness_of (const struct gpus *gpus, uint32_t among, const struct request *req);

/* "renderD128 (i915) does not list av1-encode": of each that is unable.  */
void fitness_explain (const struct gpus *gpus, uint32_t unable, const struct request *req, char *out,
                      size_t size);

#endif
