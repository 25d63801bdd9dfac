#include "origin_name.h"

#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "../../oci/document.h"
#include "../../oci/engine_cri.h"
#include "../../oci/engine_docker.h"
#include "../../oci/file.h"
#include "../../oci/podman.h"

/* containerd's state (containerd, defaults: DefaultStateDir), one folder for each namespace. Podman's
 * storage.conf(5), graphroot, which CRI-O shares.  */
#define CONTAINERD_BUNDLES "/run/containerd/io.containerd.runtime.v2.task/*/%s/config.json"
#define STORAGE_BUNDLES    "/var/lib/containers/storage/*-containers/%s/userdata"

enum { RECORD_MAX = 16 << 20 };

/* The first path that fits; false: none. The id is hexadecimal: nothing in it means anything to glob.  */
static bool
first_of (const char *format, const char *id, char path[PATH_MAX])
{
    char pattern[PATH_MAX];
    glob_t found = {0};
    bool is_there;

    (void) snprintf (pattern, sizeof pattern, "%.*s%s%s", (int) (strstr (format, "%s") - format), format, id,
                     strstr (format, "%s") + 2);
    is_there = glob (pattern, 0, NULL, &found) == 0 && found.gl_pathc > 0
               && (size_t) snprintf (path, PATH_MAX, "%s", found.gl_pathv[0]) < PATH_MAX;
    globfree (&found);
    return is_there;
}

static void
take_docker (const char *id, const struct config *config, struct container *c)
{
    struct docker_record record;

    if (!engine_docker_find (NULL, id, config, &record))
        return;
    engine_docker_describe (&record, c);
    json_decref (record.root);
}

static void
take_storage (const char *id, struct container *c)
{
    struct podman podman;
    char path[PATH_MAX];

    if (first_of (STORAGE_BUNDLES, id, path) && podman_find (path, &podman)) {
        (void) snprintf (c->name, sizeof c->name, "%s", podman.name);
        (void) snprintf (c->image, sizeof c->image, "%s", podman.image_name);
    }
}

static void
take_containerd (const char *id, struct container *c)
{
    static const char *const members[] = {"annotations", NULL};
    _cleanup_free_ char *text = NULL;
    struct document doc;
    struct error ignored;
    struct cri cri;
    const char *name;
    char path[PATH_MAX];
    size_t len;

    if (!first_of (CONTAINERD_BUNDLES, id, path) || file_read (path, RECORD_MAX, &text, &len, &ignored) < 0
        || document_load_members (&doc, text, len, members, &ignored) < 0)
        return;
    name = json_string_value (json_object_get (json_object_get (doc.root, "annotations"), "nerdctl/name"));
    if (name)
        (void) snprintf (c->name, sizeof c->name, "%s", name);
    if (engine_cri_find (doc.root, &cri)) {
        engine_cri_describe (&cri, c);
        engine_cri_finish (&cri);
    }
    document_finish (&doc);
}

void
origin_name (const struct origin *origin, const struct config *config, struct container *container)
{
    *container = (struct container){.id = ""};
    (void) snprintf (container->id, sizeof container->id, "%s", origin->id);
    (void) snprintf (container->engine, sizeof container->engine, "%s", origin->engine);
    if (origin->owner != 0)
        return;
    if (strcmp (origin->engine, "lxc") == 0) {
        (void) snprintf (container->name, sizeof container->name, "%s", origin->id);
        return;
    }
    if (!origin->engine[0] || strcmp (origin->engine, "docker") == 0)
        take_docker (origin->id, config, container);
    if (!container->name[0])
        take_storage (origin->id, container);
    if (!container->name[0])
        take_containerd (origin->id, container);
}
