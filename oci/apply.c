#include "apply_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "spec.h"

enum { DRM_MAJOR = 226 }; /* Documentation/admin-guide/devices.txt */

/* A path at or below /dev/dri, written in whatever way the spec's author liked ("/dev//dri/").  */
static bool
is_dri_path (const char *path)
{
    static const char *const parts[] = {"dev", "dri"};

    for (size_t i = 0; i < countof (parts); i++) {
        size_t len = strlen (parts[i]);

        for (;;) {
            path += strspn (path, "/");
            if (path[0] != '.' || (path[1] != '/' && path[1] != '\0'))
                break;
            path++;
        }
        if (strncmp (path, parts[i], len) != 0 || (path[len] != '/' && path[len] != '\0'))
            return false;
        path += len;
    }
    return true;
}

json_t *
apply_member (json_t *parent, const char *name, json_type type)
{
    json_t *value = json_object_get (parent, name);

    if (!value || json_is_null (value)) {
        value = type == JSON_ARRAY ? json_array () : json_object ();
        if (json_object_set_new (parent, name, value) < 0)
            return NULL;
    }
    return json_typeof (value) == type ? value : NULL;
}

/* Does the mount stand above /dev/dri and give what is mounted below it to the host? Ours would then take the
 * place of the host's /dev/dri, and stay there.  */
static bool
is_shared_parent (const json_t *mount)
{
    const char *target = json_string_value (json_object_get (mount, "destination"));
    size_t i;
    json_t *option;

    if (!target
        || (strcmp (target, "/dev") != 0 && strcmp (target, "/dev/") != 0 && strcmp (target, "/") != 0))
        return false;
    json_array_foreach (json_object_get (mount, "options"), i, option) {
        const char *text = json_string_value (option);

        if (text && (strcmp (text, "shared") == 0 || strcmp (text, "rshared") == 0))
            return true;
    }
    return false;
}

int
apply_malformed (const char *what, struct error *err)
{
    return error_set (err, 0, "config.json: %s is not what the OCI runtime specification says", what);
}

/* Takes the entries whose text member is at or below /dev/dri out of an array.  */
static void
remove_dri_entries (json_t *array, const char *name)
{
    for (size_t i = json_array_size (array); i-- > 0;) {
        const char *path = json_string_value (json_object_get (json_array_get (array, i), name));

        if (path && is_dri_path (path))
            (void) json_array_remove (array, i);
    }
}

/* A rule that opens DRM devices by number. The rule without a major (privileged: all devices) is the user's
 * word about more than GPUs, and stays.  */
static bool
is_drm_rule (const json_t *rule)
{
    const json_t *major = json_object_get (rule, "major");

    return json_is_true (json_object_get (rule, "allow")) && json_is_integer (major)
           && json_integer_value (major) == DRM_MAJOR;
}

/* A rule for a class of devices that holds GPUs we did not grant: "a", or "c" with any major (OCI: absent or
 * -1).  */
static bool
is_wildcard_rule (const json_t *rule)
{
    const char *type = json_string_value (json_object_get (rule, "type"));
    const json_t *major = json_object_get (rule, "major");

    return (!type || strcmp (type, "a") == 0 || strcmp (type, "c") == 0)
           && (!json_is_integer (major) || json_integer_value (major) < 0);
}

/* Docker's rules let every container make any node ("m"), which opens nothing.  */
static bool
allows_all_devices (const json_t *rules)
{
    size_t i;
    json_t *rule;
    bool allowed = false;

    json_array_foreach ((json_t *) rules, i, rule) {
        const char *access = json_string_value (json_object_get (rule, "access"));

        if (is_wildcard_rule (rule) && (!access || strpbrk (access, "rw")))
            allowed = json_is_true (json_object_get (rule, "allow"));
    }
    return allowed;
}

static json_t *
mount_entry (const struct grant *grant)
{
    /* nosuid and noexec are the source's own flags: a user namespace may not mount without them.  */
    return json_pack ("{s:s s:s s:s s:[s s s s]}", "destination", "/dev/dri", "type", "bind", "source",
                      grant->directory, "options", "bind", "ro", "nosuid", "noexec");
}

/* The name of a node in the host's /dev/dri: an alias stands behind the node of the same numbers.  */
static const char *
host_name (const struct grant *grant, const struct grant_node *node)
{
    const struct grant_node *first = grant->nodes;

    while (first->major != node->major || first->minor != node->minor)
        first++;
    return first->name;
}

static json_t *
node_mount (const struct grant *grant, const struct grant_node *node)
{
    return json_pack ("{s:o s:s s:o s:[s s s]}", "destination", json_sprintf ("/dev/dri/%s", node->name),
                      "type", "bind", "source", json_sprintf ("/dev/dri/%s", host_name (grant, node)),
                      "options", "bind", "nosuid", "noexec");
}

static int
edit_mounts (json_t *spec, const struct grant *grant, struct error *err)
{
    json_t *mounts = apply_member (spec, "mounts", JSON_ARRAY);

    if (!mounts)
        return apply_malformed ("mounts", err);
    for (size_t i = 0; i < json_array_size (mounts); i++)
        if (is_shared_parent (json_array_get (mounts, i)))
            return error_set (err, 0,
                              "its /dev is a mount that is shared with the host, whose /dev/dri would be "
                              "hidden: take \"rshared\" away");
    if (json_array_append_new (mounts, mount_entry (grant)) < 0)
        return error_set (err, ENOMEM, "config.json");
    for (unsigned i = 0; grant->bound && i < grant->n_nodes; i++)
        if (json_array_append_new (mounts, node_mount (grant, &grant->nodes[i])) < 0)
            return error_set (err, ENOMEM, "config.json");
    return 0;
}

static int
edit_devices (json_t *spec, const struct grant *grant, struct error *err)
{
    json_t *linux_ = apply_member (spec, "linux", JSON_OBJECT);
    json_t *resources = linux_ ? apply_member (linux_, "resources", JSON_OBJECT) : NULL;
    json_t *rules = resources ? apply_member (resources, "devices", JSON_ARRAY) : NULL;

    if (!rules)
        return apply_malformed ("linux.resources.devices", err);
    for (unsigned i = 0; i < grant->n_nodes; i++) {
        _cleanup_json_ json_t *rule =
            json_pack ("{s:b s:s s:i s:i s:s}", "allow", 1, "type", "c", "major", (int) grant->nodes[i].major,
                       "minor", (int) grant->nodes[i].minor, "access", "rw");

        if (!rule)
            return error_set (err, ENOMEM, "config.json");
        /* An alias has the numbers of its node, and stand-ins survive is_drm_rule when applied again.  */
        for (size_t j = json_array_size (rules); j-- > 0;)
            if (json_equal (json_array_get (rules, j), rule))
                (void) json_array_remove (rules, j);
        (void) json_array_append (rules, rule);
    }
    return 0;
}

static bool
has_integer (const json_t *array, json_int_t n)
{
    size_t i;
    json_t *item;

    json_array_foreach ((json_t *) array, i, item) {
        if (json_is_integer (item) && json_integer_value (item) == n)
            return true;
    }
    return false;
}

static bool
add_gid (json_t *user, json_int_t gid)
{
    json_t *gids = apply_member (user, "additionalGids", JSON_ARRAY);

    if (!gids || has_integer (gids, gid))
        return false;
    return json_array_append_new (gids, json_integer (gid)) == 0;
}

static int
edit_groups (json_t *spec, const struct grant *grant, struct error *err)
{
    json_t *process = apply_member (spec, "process", JSON_OBJECT);
    json_t *user = process ? apply_member (process, "user", JSON_OBJECT) : NULL;

    if (!user)
        return apply_malformed ("process.user", err);
    if (grant->n_gids > 0 && !apply_member (user, "additionalGids", JSON_ARRAY))
        return apply_malformed ("process.user.additionalGids", err);
    for (unsigned i = 0; i < grant->n_gids; i++)
        (void) add_gid (user, grant->gids[i]);
    return 0;
}

static int
edit_annotations (json_t *spec, const struct grant *grant, struct error *err)
{
    json_t *annotations = apply_member (spec, "annotations", JSON_OBJECT);
    char gids[GRANT_GIDS_MAX * 12] = "";
    size_t len = 0;

    if (!annotations)
        return apply_malformed ("annotations", err);
    for (unsigned i = 0; i < grant->n_gids; i++)
        len += (size_t) snprintf (gids + len, sizeof gids - len, "%s%u", i ? "," : "", grant->gids[i]);
    (void) json_object_set_new (annotations, APPLY_LEASE_ANNOTATION, json_string (grant->lease));
    (void) json_object_set_new (annotations, APPLY_GIDS_ANNOTATION, json_string (gids));
    return 0;
}

void
apply_nothing (json_t *spec)
{
    json_t *rules = spec_get (spec, "linux", "resources", "devices", NULL);
    json_t *annotations = json_object_get (spec, "annotations");

    apply_remove_hooks (spec);
    (void) json_object_del (annotations, APPLY_LEASE_ANNOTATION);
    (void) json_object_del (annotations, APPLY_GIDS_ANNOTATION);
    remove_dri_entries (json_object_get (spec, "mounts"), "destination");
    remove_dri_entries (spec_get (spec, "linux", "devices", NULL), "path");
    for (size_t i = json_array_size (rules); i-- > 0;)
        if (is_drm_rule (json_array_get (rules, i)))
            (void) json_array_remove (rules, i);
}

int
apply_grant (json_t *spec, const struct grant *grant, const struct request *req, const struct workload *w,
             const struct apply_hook *hook, struct error *err)
{
    apply_nothing (spec);
    /* A user's runtime may neither enter the directory, which the hook attaches, nor set a device filter.  */
    if (grant->directory[0] != '\0'
        && (edit_mounts (spec, grant, err) < 0 || edit_devices (spec, grant, err) < 0))
        return -1;
    if (edit_groups (spec, grant, err) < 0 || edit_annotations (spec, grant, err) < 0)
        return -1;
    return hook->path ? apply_set_hooks (spec, grant, req, w, hook, err) : 0;
}

static void
note_entries (json_t *notes, const json_t *array, const char *name, const char *what)
{
    size_t i;
    json_t *entry;

    json_array_foreach ((json_t *) array, i, entry) {
        const char *path = json_string_value (json_object_get (entry, name));

        if (path && is_dri_path (path))
            (void) json_array_append_new (
                notes,
                json_sprintf ("%s %s gives way to the lease: take it out of the container's definition", what,
                              path));
    }
}

json_t *
apply_notes (const json_t *spec)
{
    const json_t *rules = spec_get (spec, "linux", "resources", "devices", NULL);
    json_t *notes = json_array ();

    if (apply_is_ours (spec))
        return notes;
    note_entries (notes, json_object_get (spec, "mounts"), "destination", "the user's mount");
    if (allows_all_devices (rules))
        (void) json_array_append_new (
            notes,
            json_string ("privileged: /dev/dri holds the lease only, but this container may make any device "
                         "node for itself; with dri.* labels it needs no privileged for the GPU"));
    else
        note_entries (notes, spec_get (spec, "linux", "devices", NULL), "path", "the user's device");
    return notes;
}

bool
apply_gids (json_t *process, const json_t *spec)
{
    const char *list = apply_is_ours (spec)
                           ? json_string_value (spec_get (spec, "annotations", APPLY_GIDS_ANNOTATION, NULL))
                           : NULL;
    json_t *user = json_object_get (process, "user");
    bool changed = false;

    while (user && list && *list >= '0' && *list <= '9') {
        char *end;
        unsigned long gid = strtoul (list, &end, 10);

        if (gid >= UINT32_MAX)
            break;
        changed |= add_gid (user, (json_int_t) gid);
        list = end + (*end == ',');
    }
    return changed;
}
