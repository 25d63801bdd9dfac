/* Podman's records of a container and of its image, as containers/storage keeps them: config.json knows
 * neither the container's name nor what the image brought along.
 *
 *   <root>/<driver>-containers/<id>/userdata            the bundle
 *   <root>/<driver>-containers/[volatile-]containers.json  name and image of each
 *   <root>/<driver>-images/<image>/manifest             the image's own annotations
 *   <root>/overlay/<layer>/merged, <root>/vfs/dir/<layer>  the root file system
 *
 * (containers/storage: store.go, containers.go, drivers/overlay, drivers/vfs; libpod: Container.bundlePath)
 */
#ifndef DRI_PODMAN_H
#define DRI_PODMAN_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>

#include "error.h"

enum { PODMAN_ID_LENGTH = 64 };

struct podman {
    char id[PODMAN_ID_LENGTH + 1];
    char store[PATH_MAX]; /* <root>/<driver> */
    char name[128];       /* "" where the record is not found, as those below */
    char image_name[256];
    char image[PODMAN_ID_LENGTH + 1];
    bool found;
};

/* False where this is no bundle of Podman's.  */
bool podman_find (const char *bundle, struct podman *podman);

/* The bundle of the container whose root file system this is (config.json's root.path), found by its layer.
 * False where it is none of a container's: after `podman run --rootfs`, or with another driver than overlay
 * and vfs.
 */
bool podman_bundle_of (const char *root, char *bundle, size_t size);

/* The annotations that the image itself has: before 4.6 Podman copied them to the container. The reference is
 * the caller's; NULL where it cannot be told.  */
json_t *podman_image_annotations (const struct podman *podman, struct error *err);

#endif
