#include "image.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "document.h"
#include "file.h"
#include "glance.h"

enum { BLOB_BYTES_MAX = 4 << 20, MANIFESTS_MAX = 64 };

/* The hex part of "sha256:<64 hex>", NULL for anything else: it becomes part of a path.  */
static const char *
digest_hex (const char *digest)
{
    if (!digest || strncmp (digest, "sha256:", 7) != 0 || strlen (digest) != 7 + 64
        || strspn (digest + 7, "0123456789abcdef") != 64)
        return NULL;
    return digest + 7;
}

static int
load_json (const char *path, json_t **root, struct error *err)
{
    static const char *const members[] = {"Labels", "Env", "config", "layers", "manifests", NULL};
    _cleanup_free_ char *text = NULL;
    const char *const *names;
    struct document doc;
    size_t len;

    if (file_read (path, BLOB_BYTES_MAX, &text, &len, err) < 0)
        return -1;
    /* An image without a word to us has neither labels nor variables that count.  */
    names = glance_names_us (text, len) || memmem (text, len, IMAGE_RESERVATION, strlen (IMAGE_RESERVATION))
                ? members
                : members + 2;
    if (document_load_members (&doc, text, len, names, err) < 0)
        return error_wrap (err, "%s", path);
    *root = doc.root;
    return 0;
}

/* The graph drivers' store: image/<driver>/imagedb/content/sha256/<hex> is the image configuration.  */
static int
load_from_graph_store (const json_t *record, const char *docker_root, const char *hex, json_t *configs,
                       struct error *err)
{
    const char *driver = json_string_value (json_object_get (record, "Driver"));
    _cleanup_json_ json_t *root = NULL;
    char path[PATH_MAX];

    if (!driver || !*driver || strchr (driver, '/') || driver[0] == '.')
        return error_set (err, ENOENT, "no storage driver is recorded");
    (void) snprintf (path, sizeof path, "%s/image/%s/imagedb/content/sha256/%s", docker_root, driver, hex);
    if (load_json (path, &root, err) < 0)
        return -1;
    (void) json_array_append (configs, json_object_get (root, "config"));
    return 0;
}

static int load_blob (const char *store, const char *digest, unsigned depth, json_t *configs,
                      struct error *err);

/* An index names a manifest a platform, of which usually one is here; a manifest names its configuration.  */
static int
load_index (const char *store, const json_t *manifests, unsigned depth, json_t *configs, struct error *err)
{
    size_t i, before = json_array_size (configs);
    json_t *entry;

    json_array_foreach ((json_t *) manifests, i, entry) {
        if (i == MANIFESTS_MAX)
            break;
        if (load_blob (store, json_string_value (json_object_get (entry, "digest")), depth + 1, configs, err)
                < 0
            && err->status != ENOENT)
            return -1;
    }
    return json_array_size (configs) > before
               ? 0
               : error_set (err, ENOENT, "no platform of the image in %s", store);
}

static int
load_blob (const char *store, const char *digest, unsigned depth, json_t *configs, struct error *err)
{
    const char *hex = digest_hex (digest);
    _cleanup_json_ json_t *blob = NULL;
    char path[PATH_MAX];

    if (!hex || depth > 3)
        return error_set (err, ENOENT, "no such blob");
    (void) snprintf (path, sizeof path, "%s/io.containerd.content.v1.content/blobs/sha256/%s", store, hex);
    if (load_json (path, &blob, err) < 0)
        return -1;
    if (json_is_array (json_object_get (blob, "manifests")))
        return load_index (store, json_object_get (blob, "manifests"), depth, configs, err);
    if (json_is_array (json_object_get (blob, "layers")))
        return load_blob (store,
                          json_string_value (json_object_get (json_object_get (blob, "config"), "digest")),
                          depth + 1, configs, err);
    (void) json_array_append (configs, json_object_get (blob, "config"));
    return 0;
}

int
image_load (struct image *image, const json_t *record, const char *docker_root, const struct config *config,
            struct error *err)
{
    const char *digest = json_string_value (json_object_get (record, "Image"));
    const char *hex = digest_hex (digest);
    _cleanup_json_ json_t *configs = json_array ();
    char own[PATH_MAX];
    const char *stores[] = {own, config->containerd_root};

    if (!hex)
        return error_set (err, 0, "the engine's record names no image");
    (void) snprintf (own, sizeof own, "%s/containerd/daemon", docker_root);
    if (load_from_graph_store (record, docker_root, hex, configs, err) == 0) {
        image->configs = steal_ptr (&configs);
        return 0;
    }
    for (size_t i = 0; i < countof (stores); i++)
        if (load_blob (stores[i], digest, 0, configs, err) == 0) {
            image->configs = steal_ptr (&configs);
            return 0;
        }
    return error_set (err, 0, "image %.19s… is neither in %s/image nor in %s", digest, docker_root,
                      config->containerd_root);
}

void
image_finish (struct image *image)
{
    json_decref (image->configs);
    image->configs = NULL;
}

bool
image_has_label (const struct image *image, const char *name, const char *value)
{
    size_t i;
    json_t *config;

    json_array_foreach (image->configs, i, config) {
        const char *own = json_string_value (json_object_get (json_object_get (config, "Labels"), name));

        if (own && strcmp (own, value) == 0)
            return true;
    }
    return false;
}

bool
image_has_env (const struct image *image, const char *entry)
{
    size_t i, j;
    json_t *config, *own;

    json_array_foreach (image->configs, i, config) {
        json_array_foreach (json_object_get (config, "Env"), j, own) {
            if (json_is_string (own) && strcmp (json_string_value (own), entry) == 0)
                return true;
        }
    }
    return false;
}
