#include "explain.h"

#include <stdbool.h>
#include <string.h>

#include "../oci/cleanup.h"
#include "../oci/container.h"
#include "../oci/request.h"
#include "print.h"

/* The values of keys that were not written, in the words of dri-broker(7).  */
static const char *const defaults[KEY_COUNT] = {
    [KEY_ENABLE] = "false",      [KEY_GPU] = "any",  [KEY_NODES] = "render",    [KEY_ACCESS] = "shared",
    [KEY_CLASS] = "interactive", [KEY_SLOTS] = "1",  [KEY_SHARE] = "none",      [KEY_REQUIRE] = "none",
    [KEY_READY] = "auto",        [KEY_WAIT] = "10s", [KEY_ON_FAILURE] = "fail", [KEY_OWNER] = "auto",
};

static const char *
text_of (const json_t *object, const char *key)
{
    const char *text = json_string_value (json_object_get (object, key));

    return text ? text : "";
}

static void
print_container (const json_t *container, FILE *out)
{
    static const char *const keys[] = {"id", "image", "engine", "project", "service"};
    const char *name = text_of (container, "name");

    print_line (out, "Container %s", *name ? name : text_of (container, "id"));
    for (size_t i = 0; i < countof (keys); i++)
        if (*text_of (container, keys[i]))
            print_line (out, "  %s: %s", keys[i], text_of (container, keys[i]));
}

static void
print_request (const json_t *request, const json_t *sources, FILE *out)
{
    print_line (out, "Asked for");
    for (unsigned i = 0; i < KEY_COUNT; i++) {
        const char *name = request_key_name (i), *key = name + strlen ("dri.");
        const char *value = text_of (request, key), *source = text_of (sources, key);

        if (!*value)
            print_line (out, "  %s = %s (default)", name, defaults[i]);
        else if (*source)
            print_line (out, "  %s = %s (%s)", name, value, source);
        else
            print_line (out, "  %s = %s", name, value);
    }
}

static void
print_gpus (const json_t *gpus, FILE *out)
{
    const json_t *gpu;
    size_t i;

    json_array_foreach (gpus, i, gpu)
        if (json_is_string (gpu))
            print_line (out, "  GPU %s", json_string_value (gpu));
}

static void
print_groups (const struct workload *w, FILE *out)
{
    char groups[WORKLOAD_GIDS_MAX * 12] = "none";
    size_t used = 0;

    for (unsigned i = 0; i < w->n_gids; i++)
        used +=
            (size_t) snprintf (groups + used, sizeof groups - used, "%s%u", i > 0 ? ", " : "", w->gids[i]);
    print_line (out, "  additional groups: %s", groups);
}

static void
print_on_host (const struct workload *w, uid_t uid, gid_t gid, FILE *out)
{
    int64_t host_uid = id_to_host (w->uid_map, w->n_uid_map, uid),
            host_gid = id_to_host (w->gid_map, w->n_gid_map, gid);

    if (host_uid < 0 || host_gid < 0)
        print_line (out, "  in a user namespace that has no id of the host for it");
    else
        print_line (out, "  in a user namespace: on the host uid %lld, gid %lld", (long long) host_uid,
                    (long long) host_gid);
}

static void
print_workload (const struct workload *w, FILE *out)
{
    print_line (out, "Runs as");
    print_line (out, "  uid %u, gid %u", w->uid, w->gid);
    print_groups (w, out);
    if (w->drops)
        print_line (out, "  PUID and PGID: its init becomes uid %u, gid %u", w->puid, w->pgid);
    if (w->userns)
        print_on_host (w, w->drops ? w->puid : w->uid, w->drops ? w->pgid : w->gid, out);
}

static void
cell_owner (struct libscols_line *row, size_t column, const json_t *node)
{
    const json_t *uid = json_object_get (node, "uid"), *gid = json_object_get (node, "gid");

    if (json_is_integer (uid) && json_is_integer (gid))
        table_cell (row, column, "%lld:%lld", (long long) json_integer_value (uid),
                    (long long) json_integer_value (gid));
    else
        table_cell (row, column, "n/a");
}

static void
print_nodes (const json_t *reply, FILE *out)
{
    static const char *const titles[] = {"  NODE", "DEVICE", "MODE", "OWNER ON THE HOST", NULL};
    const json_t *nodes = json_object_get (reply, "nodes"), *node;
    const char *directory = text_of (reply, "directory");
    struct libscols_table *table;
    size_t i;

    if (json_array_size (nodes) == 0) {
        print_line (out, "Sees no GPU in /dev/dri.");
        return;
    }
    print_line (out, "Sees in /dev/dri%s%s", *directory ? ", on the host " : "", directory);
    table = table_create (out, titles);
    json_array_foreach (nodes, i, node) {
        struct libscols_line *row = table_row (table);
        const char *mode = text_of (node, "mode");

        table_cell (row, 0, "  %s", text_of (node, "name"));
        table_cell (row, 1, "%lld:%lld", (long long) json_integer_value (json_object_get (node, "major")),
                    (long long) json_integer_value (json_object_get (node, "minor")));
        table_cell (row, 2, "%s", *mode ? mode : "n/a");
        cell_owner (row, 3, node);
    }
    table_print (table);
}

static void
print_notes (const json_t *notes, FILE *out)
{
    const json_t *note;
    size_t i;

    if (json_array_size (notes) == 0)
        return;
    print_line (out, "Notes");
    json_array_foreach (notes, i, note)
        if (json_is_string (note))
            print_line (out, "  %s", json_string_value (note));
}

void
explain_print (const json_t *reply, FILE *out)
{
    const char *decision = text_of (reply, "decision"), *state = text_of (reply, "state");
    struct workload workload;
    struct error err;

    print_container (json_object_get (reply, "container"), out);
    print_request (json_object_get (reply, "request"), json_object_get (reply, "sources"), out);
    print_line (out, "Decided: %s%s%s", *state ? state : "n/a", *decision ? ": " : "", decision);
    print_gpus (json_object_get (reply, "gpus"), out);
    if (workload_from_json (&workload, json_object_get (reply, "workload"), &err) < 0)
        print_line (out, "Runs as: not known (%s)", err.message);
    else
        print_workload (&workload, out);
    print_nodes (reply, out);
    print_notes (json_object_get (reply, "notes"), out);
}
