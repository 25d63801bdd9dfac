#include "engine.h"

#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "engine_cri.h"
#include "engine_docker.h"
#include "podman.h"
#include "sources.h"
#include "spec.h"

static bool
is_podman (const json_t *annotations)
{
    const char *manager = json_string_value (json_object_get (annotations, "io.container.manager"));

    return manager && strcmp (manager, "libpod") == 0;
}

/* The bundle of a step of a build is a folder buildah…, and its id buildah-<that folder> (buildah,
 * Builder.Run). Its annotations and environment begin with those of the base image.  */
static bool
is_build (const char *id)
{
    return strncmp (id, "buildah-buildah", strlen ("buildah-buildah")) == 0;
}

static void
copy_text (char *out, size_t size, const json_t *value)
{
    const char *text = json_string_value (value);

    if (text)
        (void) snprintf (out, size, "%s", text);
}

#define COPY(field, value) copy_text (field, sizeof (field), value)

static void
describe (const json_t *spec, const char *bundle, struct container *c)
{
    const json_t *annotations = json_object_get (spec, "annotations");
    const char *engine = "oci";

    if (is_build (c->id)) {
        engine = "buildah";
    } else if (is_podman (annotations)) {
        engine = "podman";
        COPY (c->image, json_object_get (annotations, "org.opencontainers.image.ref.name"));
    } else if (json_object_get (annotations, "nerdctl/name")) {
        engine = "nerdctl";
        COPY (c->name, json_object_get (annotations, "nerdctl/name"));
    } else if (bundle && strstr (bundle, "/io.containerd.runtime.v2.task/")) {
        /* The folder where containerd's shim keeps its bundles tells the rest of its clients.  */
        engine = "containerd";
    }
    (void) snprintf (c->engine, sizeof c->engine, "%s", engine);
}

static int
podman_request (const struct podman *podman, struct sources *from, struct request *req, struct error *err)
{
    _cleanup_json_ json_t *images_own = NULL;

    if (sources_has_key (from->annotations)) {
        images_own = podman_image_annotations (podman, err);
        if (!images_own)
            return error_wrap (err, "cannot tell the container's dri.* annotations from its image's "
                                    "(\"image-requests\": true in the configuration takes both)");
    }
    from->image_annotations = images_own;
    return sources_take (req, from, err);
}

static void
describe_podman (const struct podman *podman, struct container *c)
{
    (void) snprintf (c->name, sizeof c->name, "%s", podman->name);
    if (podman->image_name[0])
        (void) snprintf (c->image, sizeof c->image, "%s", podman->image_name);
}

/* Nothing in a sandbox is for us, and so nothing there is judged.  */
static int
cri_request (const json_t *spec, const struct cri *cri, const struct config *config, struct container *found,
             struct request *req, struct error *err)
{
    engine_cri_describe (cri, found);
    if (engine_cri_is_sandbox (cri)) {
        request_init (req);
        return 0;
    }
    return engine_cri_request (cri, spec, config->image_requests, req, err);
}

/* An engine that keeps no record which we read: the environment in its specs may be the image's.  */
static int
annotated_request (const json_t *spec, const char *bundle, const struct config *config,
                   struct container *found, struct request *req, struct error *err)
{
    struct sources from = {
        .annotations = json_object_get (spec, "annotations"),
        .env = spec_get (spec, "process", "env", NULL),
        .hooks = json_object_get (spec, "hooks"),
    };
    struct podman podman;

    describe (spec, bundle, found);
    from.env_counts = config->image_requests;
    if (is_build (found->id) && !config->image_requests)
        from.annotations = NULL;
    if (strcmp (found->engine, "podman") != 0)
        return sources_take (req, &from, err);
    if (podman_find (bundle, &podman))
        describe_podman (&podman, found);
    else
        podman = (struct podman){.store = "Podman's store"};
    return config->image_requests ? sources_take (req, &from, err)
                                  : podman_request (&podman, &from, req, err);
}

int
engine_request (const json_t *spec, const char *bundle, const char *id, const struct config *config,
                struct container *container, struct request *req, struct error *err)
{
    struct container found = {0};
    struct docker_record record;
    struct cri cri;
    int r;

    (void) snprintf (found.id, sizeof found.id, "%s", id);
    if (engine_docker_find (spec, id, config, &record)) {
        engine_docker_describe (&record, &found);
        r = engine_docker_request (spec, &record, config, req, err);
        json_decref (record.root);
        /* An old Podman, and a build, copy annotations of images: these must not pass for an engine's.  */
    } else if (!is_build (id) && !is_podman (json_object_get (spec, "annotations"))
               && engine_cri_find (spec, &cri)) {
        r = cri_request (spec, &cri, config, &found, req, err);
        engine_cri_finish (&cri);
    } else {
        r = annotated_request (spec, bundle, config, &found, req, err);
    }
    *container = found;
    return r;
}
