#include "container.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"

static const struct {
    const char *name;
    size_t offset, size;
} texts[] = {
#define TEXT(field)                                                                                          \
    {                                                                                                        \
#field, offsetof(struct container, field), sizeof(((struct container *) 0)->field)                   \
    }
    TEXT (id), TEXT (name), TEXT (image), TEXT (engine), TEXT (project), TEXT (service),
#undef TEXT
};

const char *
container_label (const struct container *c)
{
    return c->name[0] ? c->name : c->id;
}

json_t *
container_to_json (const struct container *c)
{
    json_t *json = json_object ();

    for (size_t i = 0; i < countof (texts); i++) {
        const char *text = (const char *) c + texts[i].offset;

        /* A text cut in the middle of a UTF-8 sequence is no JSON string: then there is none.  */
        (void) json_object_set_new (json, texts[i].name, text[0] ? json_string (text) : json_null ());
    }
    return json;
}

/* Engines allow nothing else in names; what an odd one lets through must not reach a terminal or break a
 * message that cuts it.  */
static void
copy_ascii (char *out, size_t size, const char *text)
{
    (void) snprintf (out, size, "%s", text);
    for (; *out; out++)
        if (*out < ' ' || *out > '~')
            *out = '?';
}

int
container_from_json (struct container *c, const json_t *json, struct error *err)
{
    struct container parsed = {0};

    for (size_t i = 0; i < countof (texts); i++) {
        const json_t *value = json_object_get (json, texts[i].name);

        if (!value || json_is_null (value))
            continue;
        if (!json_is_string (value))
            return error_set (err, 0, "container.%s is not a string", texts[i].name);
        copy_ascii ((char *) &parsed + texts[i].offset, texts[i].size, json_string_value (value));
    }
    if (!parsed.id[0])
        return error_set (err, 0, "container.id is missing");
    *c = parsed;
    return 0;
}

static json_t *
map_to_json (const struct id_map *map, unsigned n)
{
    json_t *json = json_array ();

    for (unsigned i = 0; i < n; i++)
        (void) json_array_append_new (
            json, json_pack ("{s:I s:I s:I}", "container", (json_int_t) map[i].container, "host",
                             (json_int_t) map[i].host, "size", (json_int_t) map[i].size));
    return json;
}

json_t *
workload_to_json (const struct workload *w)
{
    json_t *json = json_object (), *gids = json_array ();

    for (unsigned i = 0; i < w->n_gids; i++)
        (void) json_array_append_new (gids, json_integer (w->gids[i]));
    (void) json_object_set_new (json, "uid", json_integer (w->uid));
    (void) json_object_set_new (json, "gid", json_integer (w->gid));
    (void) json_object_set_new (json, "gids", gids);
    if (w->drops) {
        (void) json_object_set_new (json, "puid", json_integer (w->puid));
        (void) json_object_set_new (json, "pgid", json_integer (w->pgid));
    }
    if (w->userns) {
        (void) json_object_set_new (json, "uid_map", map_to_json (w->uid_map, w->n_uid_map));
        (void) json_object_set_new (json, "gid_map", map_to_json (w->gid_map, w->n_gid_map));
    }
    return json;
}

static int
get_number (const json_t *value, const char *what, uint32_t max, uint32_t *out, struct error *err)
{
    json_int_t n = json_integer_value (value);

    if (!json_is_integer (value) || n < 0 || n > max)
        return error_set (err, 0, "workload.%s is not an id", what);
    *out = (uint32_t) n;
    return 0;
}

/* (uid_t) -1 is no id: chown takes it for "leave it".  */
static int
get_id (const json_t *value, const char *what, uint32_t *id, struct error *err)
{
    return get_number (value, what, UINT32_MAX - 1, id, err);
}

static int
map_from_json (struct id_map *map, unsigned *n, const json_t *json, const char *what, struct error *err)
{
    size_t i;
    json_t *line;

    if (json_array_size (json) > ID_MAPS_MAX)
        return error_set (err, 0, "workload.%s has more than %d lines", what, ID_MAPS_MAX);
    json_array_foreach ((json_t *) json, i, line) {
        if (get_id (json_object_get (line, "container"), what, &map[i].container, err) < 0
            || get_id (json_object_get (line, "host"), what, &map[i].host, err) < 0
            || get_number (json_object_get (line, "size"), what, UINT32_MAX, &map[i].size, err) < 0)
            return -1;
    }
    *n = (unsigned) json_array_size (json);
    return 0;
}

int
workload_from_json (struct workload *w, const json_t *json, struct error *err)
{
    struct workload parsed = {0};
    const json_t *gids = json_object_get (json, "gids"), *puid = json_object_get (json, "puid");
    size_t i;
    json_t *gid;

    if (get_id (json_object_get (json, "uid"), "uid", &parsed.uid, err) < 0
        || get_id (json_object_get (json, "gid"), "gid", &parsed.gid, err) < 0)
        return -1;
    if (json_array_size (gids) > WORKLOAD_GIDS_MAX)
        return error_set (err, 0, "workload.gids has more than %d entries", WORKLOAD_GIDS_MAX);
    json_array_foreach ((json_t *) gids, i, gid) {
        if (get_id (gid, "gids", &parsed.gids[i], err) < 0)
            return -1;
    }
    parsed.n_gids = (unsigned) json_array_size (gids);
    if (puid && !json_is_null (puid)) {
        if (get_id (puid, "puid", &parsed.puid, err) < 0
            || get_id (json_object_get (json, "pgid"), "pgid", &parsed.pgid, err) < 0)
            return -1;
        parsed.drops = true;
    }
    parsed.userns = json_is_array (json_object_get (json, "uid_map"));
    if (map_from_json (parsed.uid_map, &parsed.n_uid_map, json_object_get (json, "uid_map"), "uid_map", err)
            < 0
        || map_from_json (parsed.gid_map, &parsed.n_gid_map, json_object_get (json, "gid_map"), "gid_map",
                          err)
               < 0)
        return -1;
    *w = parsed;
    return 0;
}

int64_t
id_to_host (const struct id_map *map, unsigned n, uint32_t id)
{
    for (unsigned i = 0; i < n; i++)
        if (id >= map[i].container && id - map[i].container < map[i].size)
            return (int64_t) map[i].host + (id - map[i].container);
    return -1;
}
