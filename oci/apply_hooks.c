#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "apply_parts.h"
#include "cleanup.h"
#include "spec.h"

enum { VARIABLE_MAX = 1000 };

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
    json_t *list = apply_member (hooks, stage, JSON_ARRAY);

    if (!list) {
        json_decref (entry);
        return apply_malformed ("hooks", err);
    }
    remove_our_hooks (list);
    return json_array_append_new (list, entry) < 0 ? error_set (err, ENOMEM, "config.json") : 0;
}

int
apply_set_hooks (json_t *spec, const struct grant *grant, const struct request *req, const struct workload *w,
                 const struct apply_hook *hook, struct error *err)
{
    json_t *hooks = apply_member (spec, "hooks", JSON_OBJECT);
    /* Behind the wait: for a probe, that of the image, and that of this machine, if all of them hang.  */
    enum { GATE_MARGIN_S = 30, MARGIN_S = 15 };

    if (!hooks)
        return apply_malformed ("hooks", err);
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

bool
apply_is_ours (const json_t *spec)
{
    const char *lease = json_string_value (spec_get (spec, "annotations", APPLY_LEASE_ANNOTATION, NULL));
    size_t i;
    json_t *entry;

    json_array_foreach (spec_get (spec, "hooks", "createRuntime", NULL), i, entry) {
        const json_t *args = json_object_get (entry, "args");
        const char *option = json_string_value (json_array_get (args, 2));
        const char *value = json_string_value (json_array_get (args, 3));

        /* As gate_args begins.  */
        if (lease && is_our_hook (entry) && option && strcmp (option, "--lease") == 0 && value
            && strcmp (value, lease) == 0)
            return true;
    }
    return false;
}

void
apply_remove_hooks (json_t *spec)
{
    remove_our_hooks (spec_get (spec, "hooks", "createRuntime", NULL));
    remove_our_hooks (spec_get (spec, "hooks", "poststop", NULL));
}

int
apply_refusal (json_t *spec, const char *reason, const struct apply_hook *hook, struct error *err)
{
    json_t *hooks = apply_member (spec, "hooks", JSON_OBJECT);
    enum { TIMEOUT_S = 5 };

    if (!hooks)
        return apply_malformed ("hooks", err);
    return set_hook (hooks, "createRuntime",
                     hook_entry (hook,
                                 json_pack ("[s s s s s s]", "dri-hook", "refuse", "--container", hook->label,
                                            "--reason", reason),
                                 TIMEOUT_S),
                     err);
}
