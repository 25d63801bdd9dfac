#include "idmap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int
add_line (struct idmap *map, uint64_t container, uint64_t host, uint64_t size, struct error *err)
{
    if (map->n == ID_MAPS_MAX)
        return error_set (err, 0, "the user namespace has more than %d lines of ids", ID_MAPS_MAX);
    map->lines[map->n++] = (struct id_map){(uint32_t) container, (uint32_t) host, (uint32_t) size};
    return 0;
}

int
idmap_parse (struct idmap *map, const char *text, struct error *err)
{
    struct idmap parsed = {.n = 0};
    uint32_t container, host, size;
    int used;

    for (; *text; text += used) {
        if (sscanf (text, "%u %u %u %n", &container, &host, &size, &used) != 3)
            return error_set (err, EPROTO, "the ids of a user namespace");
        if (add_line (&parsed, container, host, size, err) < 0)
            return -1;
    }
    *map = parsed;
    return 0;
}

bool
idmap_reaches (const struct idmap *map, uint32_t host_id)
{
    for (unsigned i = 0; i < map->n; i++)
        if (host_id >= map->lines[i].host && host_id - map->lines[i].host < map->lines[i].size)
            return true;
    return false;
}

/* The part of inner that lies in outer.  */
static int
add_common (struct idmap *out, const struct id_map *inner, const struct id_map *outer, struct error *err)
{
    uint64_t from = inner->host > outer->container ? inner->host : outer->container;
    uint64_t inner_end = (uint64_t) inner->host + inner->size,
             outer_end = (uint64_t) outer->container + outer->size;
    uint64_t to = inner_end < outer_end ? inner_end : outer_end;

    if (from >= to)
        return 0;
    return add_line (out, inner->container + (from - inner->host), outer->host + (from - outer->container),
                     to - from, err);
}

int
idmap_compose (struct idmap *inner, const struct idmap *outer, struct error *err)
{
    struct idmap out = {.n = 0};

    for (unsigned i = 0; i < inner->n; i++) {
        const struct id_map *line = &inner->lines[i];

        if ((uint64_t) line->container + line->size > UINT32_MAX
            || (uint64_t) line->host + line->size > UINT32_MAX)
            return error_set (err, 0, "the container's user namespace has ids that are none");
        for (unsigned j = 0; j < outer->n; j++)
            if (add_common (&out, line, &outer->lines[j], err) < 0)
                return -1;
    }
    *inner = out;
    return 0;
}
