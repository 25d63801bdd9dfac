#include "grant.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"

static void
write_node (struct writer *w, const struct grant_node *node)
{
    writer_words (w, "{\"name\":");
    writer_string (w, node->name);
    writer_words (w, ",\"major\":");
    writer_number (w, node->major);
    writer_words (w, ",\"minor\":");
    writer_number (w, node->minor);
    writer_words (w, ",\"drm\":");
    writer_bool (w, node->drm);
    writer_words (w, "}");
}

static void
write_policy (struct writer *w, const struct grant *g)
{
    writer_words (w, ",\"policy\":{");
    for (unsigned i = 0; i < g->n_policy; i++) {
        writer_raw (w, ",", i > 0);
        writer_string (w, g->policy[i].name);
        writer_words (w, ":");
        writer_string (w, g->policy[i].value);
    }
    writer_words (w, "}");
}

void
grant_write (struct writer *w, const struct grant *g)
{
    writer_words (w, "{\"lease\":");
    writer_string (w, g->lease);
    writer_words (w, ",\"directory\":");
    writer_string (w, g->directory);
    writer_words (w, ",\"nodes\":[");
    for (unsigned i = 0; i < g->n_nodes; i++) {
        if (i > 0)
            writer_words (w, ",");
        write_node (w, &g->nodes[i]);
    }
    writer_words (w, "],\"gids\":[");
    for (unsigned i = 0; i < g->n_gids; i++) {
        if (i > 0)
            writer_words (w, ",");
        writer_number (w, g->gids[i]);
    }
    writer_words (w, "],\"gpus\":");
    writer_string (w, g->gpus);
    writer_words (w, ",\"reason\":");
    writer_string (w, g->reason);
    if (g->n_policy > 0)
        write_policy (w, g);
    if (g->bound)
        writer_words (w, ",\"bound\":true");
    writer_words (w, "}");
}

bool
lease_id_valid (const char *id)
{
    size_t n = strspn (id, "0123456789abcdef");

    return n == sizeof ((struct grant *) 0)->lease - 1 && id[n] == '\0';
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

static int
policy_from_json (struct grant *g, const json_t *json, struct error *err)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *) json, name, value) {
        struct grant_key *key = &g->policy[g->n_policy];

        if (g->n_policy == GRANT_KEYS_MAX || !json_is_string (value) || strlen (name) >= sizeof key->name
            || json_string_length (value) >= sizeof key->value)
            return error_set (err, 0, "the grant has a policy that is none");
        (void) snprintf (key->name, sizeof key->name, "%s", name);
        (void) snprintf (key->value, sizeof key->value, "%s", json_string_value (value));
        g->n_policy++;
    }
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
        || !lease_id_valid (lease) || (directory[0] != '/' && directory[0] != '\0')
        || strlen (directory) >= sizeof parsed.directory || !json_is_array (nodes) || !json_is_array (gids)
        || json_array_size (nodes) > GRANT_NODES_MAX || json_array_size (gids) > GRANT_GIDS_MAX)
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
    if (policy_from_json (&parsed, json_object_get (json, "policy"), err) < 0)
        return -1;
    parsed.n_nodes = (unsigned) json_array_size (nodes);
    parsed.n_gids = (unsigned) json_array_size (gids);
    (void) snprintf (parsed.lease, sizeof parsed.lease, "%s", lease);
    (void) snprintf (parsed.directory, sizeof parsed.directory, "%s", directory);
    (void) snprintf (parsed.gpus, sizeof parsed.gpus, "%s", gpus);
    (void) snprintf (parsed.reason, sizeof parsed.reason, "%s", reason);
    parsed.bound = json_is_true (json_object_get (json, "bound"));
    *g = parsed;
    return 0;
}
