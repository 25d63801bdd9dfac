/* Which engine made a bundle, and where that engine keeps the container's name, labels and image.  */
#ifndef DRI_ENGINE_H
#define DRI_ENGINE_H

#include <jansson.h>
#include <stdbool.h>

#include "config.h"
#include "container.h"
#include "error.h"
#include "request.h"

/* Fills in who the container is, and reads its request by the precedence label > annotation > environment >
 * Swarm's reservation. What comes from the image does not count, unless config->image_requests. req->enable
 * tells whether it opted in; where it did not, nothing else of req is of use.
 *
 * Errors are for containers that addressed us: a bad dri.* label or annotation, an image whose own labels
 * cannot be read. A container without any of our keys never gets one.  */
int engine_request (const json_t *spec, const char *bundle, const char *id, const struct config *config,
                    struct container *container, struct request *req, struct error *err);

#endif
