#include "spec.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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
get_number (const json_t *value, const char *what, uint32_t max, uint32_t *out, struct error *err)
{
    json_int_t n = json_integer_value (value);

    if (value && (!json_is_integer (value) || n < 0 || n > max))
        return error_set (err, 0, "config.json: %s is not an id", what);
    *out = (uint32_t) n;
    return 0;
}

static int
get_id (const json_t *value, const char *what, uint32_t *id, struct error *err)
{
    return get_number (value, what, UINT32_MAX - 1, id, err);
}

static int
get_gids (const json_t *gids, struct workload *w, struct error *err)
{
    size_t i;
    json_t *gid;

    if (json_array_size (gids) > WORKLOAD_GIDS_MAX)
        return error_set (err, 0, "config.json: more than %d additional groups", WORKLOAD_GIDS_MAX);
    json_array_foreach ((json_t *) gids, i, gid) {
        if (get_id (gid, "process.user.additionalGids", &w->gids[i], err) < 0)
            return -1;
    }
    w->n_gids = (unsigned) json_array_size (gids);
    return 0;
}

static int
get_map (const json_t *lines, struct id_map *map, unsigned *n, struct error *err)
{
    size_t i;
    json_t *line;

    if (json_array_size (lines) > ID_MAPS_MAX)
        return error_set (err, 0, "config.json: more than %d lines in an id map", ID_MAPS_MAX);
    json_array_foreach ((json_t *) lines, i, line) {
        if (get_id (json_object_get (line, "containerID"), "containerID", &map[i].container, err) < 0
            || get_id (json_object_get (line, "hostID"), "hostID", &map[i].host, err) < 0
            || get_number (json_object_get (line, "size"), "size", UINT32_MAX, &map[i].size, err) < 0)
            return -1;
    }
    *n = (unsigned) json_array_size (lines);
    return 0;
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

int
spec_workload (const json_t *spec, struct workload *w, struct error *err)
{
    const json_t *user = spec_get (spec, "process", "user", NULL);
    struct workload found = {0};

    if (get_id (json_object_get (user, "uid"), "process.user.uid", &found.uid, err) < 0
        || get_id (json_object_get (user, "gid"), "process.user.gid", &found.gid, err) < 0
        || get_gids (json_object_get (user, "additionalGids"), &found, err) < 0)
        return -1;
    /* linuxserver.io, hotio and their kin start as root and drop to PUID:PGID. Both must be set: what such an
       image takes for a missing one is its own affair.  */
    if (found.uid == 0 && get_env_id (spec, "PGID", &found.pgid))
        found.drops = get_env_id (spec, "PUID", &found.puid);
    found.userns = has_user_namespace (spec);
    if (found.userns
        && (get_map (spec_get (spec, "linux", "uidMappings", NULL), found.uid_map, &found.n_uid_map, err) < 0
            || get_map (spec_get (spec, "linux", "gidMappings", NULL), found.gid_map, &found.n_gid_map, err)
                   < 0))
        return -1;
    *w = found;
    return 0;
}
