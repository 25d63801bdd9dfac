/* What drictl tells of engines and memory, added up over leases or GPUs, as JSON. Pure.  */
#ifndef DRI_FIGURES_H
#define DRI_FIGURES_H

#include <jansson.h>

#include "usage.h"

struct figures {
    double rates[ENGINES]; /* below 0: not known */
    double over;           /* s */
    bool has_memory;
    uint64_t memory, resident;
};

struct figures figures_none (void);
void figures_add (struct figures *f, const struct usage *usage, unsigned lease, unsigned gpu);

/* Puts "engines", "over" and "memory" into the object; null is what is not known.  */
void figures_put (const struct figures *f, json_t *object);

#endif
