#include "explain.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "../../oci/container.h"
#include "../../oci/request.h"
#include "insiders.h"
#include "print.h"
#include "json_text.h"

enum { OVERFLOW_ID = 65534 };

/* The values of keys that were not written, in the words of dri-broker(7).  */
static const char *const defaults[KEY_COUNT] = {
    [KEY_ENABLE] = "false",      [KEY_GPU] = "any",  [KEY_NODES] = "render",    [KEY_ACCESS] = "shared",
    [KEY_CLASS] = "interactive", [KEY_SLOTS] = "1",  [KEY_SHARE] = "none",      [KEY_REQUIRE] = "none",
    [KEY_READY] = "auto",        [KEY_WAIT] = "10s", [KEY_ON_FAILURE] = "fail", [KEY_OWNER] = "auto",
};

static void
print_container (const json_t *container, FILE *out)
{
    static const char *const keys[] = {"id", "image", "engine", "project", "service"};
    const char *name = json_text (container, "name");

    print_line (out, "Container %s", *name ? name : json_text (container, "id"));
    for (size_t i = 0; i < countof (keys); i++)
        if (*json_text (container, keys[i]))
            print_line (out, "  %s: %s", keys[i], json_text (container, keys[i]));
}

static void
print_request (const json_t *request, const json_t *sources, FILE *out)
{
    print_line (out, "Asked for");
    for (unsigned i = 0; i < KEY_COUNT; i++) {
        const char *name = request_key_name (i), *key = name + strlen ("dri.");
        const char *value = json_text (request, key), *source = json_text (sources, key);

        if (!*value)
            print_line (out, "  %s = %s (default)", name, defaults[i]);
        else if (*source)
            print_line (out, "  %s = %s (%s)", name, value, source);
        else
            print_line (out, "  %s = %s", name, value);
    }
}

static void
print_each (const char *word, const json_t *texts, FILE *out)
{
    const json_t *text;
    size_t i;

    json_array_foreach (texts, i, text)
        if (json_is_string (text))
            print_line (out, "  %s %s", word, json_string_value (text));
}

static void
print_policy (const json_t *policy, FILE *out)
{
    const char *rule = json_text (policy, "rule"), *changes = json_text (policy, "changes");

    if (*rule)
        print_line (out, "By %s of the policy: %s", rule, *changes ? changes : "as it asked");
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
        print_line (out, "  its environment (PUID and PGID, or the like): its init becomes uid %u, gid %u",
                    w->puid, w->pgid);
    if (w->userns)
        print_on_host (w, w->drops ? w->puid : w->uid, w->drops ? w->pgid : w->gid, out);
}

/* --- /dev/dri --- */

/* An id of the host as the container sees it: what its user namespace does not map shows as nobody's
 * (user_namespaces(7)).  */
static long long
seen_uid (const struct workload *w, json_int_t uid)
{
    int64_t id = w->userns ? id_from_host (w->uid_map, w->n_uid_map, (uint32_t) uid) : uid;

    return id < 0 ? OVERFLOW_ID : id;
}

static long long
seen_gid (const struct workload *w, json_int_t gid)
{
    int64_t id = w->userns ? id_from_host (w->gid_map, w->n_gid_map, (uint32_t) gid) : gid;

    return id < 0 ? OVERFLOW_ID : id;
}

/* w NULL: not known.  */
static void
cell_owners (struct libscols_line *row, size_t column, const json_t *node, const struct workload *w)
{
    const json_t *uid = json_object_get (node, "uid"), *gid = json_object_get (node, "gid");

    if (!json_is_integer (uid) || !json_is_integer (gid)) {
        table_cell (row, column, "n/a");
        table_cell (row, column + 1, "n/a");
        return;
    }
    if (w)
        table_cell (row, column, "%lld:%lld", seen_uid (w, json_integer_value (uid)),
                    seen_gid (w, json_integer_value (gid)));
    else
        table_cell (row, column, "n/a");
    table_cell (row, column + 1, "%lld:%lld", (long long) json_integer_value (uid),
                (long long) json_integer_value (gid));
}

static void
print_nodes (const json_t *reply, const struct workload *w, FILE *out)
{
    static const char *const titles[] = {"  NODE", "DEVICE", "MODE", "OWNER", "ON THE HOST", NULL};
    const json_t *nodes = json_object_get (reply, "nodes"), *node;
    const char *directory = json_text (reply, "directory");
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
        const char *mode = json_text (node, "mode");

        table_cell (row, 0, "  %s", json_text (node, "name"));
        table_cell (row, 1, "%lld:%lld", (long long) json_integer_value (json_object_get (node, "major")),
                    (long long) json_integer_value (json_object_get (node, "minor")));
        table_cell (row, 2, "%s", *mode ? mode : "n/a");
        cell_owners (row, 3, node, w);
    }
    table_print (table);
}

static void
print_owner_rule (const struct owner *owner, const struct workload *w, FILE *out)
{
    if (owner->kind == OWNER_HOST)
        print_line (out, "  dri.owner = host: root's, and of the group that the host's own node has");
    else if (owner->kind == OWNER_IDS)
        print_line (out, "  dri.owner says %u:%u, mode %04o", owner->uid, owner->gid, owner->mode);
    else if (w->drops)
        print_line (out, "  dri.owner = auto: its init becomes gid %u, so that is the nodes' group", w->pgid);
    else if (w->uid == 0 && w->gid == 0)
        print_line (out, "  dri.owner = auto: it starts as root, and stays root for all that its definition "
                         "tells; the group is that of the host's own node. Where its entrypoint turns into "
                         "another user (gosu, su-exec, setpriv), write dri.owner=UID:GID of that user");
    else
        print_line (out, "  dri.owner = auto: the workload runs as %u:%u, so the nodes are its own", w->uid,
                    w->gid);
}

static void
print_rules (const json_t *nodes, FILE *out)
{
    const json_t *node, *other;
    size_t i, j;

    json_array_foreach (nodes, i, node) {
        const json_t *major = json_object_get (node, "major"), *minor = json_object_get (node, "minor");

        /* An alias has the numbers of its node.  */
        for (j = 0; j < i; j++) {
            other = json_array_get (nodes, j);
            if (json_equal (json_object_get (other, "major"), major)
                && json_equal (json_object_get (other, "minor"), minor))
                break;
        }
        if (j == i)
            print_line (out, "  device cgroup: c %lld:%lld rw", (long long) json_integer_value (major),
                        (long long) json_integer_value (minor));
    }
}

static void
print_added_groups (const json_t *groups, FILE *out)
{
    const json_t *group;
    size_t i;

    json_array_foreach (groups, i, group)
        print_line (out, "  group %lld, of the host's own node, is added to the workload's at the start",
                    (long long) json_integer_value (group));
}

/* --- as whom its processes run --- */

static bool
opens (const struct insider *insider, const json_t *node, const struct workload *w)
{
    json_int_t uid = json_integer_value (json_object_get (node, "uid")),
               gid = json_integer_value (json_object_get (node, "gid"));
    bool known = !w->userns
                 || (id_from_host (w->uid_map, w->n_uid_map, (uint32_t) uid) >= 0
                     && id_from_host (w->gid_map, w->n_gid_map, (uint32_t) gid) >= 0);

    return insider_may_open (insider, (uid_t) uid, (gid_t) gid,
                             (mode_t) strtoul (json_text (node, "mode"), NULL, 8), known);
}

static void
print_insider (const struct insider *insider, const json_t *nodes, const struct workload *w, FILE *out)
{
    long long uid = seen_uid (w, insider->uid), gid = seen_gid (w, insider->gid);
    char groups[INSIDER_GIDS_MAX * 12] = "no groups";
    const json_t *node;
    size_t used = 0, i;

    for (unsigned g = 0; g < insider->n_gids; g++)
        used += (size_t) snprintf (groups + used, sizeof groups - used, "%s%lld", g > 0 ? "," : "groups ",
                                   seen_gid (w, insider->gids[g]));
    json_array_foreach (nodes, i, node)
        if (!opens (insider, node, w)) {
            print_line (out, "  %s, as %lld:%lld, %s: may not open %s; if it has to, dri.owner=%lld:%lld",
                        insider->name, uid, gid, groups, json_text (node, "name"), uid, gid);
            return;
        }
    print_line (out, "  %s, as %lld:%lld, %s: may open all of them", insider->name, uid, gid, groups);
}

static void
print_insiders (const json_t *reply, const struct workload *w, FILE *out)
{
    static struct insider insiders[INSIDERS_MAX];
    json_int_t pid = json_integer_value (json_object_get (reply, "pid"));
    unsigned n = pid > 0 ? insiders_read ((pid_t) pid, insiders) : 0;

    if (n > 0)
        print_line (out, "Its processes");
    for (unsigned i = 0; i < n; i++)
        print_insider (&insiders[i], json_object_get (reply, "nodes"), w, out);
}

static void
print_access (const json_t *reply, const struct workload *w, FILE *out)
{
    const json_t *nodes = json_object_get (reply, "nodes");
    struct request request;
    struct error err;

    if (json_array_size (nodes) == 0)
        return;
    print_line (out, "Because");
    if (request_from_json (&request, json_object_get (reply, "request"), &err) == 0)
        print_owner_rule (&request.owner, w, out);
    print_rules (nodes, out);
    print_added_groups (json_object_get (reply, "groups"), out);
    print_insiders (reply, w, out);
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
    const char *decision = json_text (reply, "decision"), *state = json_text (reply, "state");
    struct workload workload;
    struct error err;
    bool known;

    print_container (json_object_get (reply, "container"), out);
    print_request (json_object_get (reply, "request"), json_object_get (reply, "sources"), out);
    print_policy (json_object_get (reply, "policy"), out);
    print_line (out, "Decided: %s%s%s", *state ? state : "n/a", *decision ? ": " : "", decision);
    print_each ("GPU", json_object_get (reply, "gpus"), out);
    print_each ("not", json_object_get (reply, "others"), out);
    known = workload_from_json (&workload, json_object_get (reply, "workload"), &err) == 0;
    if (known)
        print_workload (&workload, out);
    else
        print_line (out, "Runs as: not known (%s)", err.message);
    print_nodes (reply, known ? &workload : NULL, out);
    if (known)
        print_access (reply, &workload, out);
    print_notes (json_object_get (reply, "notes"), out);
}

/* An alias has the numbers of the node that it stands for, and comes behind it.  */
static bool
is_alias (const json_t *nodes, size_t n)
{
    const json_t *node = json_array_get (nodes, n);

    for (size_t i = 0; i < n; i++)
        if (json_equal (json_object_get (json_array_get (nodes, i), "major"), json_object_get (node, "major"))
            && json_equal (json_object_get (json_array_get (nodes, i), "minor"),
                           json_object_get (node, "minor")))
            return true;
    return false;
}

void
explain_print_lxc (const json_t *reply, FILE *out)
{
    const json_t *nodes = json_object_get (reply, "nodes"), *node;
    struct workload w = {.userns = false};
    struct error ignored;
    unsigned line = 0;
    size_t i;

    (void) workload_from_json (&w, json_object_get (reply, "workload"), &ignored);
    json_array_foreach (nodes, i, node)
        if (!is_alias (nodes, i))
            print_line (out, "dev%u: /dev/dri/%s,uid=%lld,gid=%lld,mode=%s", line++, json_text (node, "name"),
                        seen_uid (&w, json_integer_value (json_object_get (node, "uid"))),
                        seen_gid (&w, json_integer_value (json_object_get (node, "gid"))),
                        json_text (node, "mode"));
}
