/* The labels and environment that an image itself carries, from Docker's own stores: what a person wrote for
 * the container is the rest.  */
#ifndef DRI_IMAGE_H
#define DRI_IMAGE_H

#include <jansson.h>
#include <stdbool.h>

#include "config.h"
#include "error.h"

/* The variable of Swarm's reservation.  */
#define IMAGE_RESERVATION "DOCKER_RESOURCE_DRI"

struct image {
    json_t *configs; /* array of OCI image configurations ("config" members): one, or one a platform */
};

/* record: the root of Docker's config.v2.json. Looks in the graph driver's image store and in the content
 * stores of containerd. -1 with a message where the image is in none of them.  */
int image_load (struct image *image, const json_t *record, const char *docker_root,
                const struct config *config, struct error *err);
void image_finish (struct image *image);

/* Does the image carry exactly this label, this "NAME=value"?  */
bool image_has_label (const struct image *image, const char *name, const char *value);
bool image_has_env (const struct image *image, const char *entry);

#endif
