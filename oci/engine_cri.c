#include "engine_cri.h"

#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "sources.h"
#include "spec.h"

/* CRI-O: pkg/annotations, and the kubelet's labels, which it copies. containerd: pkg/cri/annotations.  */
static const struct cri_keys {
    const char *type, *engine, *namespace, *pod, *container, *image, *labels;
} engines[] = {
    {
        .type = "io.kubernetes.cri-o.ContainerType",
        .engine = "cri-o",
        .namespace = "io.kubernetes.pod.namespace",
        .pod = "io.kubernetes.pod.name",
        .container = "io.kubernetes.container.name",
        .image = "io.kubernetes.cri-o.ImageName",
        .labels = "io.kubernetes.cri-o.Labels",
    },
    {
        .type = "io.kubernetes.cri.container-type",
        .engine = "containerd-cri",
        .namespace = "io.kubernetes.cri.sandbox-namespace",
        .pod = "io.kubernetes.cri.sandbox-name",
        .container = "io.kubernetes.cri.container-name",
        .image = "io.kubernetes.cri.image-name",
    },
};

static const struct cri_keys *
keys_of (const json_t *annotations)
{
    for (size_t i = 0; i < countof (engines); i++)
        if (json_object_get (annotations, engines[i].type))
            return &engines[i];
    return NULL;
}

static json_t *
load_object (const char *text)
{
    json_t *root = text ? json_loads (text, 0, NULL) : NULL;

    if (!json_is_object (root)) {
        json_decref (root);
        return NULL;
    }
    return root;
}

bool
engine_cri_find (const json_t *spec, struct cri *cri)
{
    const json_t *annotations = json_object_get (spec, "annotations");
    const struct cri_keys *keys = keys_of (annotations);

    if (!keys)
        return false;
    *cri = (struct cri){.keys = keys, .annotations = annotations};
    if (keys->labels)
        cri->labels = load_object (json_string_value (json_object_get (annotations, keys->labels)));
    return true;
}

void
engine_cri_finish (struct cri *cri)
{
    json_decref (cri->labels);
    cri->labels = NULL;
}

bool
engine_cri_is_sandbox (const struct cri *cri)
{
    const char *type = json_string_value (json_object_get (cri->annotations, cri->keys->type));

    return type && strcmp (type, "sandbox") == 0;
}

/* "" where neither says it.  */
static const char *
text_of (const struct cri *cri, const char *key)
{
    const char *text = json_string_value (json_object_get (cri->annotations, key));

    if (!text)
        text = json_string_value (json_object_get (cri->labels, key));
    return text ? text : "";
}

void
engine_cri_describe (const struct cri *cri, struct container *c)
{
    const struct cri_keys *keys = cri->keys;
    const char *namespace = text_of (cri, keys->namespace), *pod = text_of (cri, keys->pod);
    const char *container = text_of (cri, keys->container);

    (void) snprintf (c->engine, sizeof c->engine, "%s", keys->engine);
    (void) snprintf (c->image, sizeof c->image, "%s", text_of (cri, keys->image));
    (void) snprintf (c->project, sizeof c->project, "%s", namespace);
    (void) snprintf (c->service, sizeof c->service, "%s", pod);
    (void) snprintf (c->name, sizeof c->name, "%s%s%s%s%s", namespace, *namespace ? "/" : "", pod,
                     *pod ? "/" : "", container);
}

static bool
is_marked_twice (const json_t *annotations)
{
    for (size_t i = 0; i < countof (engines); i++)
        if (!json_object_get (annotations, engines[i].type))
            return false;
    return true;
}

int
engine_cri_request (const struct cri *cri, const json_t *spec, bool env_counts, struct request *req,
                    struct error *err)
{
    const struct sources from = {
        .labels = cri->labels,
        .annotations = cri->annotations,
        .env = spec_get (spec, "process", "env", NULL),
        .env_counts = env_counts,
        .hooks = json_object_get (spec, "hooks"),
    };

    if (sources_take (req, &from, err) < 0)
        return -1;
    if (req->enable && is_marked_twice (cri->annotations))
        return error_set (err, 0,
                          "it has the annotations %s and %s, of two engines: take the one away that the pod "
                          "brings along",
                          engines[0].type, engines[1].type);
    return 0;
}
