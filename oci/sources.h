/* Everything that says something to us about a container, and which of it counts.  */
#ifndef DRI_SOURCES_H
#define DRI_SOURCES_H

#include <jansson.h>
#include <stdbool.h>

#include "error.h"
#include "image.h"
#include "request.h"

/* All borrowed; what the engine does not have is NULL.  */
struct sources {
    const json_t *labels;
    const json_t *annotations;
    const json_t *env;   /* of the spec */
    const json_t *hooks; /* of the spec: a CDI device stands there */
    bool env_counts;
    const char *reserved;            /* what Swarm reserved for the container, as Swarm writes it */
    const struct image *image;       /* NULL: nothing is held against a label or variable */
    const json_t *image_annotations; /* NULL: nor against an annotation */
};

bool sources_has_key (const json_t *object); /* of labels or annotations: one of ours */
/* Is there a label, variable or reservation that counts, unless it is the image's? Whoever else asked, by an
 * annotation or a device, the image must not say for what.  */
bool sources_want_image (const struct sources *from);

/* Reads the request by the precedence label > annotation > environment > reservation. A CDI device asks too,
 * and may not contradict them. An error is a bad label or annotation, or whatever else is bad in a container
 * that opted in.  */
int sources_take (struct request *req, const struct sources *from, struct error *err);

#endif
