#include "engine.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "document.h"
#include "file.h"
#include "image.h"
#include "podman.h"
#include "spec.h"

/* Docker's record of the container, where the engine is Docker.  */
struct record {
    json_t *root;
    char docker_root[PATH_MAX];
};

bool
engine_may_be_docker (const char *id)
{
    return strlen (id) == 64 && strspn (id, "0123456789abcdef") == 64;
}

/* Is this Docker's record of the container id, in this folder? The ID member tells that it is.  */
static bool
read_record (const char *root, size_t root_len, const char *id, struct record *record)
{
    static const char *const members[] = {"Config", "Labels", NULL};
    _cleanup_free_ char *text = NULL;
    char path[PATH_MAX];
    struct document doc;
    struct error ignored;
    const char *own;
    size_t len;
    int n;

    n = snprintf (path, sizeof path, ENGINE_DOCKER_RECORD, (int) root_len, root, id);
    if (n < 0 || (size_t) n >= sizeof path
        || file_read (path, ENGINE_RECORD_BYTES_MAX, &text, &len, &ignored) < 0
        || document_load_members (&doc, text, len, members, &ignored) < 0)
        return false;
    own = json_string_value (json_object_get (doc.root, "ID"));
    if (!own || strcmp (own, id) != 0) {
        document_finish (&doc);
        return false;
    }
    record->root = doc.root;
    (void) snprintf (record->docker_root, sizeof record->docker_root, "%.*s", (int) root_len, root);
    return true;
}

/* Tries each folder above path as data-root: <root>/containers/<some id>/hosts, <root>/overlay2/…/merged and
 * <root>/rootfs/<snapshotter>/… all end there, whatever the storage driver and userns-remap add.  */
static bool
find_record_above (const char *path, const char *id, struct record *record)
{
    if (!path || path[0] != '/')
        return false;
    for (size_t len = strlen (path); len > 0; len--)
        if (path[len] == '/' && read_record (path, len, id, record))
            return true;
    return false;
}

static const char *
engine_file_source (const json_t *spec)
{
    static const char *const targets[] = {"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"};
    size_t i;
    json_t *mount;

    json_array_foreach (spec_get (spec, "mounts", NULL), i, mount) {
        const char *target = json_string_value (json_object_get (mount, "destination"));
        const char *source = json_string_value (json_object_get (mount, "source"));

        for (size_t j = 0; target && j < countof (targets); j++)
            if (strcmp (target, targets[j]) == 0 && source && strstr (source, "/containers/"))
                return source;
    }
    return NULL;
}

static bool
find_record (const json_t *spec, const char *id, const struct config *config, struct record *record)
{
    if (!engine_may_be_docker (id))
        return false;
    return find_record_above (engine_file_source (spec), id, record)
           || find_record_above (spec_root_path (spec), id, record)
           || read_record (config->docker_root, strlen (config->docker_root), id, record);
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
describe_docker (const struct record *record, struct container *c)
{
    const json_t *config = json_object_get (record->root, "Config");
    const json_t *labels = json_object_get (config, "Labels");
    const char *name = json_string_value (json_object_get (record->root, "Name"));

    (void) snprintf (c->engine, sizeof c->engine, "docker");
    if (name)
        (void) snprintf (c->name, sizeof c->name, "%s", name[0] == '/' ? name + 1 : name);
    COPY (c->image, json_object_get (config, "Image"));
    COPY (c->project, json_object_get (labels, "com.docker.compose.project"));
    COPY (c->service, json_object_get (labels, "com.docker.compose.service"));
}

/* Annotations by which other engines are known, and what each says. An engine named here runs images, so that
 * the environment in its specs may be the image's.  */
static const struct {
    const char *mark, *engine, *name, *image;
} annotated[] = {
    {"io.container.manager", "podman", NULL, "org.opencontainers.image.ref.name"},
    {"nerdctl/name", "nerdctl", "nerdctl/name", NULL},
    {"io.kubernetes.cri.container-type", "containerd-cri", "io.kubernetes.cri.container-name",
     "io.kubernetes.cri.image-name"},
    {"io.kubernetes.cri-o.ContainerType", "cri-o", "io.kubernetes.cri-o.Name",
     "io.kubernetes.cri-o.ImageName"},
};

static void
describe_annotated (const json_t *spec, const char *bundle, struct container *c)
{
    const json_t *annotations = json_object_get (spec, "annotations");

    for (size_t i = 0; i < countof (annotated); i++)
        if (json_object_get (annotations, annotated[i].mark)) {
            (void) snprintf (c->engine, sizeof c->engine, "%s", annotated[i].engine);
            if (annotated[i].name)
                COPY (c->name, json_object_get (annotations, annotated[i].name));
            if (annotated[i].image)
                COPY (c->image, json_object_get (annotations, annotated[i].image));
            return;
        }
    /* The folder where containerd's shim keeps its bundles tells the rest of its clients.  */
    (void) snprintf (c->engine, sizeof c->engine, "%s",
                     bundle && strstr (bundle, "/io.containerd.runtime.v2.task/") ? "containerd" : "oci");
}

/* Everything that says something to us, before it is known whether it counts.  */
struct sources {
    const json_t *labels;            /* Docker's, or NULL */
    const json_t *annotations;       /* of the spec */
    const json_t *env;               /* of the spec */
    const struct image *image;       /* NULL: nothing is held against a label or variable */
    const json_t *image_annotations; /* NULL: nor against an annotation */
    bool env_counts;
};

static bool
has_our_label (const json_t *object)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *) object, name, value) {
        if (request_owns_label (name))
            return true;
    }
    return false;
}

static bool
is_env_key (const char *entry, char *name, size_t size)
{
    const char *equals = strchr (entry, '=');

    if (!equals || (size_t) (equals - entry) >= size)
        return false;
    (void) snprintf (name, size, "%.*s", (int) (equals - entry), entry);
    return request_owns_env (name);
}

/* The other variables mean nothing without this one, or a label.  */
static bool
has_enable_env (const json_t *env)
{
    size_t i;
    json_t *entry;

    json_array_foreach ((json_t *) env, i, entry) {
        if (json_is_string (entry) && strncmp (json_string_value (entry), "DRI_ENABLE=", 11) == 0)
            return true;
    }
    return false;
}

static int
take_labels (struct request *req, const struct sources *from, struct error *err)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *) from->labels, name, value) {
        const char *text = json_string_value (value);

        if (!request_owns_label (name) || !text || (from->image && image_has_label (from->image, name, text)))
            continue;
        if (request_set (req, SOURCE_LABEL, name, text, err) < 0)
            return -1;
    }
    return 0;
}

static int
take_annotations (struct request *req, const struct sources *from, struct error *err)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *) from->annotations, name, value) {
        const char *text = json_string_value (value);

        if (!request_owns_label (name) || !text
            || json_equal (json_object_get (from->image_annotations, name), value))
            continue;
        if (request_set (req, SOURCE_ANNOTATION, name, text, err) < 0)
            return -1;
    }
    return 0;
}

/* Variables of other names that begin with DRI_ are Mesa's (DRI_PRIME) or the workload's own.  */
static int
take_env (struct request *req, const struct sources *from, bool enable_only, struct error *err)
{
    char name[48];
    size_t i;
    json_t *value;

    json_array_foreach ((json_t *) from->env, i, value) {
        const char *entry = json_string_value (value);

        if (!entry || !is_env_key (entry, name, sizeof name)
            || enable_only != (strcmp (name, "DRI_ENABLE") == 0)
            || (from->image && image_has_env (from->image, entry)))
            continue;
        if (request_set (req, SOURCE_ENV, name, entry + strlen (name) + 1, err) < 0)
            return -1;
    }
    return 0;
}

/* A variable may be the workload's own business; it is judged only in a container that opted in. A dri.*
 * label is said to nobody but us.  */
static int
take_all (struct request *req, const struct sources *from, struct error *err)
{
    request_init (req);
    if (take_labels (req, from, err) < 0 || take_annotations (req, from, err) < 0
        || (from->env_counts && take_env (req, from, true, err) < 0))
        return -1;
    if (req->enable && from->env_counts && take_env (req, from, false, err) < 0)
        return -1;
    return 0;
}

static int
docker_request (const json_t *spec, const struct record *record, const struct config *config,
                struct request *req, struct error *err)
{
    struct image image = {0};
    struct sources from = {
        .labels = spec_get (record->root, "Config", "Labels", NULL),
        .annotations = json_object_get (spec, "annotations"),
        .env = spec_get (spec, "process", "env", NULL),
        .env_counts = true,
    };
    int r;

    if (!config->image_requests && (has_our_label (from.labels) || has_enable_env (from.env))) {
        if (image_load (&image, record->root, record->docker_root, config, err) < 0)
            return error_wrap (
                err, "cannot tell the container's dri.* labels from its image's (\"image-requests\": true "
                     "in the configuration takes both)");
        from.image = &image;
    }
    r = take_all (req, &from, err);
    image_finish (&image);
    return r;
}

static int
podman_request (const struct podman *podman, struct sources *from, struct request *req, struct error *err)
{
    _cleanup_json_ json_t *images_own = NULL;

    if (has_our_label (from->annotations)) {
        images_own = podman_image_annotations (podman, err);
        if (!images_own)
            return error_wrap (err, "cannot tell the container's dri.* annotations from its image's "
                                    "(\"image-requests\": true in the configuration takes both)");
    }
    from->image_annotations = images_own;
    return take_all (req, from, err);
}

static void
describe_podman (const struct podman *podman, struct container *c)
{
    (void) snprintf (c->name, sizeof c->name, "%s", podman->name);
    if (podman->image_name[0])
        (void) snprintf (c->image, sizeof c->image, "%s", podman->image_name);
}

/* An engine that keeps no record which we read.  */
static int
annotated_request (const json_t *spec, const char *bundle, const struct config *config,
                   struct container *found, struct request *req, struct error *err)
{
    struct sources from = {
        .annotations = json_object_get (spec, "annotations"),
        .env = spec_get (spec, "process", "env", NULL),
    };
    struct podman podman;

    describe_annotated (spec, bundle, found);
    from.env_counts = config->image_requests || strcmp (found->engine, "oci") == 0;
    if (strcmp (found->engine, "podman") != 0)
        return take_all (req, &from, err);
    if (podman_find (bundle, &podman))
        describe_podman (&podman, found);
    else
        podman = (struct podman){.store = "Podman's store"};
    return config->image_requests ? take_all (req, &from, err) : podman_request (&podman, &from, req, err);
}

int
engine_request (const json_t *spec, const char *bundle, const char *id, const struct config *config,
                struct container *container, struct request *req, struct error *err)
{
    struct container found = {0};
    struct record record;
    int r;

    (void) snprintf (found.id, sizeof found.id, "%s", id);
    if (find_record (spec, id, config, &record)) {
        describe_docker (&record, &found);
        r = docker_request (spec, &record, config, req, err);
        json_decref (record.root);
    } else {
        r = annotated_request (spec, bundle, config, &found, req, err);
    }
    *container = found;
    return r;
}
