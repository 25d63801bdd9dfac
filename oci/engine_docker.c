#include "engine_docker.h"

#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "document.h"
#include "file.h"
#include "image.h"
#include "sources.h"
#include "spec.h"

bool
engine_may_be_docker (const char *id)
{
    return strlen (id) == 64 && strspn (id, "0123456789abcdef") == 64;
}

/* Is this Docker's record of the container id, in this folder? The ID member tells that it is. Any folder may
 * be asked for, so the file has to be of who runs the engine: the daemon writes it as itself, with
 * userns-remap too (moby, container/container.go, toDisk).  */
static bool
read_record (const char *root, size_t root_len, const char *id, struct docker_record *record)
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
        || file_read_trusted (path, ENGINE_RECORD_BYTES_MAX, &text, &len, &ignored) < 0
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
find_above (const char *path, const char *id, struct docker_record *record)
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

bool
engine_docker_find (const json_t *spec, const char *id, const struct config *config,
                    struct docker_record *record)
{
    if (!engine_may_be_docker (id))
        return false;
    return find_above (engine_file_source (spec), id, record)
           || find_above (spec_root_path (spec), id, record)
           || read_record (config->docker_root, strlen (config->docker_root), id, record);
}

/* The first of the labels that there is.  */
static void
copy_label (char *out, size_t size, const json_t *labels, const char *const names[2])
{
    for (size_t i = 0; i < 2; i++) {
        const char *text = json_string_value (json_object_get (labels, names[i]));

        if (text) {
            (void) snprintf (out, size, "%s", text);
            return;
        }
    }
}

void
engine_docker_describe (const struct docker_record *record, struct container *c)
{
    static const char *const projects[] = {"com.docker.compose.project", "com.docker.stack.namespace"};
    static const char *const services[] = {"com.docker.compose.service", "com.docker.swarm.service.name"};
    const json_t *config = json_object_get (record->root, "Config");
    const json_t *labels = json_object_get (config, "Labels");
    const char *name = json_string_value (json_object_get (record->root, "Name"));
    const char *image = json_string_value (json_object_get (config, "Image"));

    (void) snprintf (c->engine, sizeof c->engine, "docker");
    if (name)
        (void) snprintf (c->name, sizeof c->name, "%s", name[0] == '/' ? name + 1 : name);
    if (image)
        (void) snprintf (c->image, sizeof c->image, "%s", image);
    copy_label (c->project, sizeof c->project, labels, projects);
    copy_label (c->service, sizeof c->service, labels, services);
}

/* Swarm tells a task what was reserved for it in DOCKER_RESOURCE_<KIND> (moby,
 * daemon/cluster/executor/container), and marks it by a label, which it sets over one of the user's.  */
static const char *
swarm_reservation (const json_t *spec, const json_t *labels)
{
    return json_object_get (labels, "com.docker.swarm.task.id") ? spec_env (spec, IMAGE_RESERVATION) : NULL;
}

static bool
image_has_reservation (const struct image *image, const char *value)
{
    char entry[REQUEST_TEXT_MAX + 32];

    (void) snprintf (entry, sizeof entry, IMAGE_RESERVATION "=%.*s", REQUEST_TEXT_MAX, value);
    return image_has_env (image, entry);
}

int
engine_docker_request (const json_t *spec, const struct docker_record *record, const struct config *config,
                       struct request *req, struct error *err)
{
    struct image image = {0};
    struct sources from = {
        .labels = spec_get (record->root, "Config", "Labels", NULL),
        .annotations = json_object_get (spec, "annotations"),
        .env = spec_get (spec, "process", "env", NULL),
        .env_counts = true,
        .hooks = json_object_get (spec, "hooks"),
    };
    int r;

    from.reserved = swarm_reservation (spec, from.labels);
    if (!config->image_requests && sources_want_image (&from)) {
        if (image_load (&image, record->root, record->docker_root, config, err) < 0)
            return error_wrap (
                err, "cannot tell the container's dri.* labels and DRI_* variables from its image's "
                     "(\"image-requests\": true in the configuration takes both)");
        from.image = &image;
        if (from.reserved && image_has_reservation (&image, from.reserved))
            from.reserved = NULL;
    }
    r = sources_take (req, &from, err);
    image_finish (&image);
    return r;
}
