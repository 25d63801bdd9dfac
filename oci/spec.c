#include "spec.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

const char *const spec_members[] = {
    "process",     "user",    "additionalGids", "env",         "capabilities",
    "effective",   "root",    "mounts",         "options",     "linux",
    "resources",   "devices", "namespaces",     "uidMappings", "gidMappings",
    "annotations", "hooks",   "createRuntime",  "poststop",    "args",
    NULL,
};

json_t *
spec_get (const json_t *spec, const char *name, ...)
{
    json_t *value = (json_t *) spec;
    va_list names;

    va_start (names, name);
    for (; name && value; name = va_arg (names, const char *))
        value = json_object_get (value, name);
    va_end (names);
    return value;
}

const char *
spec_env (const json_t *spec, const char *name)
{
    const json_t *env = spec_get (spec, "process", "env", NULL);
    size_t len = strlen (name);

    for (size_t i = json_array_size (env); i-- > 0;) {
        const char *entry = json_string_value (json_array_get (env, i));

        if (entry && strncmp (entry, name, len) == 0 && entry[len] == '=')
            return entry + len + 1;
    }
    return NULL;
}

const char *
spec_root_path (const json_t *spec)
{
    return json_string_value (spec_get (spec, "root", "path", NULL));
}

/* Absent means 0, as Go's zero value has it.  */
static int
get_id (const json_t *value, const char *what, uint32_t *id, struct error *err)
{
    *id = 0;
    return value ? id_from_json (id, value, what, err) : 0;
}

static bool
has_user_namespace (const json_t *spec)
{
    const json_t *namespaces = spec_get (spec, "linux", "namespaces", NULL);
    size_t i;
    json_t *ns;

    json_array_foreach ((json_t *) namespaces, i, ns) {
        const char *type = json_string_value (json_object_get (ns, "type"));

        if (type && strcmp (type, "user") == 0)
            return true;
    }
    return false;
}

static bool
get_env_id (const json_t *spec, const char *name, uint32_t *id)
{
    const char *text = spec_env (spec, name);
    unsigned long n;
    char *end;

    if (!text || *text < '0' || *text > '9')
        return false;
    errno = 0;
    n = strtoul (text, &end, 10);
    if (errno != 0 || *end || n >= UINT32_MAX)
        return false;
    *id = (uint32_t) n;
    return true;
}

static bool
take_ids (const json_t *spec, const char *uid_name, const char *gid_name, struct workload *w)
{
    uint32_t uid, gid;

    if (!get_env_id (spec, uid_name, &uid) || !get_env_id (spec, gid_name, &gid))
        return false;
    w->puid = uid;
    w->pgid = gid;
    return true;
}

/* linuxserver.io, hotio and their kin start as root and drop to PUID:PGID. Both must be set: what such an
 * image takes for a missing one is its own affair. Those of jlesage call them USER_ID and GROUP_ID, names
 * that others have for other things; but they all have SUP_GROUP_IDS as well, if only an empty one (ENV in
 * docker-baseimage's Dockerfile).  */
static bool
read_drop (const json_t *spec, struct workload *w)
{
    return take_ids (spec, "PUID", "PGID", w)
           || (spec_env (spec, "SUP_GROUP_IDS") && take_ids (spec, "USER_ID", "GROUP_ID", w));
}

int
spec_workload (const json_t *spec, struct workload *w, struct error *err)
{
    static const char *const map_keys[] = {"containerID", "hostID", "size"};
    const json_t *user = spec_get (spec, "process", "user", NULL);
    struct workload found = {0};

    if (get_id (json_object_get (user, "uid"), "config.json: process.user.uid", &found.uid, err) < 0
        || get_id (json_object_get (user, "gid"), "config.json: process.user.gid", &found.gid, err) < 0
        || gids_from_json (&found, json_object_get (user, "additionalGids"),
                           "config.json: process.user.additionalGids", err)
               < 0)
        return -1;
    found.drops = found.uid == 0 && read_drop (spec, &found);
    found.userns = has_user_namespace (spec);
    if (found.userns
        && (id_map_from_json (found.uid_map, &found.n_uid_map, spec_get (spec, "linux", "uidMappings", NULL),
                              map_keys, "config.json: linux.uidMappings", err)
                < 0
            || id_map_from_json (found.gid_map, &found.n_gid_map,
                                 spec_get (spec, "linux", "gidMappings", NULL), map_keys,
                                 "config.json: linux.gidMappings", err)
                   < 0))
        return -1;
    *w = found;
    return 0;
}

bool
spec_has_dac_override (const json_t *spec)
{
    const json_t *effective = spec_get (spec, "process", "capabilities", "effective", NULL);
    size_t i;
    json_t *cap;

    json_array_foreach ((json_t *) effective, i, cap) {
        if (json_is_string (cap) && strcmp (json_string_value (cap), "CAP_DAC_OVERRIDE") == 0)
            return true;
    }
    return false;
}
