#include "apply.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "spec.h"

enum { VARIABLE_MAX = 1000 };

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

/* The member of parent, made where it is missing. NULL where it is there and of another type (borrowed).  */
static json_t *
member (json_t *parent, const char *name, json_type type)
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

static int
malformed (const char *what, struct error *err)
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
    json_t *mounts = member (spec, "mounts", JSON_ARRAY);

    if (!mounts)
        return malformed ("mounts", err);
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
    json_t *linux_ = member (spec, "linux", JSON_OBJECT);
    json_t *resources = linux_ ? member (linux_, "resources", JSON_OBJECT) : NULL;
    json_t *rules = resources ? member (resources, "devices", JSON_ARRAY) : NULL;

    if (!rules)
        return malformed ("linux.resources.devices", err);
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
    json_t *gids = member (user, "additionalGids", JSON_ARRAY);

    if (!gids || has_integer (gids, gid))
        return false;
    return json_array_append_new (gids, json_integer (gid)) == 0;
}

static int
edit_groups (json_t *spec, const struct grant *grant, struct error *err)
{
    json_t *process = member (spec, "process", JSON_OBJECT);
    json_t *user = process ? member (process, "user", JSON_OBJECT) : NULL;

    if (!user)
        return malformed ("process.user", err);
    if (grant->n_gids > 0 && !member (user, "additionalGids", JSON_ARRAY))
        return malformed ("process.user.additionalGids", err);
    for (unsigned i = 0; i < grant->n_gids; i++)
        (void) add_gid (user, grant->gids[i]);
    return 0;
}

static int
edit_annotations (json_t *spec, const struct grant *grant, struct error *err)
{
    json_t *annotations = member (spec, "annotations", JSON_OBJECT);
    char gids[GRANT_GIDS_MAX * 12] = "";
    size_t len = 0;

    if (!annotations)
        return malformed ("annotations", err);
    for (unsigned i = 0; i < grant->n_gids; i++)
        len += (size_t) snprintf (gids + len, sizeof gids - len, "%s%u", i ? "," : "", grant->gids[i]);
    (void) json_object_set_new (annotations, APPLY_LEASE_ANNOTATION, json_string (grant->lease));
    (void) json_object_set_new (annotations, APPLY_GIDS_ANNOTATION, json_string (gids));
    return 0;
}

static void
add_option (json_t *args, const char *option, const char *value)
{
    (void) json_array_append_new (args, json_string (option));
    (void) json_array_append_new (args, json_string (value));
}

static bool
has_gid (const struct workload *w, gid_t gid)
{
    for (unsigned i = 0; i < w->n_gids; i++)
        if (w->gids[i] == gid)
            return true;
    return false;
}

void
apply_final_user (const struct workload *w, const struct request *req, struct workload *final)
{
    const struct owner *owner = &req->owner;

    *final = *w;
    if (w->uid == 0 && owner->kind == OWNER_IDS && owner->uid != 0) {
        final->uid = owner->uid;
        final->gid = owner->gid;
        final->n_gids = 0;
        final->drops = true;
    } else if (w->drops) {
        final->uid = w->puid;
        final->gid = w->pgid;
        final->n_gids = 0;
    }
}

static void
add_workload (json_t *args, const struct grant *grant, const struct request *req, const struct workload *w)
{
    char text[32 + 12 * (WORKLOAD_GIDS_MAX + GRANT_GIDS_MAX)];
    struct workload final;
    int len;

    apply_final_user (w, req, &final);
    len = snprintf (text, sizeof text, "%u:%u", final.uid, final.gid);
    for (unsigned i = 0; i < final.n_gids; i++)
        len += snprintf (text + len, sizeof text - (size_t) len, ":%u", final.gids[i]);
    for (unsigned i = 0; !final.drops && i < grant->n_gids; i++)
        if (!has_gid (w, grant->gids[i]))
            len += snprintf (text + len, sizeof text - (size_t) len, ":%u", grant->gids[i]);
    add_option (args, "--user", text);
}

enum request_ready
apply_ready (const struct request *req)
{
    return req->ready == READY_AUTO && req->access == ACCESS_MONITOR ? READY_DRIVER : req->ready;
}

json_t *
apply_variables (const json_t *spec)
{
    static const char *const names[] = {"LIBVA_DRIVER_NAME", "LIBVA_DRIVERS_PATH", "LD_LIBRARY_PATH"};
    json_t *variables = json_array ();

    for (size_t i = 0; i < countof (names); i++) {
        const char *value = spec_env (spec, names[i]);

        if (value && strlen (value) <= VARIABLE_MAX)
            (void) json_array_append_new (variables, json_sprintf ("%s=%s", names[i], value));
    }
    return variables;
}

static void
add_variables (json_t *args, const json_t *spec)
{
    _cleanup_json_ json_t *variables = apply_variables (spec);
    size_t i;
    json_t *variable;

    json_array_foreach (variables, i, variable) {
        add_option (args, "--env", json_string_value (variable));
    }
}

/* Everything that the gate has to know stands in its arguments, so that it parses no document and trusts
 * nothing that the container could have changed meanwhile.  */
static json_t *
gate_args (const json_t *spec, const struct grant *grant, const struct request *req, const struct workload *w,
           const struct apply_hook *hook)
{
    json_t *args = json_pack ("[s s]", "dri-hook", "createRuntime");
    char text[64];

    add_option (args, "--lease", grant->lease);
    add_option (args, "--container", hook->label);
    add_option (args, "--bundle", hook->bundle);
    add_option (args, "--rootfs", spec_root_path (spec) ? spec_root_path (spec) : "rootfs");
    if (grant->directory[0] == '\0')
        (void) json_array_append_new (args, json_string ("--attach"));
    if (grant->gpus[0])
        add_option (args, "--gpu", grant->gpus);
    add_option (args, "--ready", ready_name (apply_ready (req)));
    if (req->text[KEY_REQUIRE][0])
        add_option (args, "--require", req->text[KEY_REQUIRE]);
    add_variables (args, spec);
    add_option (args, "--on-failure", req->on_failure == FAILURE_START_WITHOUT ? "start-without" : "fail");
    (void) snprintf (text, sizeof text, "%u", req->wait_ms);
    add_option (args, "--wait", text);
    add_workload (args, grant, req, w);
    if (spec_has_dac_override (spec))
        (void) json_array_append_new (args, json_string ("--dac-override"));
    for (unsigned i = 0; i < grant->n_nodes; i++) {
        (void) snprintf (text, sizeof text, "%s=%u:%u%s", grant->nodes[i].name, grant->nodes[i].major,
                         grant->nodes[i].minor, grant->nodes[i].drm ? "" : ":stand-in");
        add_option (args, "--node", text);
    }
    return args;
}

/* An own environment: a hook without one inherits the runtime's (CVE-2025-23266 began so).  */
static json_t *
hook_entry (const struct apply_hook *hook, json_t *args, unsigned timeout_s)
{
    char env[256];

    (void) snprintf (env, sizeof env, "DRI_BROKER_SOCKET=%s", hook->socket);
    return json_pack ("{s:s s:o s:[s] s:i}", "path", hook->path, "args", args, "env", env, "timeout",
                      (int) timeout_s);
}

static bool
is_our_hook (const json_t *entry)
{
    const char *argv0 = json_string_value (json_array_get (json_object_get (entry, "args"), 0));

    return argv0 && strcmp (argv0, "dri-hook") == 0;
}

/* Of an earlier edit, or of a CDI device, which would ask once more.  */
static void
remove_our_hooks (json_t *list)
{
    for (size_t i = json_array_size (list); i-- > 0;)
        if (is_our_hook (json_array_get (list, i)))
            (void) json_array_remove (list, i);
}

static int
set_hook (json_t *hooks, const char *stage, json_t *entry, struct error *err)
{
    json_t *list = member (hooks, stage, JSON_ARRAY);

    if (!list) {
        json_decref (entry);
        return malformed ("hooks", err);
    }
    remove_our_hooks (list);
    return json_array_append_new (list, entry) < 0 ? error_set (err, ENOMEM, "config.json") : 0;
}

static int
edit_hooks (json_t *spec, const struct grant *grant, const struct request *req, const struct workload *w,
            const struct apply_hook *hook, struct error *err)
{
    json_t *hooks = member (spec, "hooks", JSON_OBJECT);
    /* Behind the wait: for a probe, that of the image, and that of this machine, if all of them hang.  */
    enum { GATE_MARGIN_S = 30, MARGIN_S = 15 };

    if (!hooks)
        return malformed ("hooks", err);
    if (set_hook (
            hooks, "createRuntime",
            hook_entry (hook, gate_args (spec, grant, req, w, hook), req->wait_ms / 1000 + GATE_MARGIN_S),
            err)
        < 0)
        return -1;
    return set_hook (hooks, "poststop",
                     hook_entry (hook,
                                 json_pack ("[s s s s s s]", "dri-hook", "poststop", "--lease", grant->lease,
                                            "--container", hook->label),
                                 MARGIN_S),
                     err);
}

void
apply_nothing (json_t *spec)
{
    json_t *rules = spec_get (spec, "linux", "resources", "devices", NULL);

    remove_our_hooks (spec_get (spec, "hooks", "createRuntime", NULL));
    remove_our_hooks (spec_get (spec, "hooks", "poststop", NULL));
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
    return hook->path ? edit_hooks (spec, grant, req, w, hook, err) : 0;
}

int
apply_refusal (json_t *spec, const char *reason, const struct apply_hook *hook, struct error *err)
{
    json_t *hooks = member (spec, "hooks", JSON_OBJECT);
    enum { TIMEOUT_S = 5 };

    if (!hooks)
        return malformed ("hooks", err);
    return set_hook (hooks, "createRuntime",
                     hook_entry (hook,
                                 json_pack ("[s s s s s s]", "dri-hook", "refuse", "--container", hook->label,
                                            "--reason", reason),
                                 TIMEOUT_S),
                     err);
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

    if (json_object_get (json_object_get (spec, "annotations"), APPLY_LEASE_ANNOTATION))
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
apply_gids (json_t *process, const json_t *annotations)
{
    const char *list = json_string_value (json_object_get (annotations, APPLY_GIDS_ANNOTATION));
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
