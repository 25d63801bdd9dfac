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
    size_t len;

    for (len = 0; len + 1 < size && text[len]; len++)
        out[len] = (char) (text[len] < ' ' || text[len] > '~' ? '?' : text[len]);
    out[len] = '\0';
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
        return error_set (err, 0, "%s is not an id", what);
    *out = (uint32_t) n;
    return 0;
}

int
id_from_json (uint32_t *id, const json_t *value, const char *what, struct error *err)
{
    return get_number (value, what, UINT32_MAX - 1, id, err);
}

int
gids_from_json (struct workload *w, const json_t *gids, const char *what, struct error *err)
{
    size_t i;
    json_t *gid;

    if (json_array_size (gids) > WORKLOAD_GIDS_MAX)
        return error_set (err, 0, "%s has more than %d entries", what, WORKLOAD_GIDS_MAX);
    json_array_foreach ((json_t *) gids, i, gid) {
        if (id_from_json (&w->gids[i], gid, what, err) < 0)
            return -1;
    }
    w->n_gids = (unsigned) json_array_size (gids);
    return 0;
}

static int
line_from_json (struct id_map *line, const json_t *json, const char *const keys[3], const char *what,
                struct error *err)
{
    uint32_t *const fields[] = {&line->container, &line->host, &line->size};

    if (!json_is_object (json))
        return error_set (err, 0, "%s has a line that is none", what);
    *line = (struct id_map){0};
    for (size_t i = 0; i < countof (fields); i++) {
        const json_t *value = json_object_get (json, keys[i]);

        if (value
            && get_number (value, keys[i], fields[i] == &line->size ? UINT32_MAX : UINT32_MAX - 1, fields[i],
                           err)
                   < 0)
            return error_wrap (err, "%s", what);
    }
    return 0;
}

int
id_map_from_json (struct id_map *map, unsigned *n, const json_t *lines, const char *const keys[3],
                  const char *what, struct error *err)
{
    size_t i;
    json_t *line;

    if (json_array_size (lines) > ID_MAPS_MAX)
        return error_set (err, 0, "%s has more than %d lines", what, ID_MAPS_MAX);
    json_array_foreach ((json_t *) lines, i, line) {
        if (line_from_json (&map[i], line, keys, what, err) < 0)
            return -1;
    }
    *n = (unsigned) json_array_size (lines);
    return 0;
}

int
workload_from_json (struct workload *w, const json_t *json, struct error *err)
{
    struct workload parsed = {0};
    static const char *const map_keys[] = {"container", "host", "size"};
    const json_t *puid = json_object_get (json, "puid");

    if (id_from_json (&parsed.uid, json_object_get (json, "uid"), "workload.uid", err) < 0
        || id_from_json (&parsed.gid, json_object_get (json, "gid"), "workload.gid", err) < 0
        || gids_from_json (&parsed, json_object_get (json, "gids"), "workload.gids", err) < 0)
        return -1;
    if (puid && !json_is_null (puid)) {
        if (id_from_json (&parsed.puid, puid, "workload.puid", err) < 0
            || id_from_json (&parsed.pgid, json_object_get (json, "pgid"), "workload.pgid", err) < 0)
            return -1;
        parsed.drops = true;
    }
    parsed.userns = json_is_array (json_object_get (json, "uid_map"));
    if (id_map_from_json (parsed.uid_map, &parsed.n_uid_map, json_object_get (json, "uid_map"), map_keys,
                          "workload.uid_map", err)
            < 0
        || id_map_from_json (parsed.gid_map, &parsed.n_gid_map, json_object_get (json, "gid_map"), map_keys,
                             "workload.gid_map", err)
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

int64_t
id_from_host (const struct id_map *map, unsigned n, uint32_t id)
{
    for (unsigned i = 0; i < n; i++)
        if (id >= map[i].host && id - map[i].host < map[i].size)
            return (int64_t) map[i].container + (id - map[i].host);
    return -1;
}
