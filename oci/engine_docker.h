/* Docker: its record of a container, and what that says to us.
 *
 * Docker writes no labels to config.json: they stand in <data-root>/containers/<id>/config.v2.json, written
 * atomically before the first start (moby, daemon/container). The data-root is read off the paths in the
 * spec, because a record found at a guessed place might be another engine's.  */
#ifndef DRI_ENGINE_DOCKER_H
#define DRI_ENGINE_DOCKER_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>

#include "config.h"
#include "container.h"
#include "error.h"
#include "request.h"

/* Where the record is: data-root with its length, and container id.  */
#define ENGINE_DOCKER_RECORD "%.*s/containers/%s/config.v2.json"
enum { ENGINE_RECORD_BYTES_MAX = 16 << 20 };

struct docker_record {
    json_t *root; /* the caller's */
    char docker_root[PATH_MAX];
};

/* Has the id Docker's form (64 hex digits)? Others have it too.  */
bool engine_may_be_docker (const char *id);

/* False where the container is not Docker's. spec may be NULL.  */
bool engine_docker_find (const json_t *spec, const char *id, const struct config *config,
                         struct docker_record *record);

/* Name, image, and the compose or Swarm service.  */
void engine_docker_describe (const struct docker_record *record, struct container *c);

/* As engine_request.  */
int engine_docker_request (const json_t *spec, const struct docker_record *record,
                           const struct config *config, struct request *req, struct error *err);

#endif
