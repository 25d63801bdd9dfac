/* Which engine made a bundle, and where that engine keeps the container's name, labels and image.
 *
 * Docker writes no labels to config.json: they stand in <data-root>/containers/<id>/config.v2.json, written
 * atomically before the first start (moby, daemon/container). The data-root is read off the paths in the
 * spec, because a record found at a guessed place might be another engine's.  */
#ifndef DRI_ENGINE_H
#define DRI_ENGINE_H

#include <jansson.h>
#include <stdbool.h>

#include "config.h"
#include "container.h"
#include "error.h"
#include "request.h"

/* Where Docker keeps its record of a container: data-root with its length, and container id.  */
#define ENGINE_DOCKER_RECORD "%.*s/containers/%s/config.v2.json"
enum { ENGINE_RECORD_BYTES_MAX = 16 << 20 };

/* Has the id Docker's form (64 hex digits)? Others have it too.  */
bool engine_may_be_docker (const char *id);

/* Fills in who the container is, and reads its request by the precedence label > annotation > environment.
 * What comes from the image does not count, unless config->image_requests. req->enable tells whether it opted
 * in; where it did not, nothing else of req is of use.
 *
 * Errors are for containers that addressed us: a bad dri.* label or annotation, an image whose own labels
 * cannot be read. A container without any of our keys never gets one.  */
int engine_request (const json_t *spec, const char *bundle, const char *id, const struct config *config,
                    struct container *container, struct request *req, struct error *err);

#endif
