#include "podman.h"

#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "file.h"

enum { RECORDS_BYTES_MAX = 16 << 20, MANIFEST_BYTES_MAX = 4 << 20 };

static bool
is_id (const char *text, size_t len)
{
    return len == PODMAN_ID_LENGTH && strspn (text, "0123456789abcdef") >= PODMAN_ID_LENGTH;
}

/* The last component of path[0..*len), and *len without it. NULL where there is none.  */
static const char *
cut_component (const char *path, size_t *len, size_t *component)
{
    const char *slash = memrchr (path, '/', *len);

    if (!slash)
        return NULL;
    *component = *len - (size_t) (slash + 1 - path);
    *len = (size_t) (slash - path);
    return slash + 1;
}

/* <root>/<driver>-containers/<id>/userdata, taken apart from its end.  */
static bool
split_bundle (const char *bundle, struct podman *p)
{
    static const char suffix[] = "-containers";
    size_t len = strlen (bundle), n;
    const char *word = cut_component (bundle, &len, &n);

    if (!word || strcmp (word, "userdata") != 0)
        return false;
    word = cut_component (bundle, &len, &n);
    if (!word || !is_id (word, n))
        return false;
    (void) snprintf (p->id, sizeof p->id, "%.*s", (int) n, word);
    if (len <= strlen (suffix) || len - strlen (suffix) >= sizeof p->store
        || memcmp (bundle + len - strlen (suffix), suffix, strlen (suffix)) != 0)
        return false;
    (void) snprintf (p->store, sizeof p->store, "%.*s", (int) (len - strlen (suffix)), bundle);
    return true;
}

static json_t *
load_json (const char *path, size_t max, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    json_error_t where;
    json_t *root;
    size_t len;

    if (file_read (path, max, &text, &len, err) < 0)
        return NULL;
    root = json_loadb (text, len, JSON_DECODE_INT_AS_REAL, &where);
    if (!root)
        (void) error_set (err, 0, "%s: %s", path, where.text);
    return root;
}

static void
copy_text (char *out, size_t size, const json_t *value)
{
    const char *text = json_string_value (value);

    if (text)
        (void) snprintf (out, size, "%s", text);
}

/* Metadata is a text of JSON: libpod's own notes.  */
static void
take_record (struct podman *p, const json_t *record)
{
    const char *metadata = json_string_value (json_object_get (record, "metadata"));
    _cleanup_json_ json_t *notes = metadata ? json_loads (metadata, 0, NULL) : NULL;

    p->found = true;
    copy_text (p->name, sizeof p->name, json_array_get (json_object_get (record, "names"), 0));
    copy_text (p->image, sizeof p->image, json_object_get (record, "image"));
    copy_text (p->image_name, sizeof p->image_name, json_object_get (notes, "image-name"));
}

/* The record that has value[0..len) as its member, a reference of the caller's. NULL where there is none.  */
static json_t *
find_record_in (const char *store, const char *file, const char *member, const char *value, size_t len)
{
    _cleanup_json_ json_t *records = NULL;
    char path[PATH_MAX + 64];
    struct error ignored;
    json_t *record;
    size_t i;

    (void) snprintf (path, sizeof path, "%s-containers/%s", store, file);
    records = load_json (path, RECORDS_BYTES_MAX, &ignored);
    json_array_foreach (records, i, record) {
        const json_t *text = json_object_get (record, member);

        if (json_is_string (text) && json_string_length (text) == len
            && memcmp (json_string_value (text), value, len) == 0)
            return json_incref (record);
    }
    return NULL;
}

/* Those of `podman run --rm` are the volatile ones.  */
static json_t *
find_record (const char *store, const char *member, const char *value, size_t len)
{
    json_t *record = find_record_in (store, "containers.json", member, value, len);

    return record ? record : find_record_in (store, "volatile-containers.json", member, value, len);
}

bool
podman_find (const char *bundle, struct podman *podman)
{
    _cleanup_json_ json_t *record = NULL;
    struct podman found = {.found = false};

    if (!bundle || !split_bundle (bundle, &found))
        return false;
    record = find_record (found.store, "id", found.id, PODMAN_ID_LENGTH);
    if (record)
        take_record (&found, record);
    *podman = found;
    return true;
}

/* The layer whose root file system this is, and *len without it and what the driver puts around it.  */
static const char *
cut_layer (const char *root, size_t *len)
{
    size_t n, m;
    const char *word = cut_component (root, len, &n);
    const char *above = word ? cut_component (root, len, &m) : NULL;

    if (!above)
        return NULL;
    if (is_id (above, m) && n == strlen ("merged") && memcmp (word, "merged", n) == 0)
        return above;
    if (is_id (word, n) && m == strlen ("dir") && memcmp (above, "dir", m) == 0)
        return word;
    return NULL;
}

bool
podman_bundle_of (const char *root, char *bundle, size_t size)
{
    size_t len = root ? strlen (root) : 0;
    const char *layer = root ? cut_layer (root, &len) : NULL;
    _cleanup_json_ json_t *record = NULL;
    char store[PATH_MAX];
    const char *id;

    if (!layer || len >= sizeof store)
        return false;
    (void) snprintf (store, sizeof store, "%.*s", (int) len, root);
    record = find_record (store, "layer", layer, PODMAN_ID_LENGTH);
    id = json_string_value (json_object_get (record, "id"));
    return id && (size_t) snprintf (bundle, size, "%s-containers/%s/userdata", store, id) < size;
}

json_t *
podman_image_annotations (const struct podman *podman, struct error *err)
{
    char path[sizeof podman->store + 96];
    _cleanup_json_ json_t *manifest = NULL;
    json_t *annotations;

    if (podman->found && podman->image[0] == '\0') /* --rootfs */
        return json_object ();
    if (!is_id (podman->image, strlen (podman->image))) {
        (void) error_set (err, 0, "%s-containers has no record of it", podman->store);
        return NULL;
    }
    (void) snprintf (path, sizeof path, "%s-images/%s/manifest", podman->store, podman->image);
    manifest = load_json (path, MANIFEST_BYTES_MAX, err);
    if (!manifest)
        return NULL;
    annotations = json_object_get (manifest, "annotations");
    return json_is_object (annotations) ? json_incref (annotations) : json_object ();
}
