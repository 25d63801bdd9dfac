#include "grant.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"

json_t *
grant_to_json (const struct grant *g)
{
    json_t *nodes = json_array (), *gids = json_array ();

    for (unsigned i = 0; i < g->n_nodes; i++)
        (void) json_array_append_new (nodes, json_pack ("{ss si si sb}", "name", g->nodes[i].name, "major",
                                                        (int) g->nodes[i].major, "minor",
                                                        (int) g->nodes[i].minor, "drm", g->nodes[i].drm));
    for (unsigned i = 0; i < g->n_gids; i++)
        (void) json_array_append_new (gids, json_integer (g->gids[i]));
    return json_pack ("{ss ss so so ss ss}", "lease", g->lease, "directory", g->directory, "nodes", nodes,
                      "gids", gids, "gpus", g->gpus, "reason", g->reason);
}

/* A name in /dev/dri: no slash, no dots.  */
static bool
is_node_name (const char *s)
{
    size_t n = strspn (s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");

    return n > 0 && s[n] == '\0' && n < sizeof ((struct grant_node *) 0)->name;
}

static int
node_from_json (struct grant_node *node, json_t *json, struct error *err)
{
    const char *name;
    int major, minor, drm;

    if (json_unpack (json, "{s:s s:i s:i s:b}", "name", &name, "major", &major, "minor", &minor, "drm", &drm)
            < 0
        || !is_node_name (name) || major < 0 || minor < 0)
        return error_set (err, 0, "the grant has a node that is none");
    (void) snprintf (node->name, sizeof node->name, "%s", name);
    node->major = (unsigned) major;
    node->minor = (unsigned) minor;
    node->drm = drm;
    return 0;
}

int
grant_from_json (struct grant *g, const json_t *json, struct error *err)
{
    struct grant parsed = {0};
    const char *lease, *directory, *gpus, *reason;
    json_t *nodes, *gids, *value;
    size_t i;

    if (json_unpack ((json_t *) json, "{s:s s:s s:o s:o s:s s:s}", "lease", &lease, "directory", &directory,
                     "nodes", &nodes, "gids", &gids, "gpus", &gpus, "reason", &reason)
            < 0
        || strlen (lease) != sizeof parsed.lease - 1 || strspn (lease, "0123456789abcdef") != strlen (lease)
        || directory[0] != '/' || strlen (directory) >= sizeof parsed.directory || !json_is_array (nodes)
        || !json_is_array (gids) || json_array_size (nodes) > GRANT_NODES_MAX
        || json_array_size (gids) > GRANT_GIDS_MAX)
        return error_set (err, 0, "the broker's answer is not a grant");
    json_array_foreach (nodes, i, value) {
        if (node_from_json (&parsed.nodes[i], value, err) < 0)
            return -1;
    }
    json_array_foreach (gids, i, value) {
        json_int_t gid = json_integer_value (value);

        if (!json_is_integer (value) || gid < 0 || gid >= UINT32_MAX)
            return error_set (err, 0, "the grant has a group that is none");
        parsed.gids[i] = (gid_t) gid;
    }
    parsed.n_nodes = (unsigned) json_array_size (nodes);
    parsed.n_gids = (unsigned) json_array_size (gids);
    (void) snprintf (parsed.lease, sizeof parsed.lease, "%s", lease);
    (void) snprintf (parsed.directory, sizeof parsed.directory, "%s", directory);
    (void) snprintf (parsed.gpus, sizeof parsed.gpus, "%s", gpus);
    (void) snprintf (parsed.reason, sizeof parsed.reason, "%s", reason);
    *g = parsed;
    return 0;
}
