/* What a service of a compose file has of GPUs by itself, past dri-broker, and what its image is likely to
 * want. Pure.  */
#ifndef DRI_COMPOSE_GPU_H
#define DRI_COMPOSE_GPU_H

#include "compose_file.h"

/* Why an entry of a list is there.  */
enum compose_reason {
    REASON_OTHER,
    REASON_GPU,
    REASON_MAYBE_GPU, /* a group number that distributions give render, among others */
};

/* One entry of devices: or volumes:, short or long; the source is what the container gets, "" where the entry
 * has none. Good as long as buffer.  */
const char *compose_source (struct compose_file *file, const yaml_node_t *entry, char *buffer, size_t size);

enum compose_reason compose_judge_path (const char *source);
/* has_video: the service has a /dev/video*, and group video may be for that.  */
enum compose_reason compose_judge_group (const char *group, bool has_video);
enum compose_reason compose_judge_cgroup_rule (const char *rule);

/* dri.gpu for a node below /dev/dri: "renderD129", "pci:0000:03:00.0"; "" where any will do: the whole
 * folder, and the first node.  */
void compose_gpu_of (const char *source, char *gpu, size_t size);

struct compose_image {
    const char *name; /* a part of its name */
    const char *class;
    const char *why;
    const char *nodes; /* NULL: render */
};

/* What this image is known for; NULL: unknown.  */
const struct compose_image *compose_image_find (const char *image);

#endif
