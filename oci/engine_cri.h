/* Kubernetes: what containerd's CRI and CRI-O write into the annotations of a config.json.
 *
 * Pod annotations reach it with containerd where the runtime handler's pod_annotations lists them
 * (containerd, docs/cri/config.md), with CRI-O always (cri-o, internal/factory/container:
 * SpecAddAnnotations: those of the pod first, and its own over them). Labels do not come along with
 * containerd; CRI-O keeps those of the container as JSON.
 *
 * So a pod may bring the other engine's annotations along, with the name of another pod: where there are
 * both, nothing is given.  */
#ifndef DRI_ENGINE_CRI_H
#define DRI_ENGINE_CRI_H

#include <jansson.h>
#include <stdbool.h>

#include "container.h"
#include "error.h"
#include "request.h"

struct cri {
    const struct cri_keys *keys; /* of containerd or CRI-O */
    const json_t *annotations;   /* of the spec, borrowed */
    json_t *labels;              /* CRI-O's; NULL where there are none */
};

/* False where the container is not of Kubernetes' making; else to be finished.  */
bool engine_cri_find (const json_t *spec, struct cri *cri);
void engine_cri_finish (struct cri *cri);

/* The container that holds a pod's namespaces, and runs nothing that could use a GPU. It has the annotations
 * of the pod too.  */
bool engine_cri_is_sandbox (const struct cri *cri);

/* The name is NAMESPACE/POD/CONTAINER, the project the namespace, and the service the pod.  */
void engine_cri_describe (const struct cri *cri, struct container *c);

/* env_counts: the environment, which may be the image's, counts too. As engine_request.  */
int engine_cri_request (const struct cri *cri, const json_t *spec, bool env_counts, struct request *req,
                        struct error *err);

#endif
