#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "../oci/cleanup.h"
#include "layout.h"
#include "meter.h"
#include "methods_parts.h"
#include "overview.h"
#include "throttle.h"

static void
reply_with_status (struct methods *m, struct connection *c)
{
    const struct viewer viewer = methods_viewer (c);

    connection_reply (c, NULL, overview_to_json (m->leasing, &viewer));
}

void
methods_on_metered (void *userdata, bool fresh)
{
    struct methods *m = userdata;

    (void) fresh;
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
        if (m->wants_status[i]) {
            m->wants_status[i] = false;
            reply_with_status (m, &m->server->connections[i]);
        }
}

void
method_status (struct methods *m, struct connection *c, json_t *parameters)
{
    bool *wanted = &m->wants_status[c - m->server->connections];

    (void) parameters;
    *wanted = true;
    meter_read (m->leasing->meter, &m->reader);
    if (*wanted)
        connection_wait (c);
}

/* What the container sees, read from the directory itself: the truth, not what was meant.  */
static json_t *
nodes_to_json (const struct leasing *l, const struct lease *lease, const struct layout *layout)
{
    json_t *nodes = json_array ();

    for (unsigned i = 0; i < layout->n_nodes; i++) {
        const char *name = layout->nodes[i].node.name;
        char path[80], mode[8];
        struct stat st;

        (void) snprintf (path, sizeof path, "%s/%s", lease->id, name);
        if (fstatat (l->dir.root, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        (void) snprintf (mode, sizeof mode, "%04o", st.st_mode & 07777);
        (void) json_array_append_new (
            nodes, json_pack ("{s:s s:i s:i s:I s:I s:s}", "name", name, "major", (int) major (st.st_rdev),
                              "minor", (int) minor (st.st_rdev), "uid", (json_int_t) st.st_uid, "gid",
                              (json_int_t) st.st_gid, "mode", mode));
    }
    return nodes;
}

static void
add_layout (json_t *json, const struct leasing *l, const struct lease *lease)
{
    static struct layout layout; /* large */
    json_t *groups = json_array ();
    struct error ignored;

    if (layout_make (&layout, l->gpus, lease->gpus, &lease->order, &ignored) < 0)
        layout.n_nodes = layout.n_gids = 0;
    leasedir_own (&l->dir, &layout);
    for (unsigned i = 0; i < layout.n_gids; i++)
        (void) json_array_append_new (groups, json_integer (layout.gids[i]));
    (void) json_object_set_new (json, "nodes", nodes_to_json (l, lease, &layout));
    (void) json_object_set_new (json, "groups", groups);
}

/* Where each key was written: what the policy sets was not written by the container.  */
static json_t *
sources_of (const struct order *order, const json_t *written)
{
    json_t *sources = json_is_object (written) ? json_copy ((json_t *) written) : json_object ();

    for (int i = 0; i < KEY_COUNT; i++)
        if (order->request.source[i] == SOURCE_POLICY)
            (void) json_object_set_new (sources, request_key_name ((enum request_key) i) + strlen ("dri."),
                                        json_string (request_source_name (SOURCE_POLICY)));
    return sources;
}

static json_t *
policy_to_json (const struct policy_mark *mark)
{
    return mark->rule[0] ? json_pack ("{s:s s:s}", "rule", mark->rule, "changes", mark->changes)
                         : json_null ();
}

static json_t *
explain_order (const struct order *order, const char *state, const char *decision)
{
    _cleanup_json_ json_t *parameters = json_loads (order->parameters, 0, NULL);

    return json_pack ("{s:I s:o s:o s:o s:o s:s s:s s:O? s:o}", "owner", (json_int_t) order->owner,
                      "container", container_to_json (&order->container), "workload",
                      workload_to_json (&order->workload), "request", request_to_json (&order->request),
                      "sources", sources_of (order, json_object_get (parameters, "sources")), "state", state,
                      "decision", decision, "notes", json_object_get (parameters, "notes"), "policy",
                      policy_to_json (&order->policy));
}

/* "arc: gone; old: 8 of 8 slots in use"  */
static json_t *
others_to_json (const char *others)
{
    json_t *list = json_array ();

    while (*others) {
        size_t len = strcspn (others, ";");

        (void) json_array_append_new (list, json_stringn (others, len));
        others += len;
        others += strspn (others, "; ");
    }
    return list;
}

/* Beside what its door had to say.  */
static void
add_note (json_t *json, const char *note)
{
    json_t *notes = json_object_get (json, "notes");

    if (!json_is_array (notes)) {
        notes = json_array ();
        (void) json_object_set_new (json, "notes", notes);
    }
    (void) json_array_append_new (notes, json_string (note));
}

static json_t *
explain_lease (const struct leasing *l, const struct lease *lease, bool with_id)
{
    json_t *json = explain_order (&lease->order, lease_state_name (lease), lease_reason (lease)),
           *names = json_array ();
    const char *unheld = throttle_unheld (l->throttle, lease);
    char path[sizeof l->dir.path + 40];

    if (unheld)
        add_note (json, unheld);
    for (unsigned i = 0; i < GPUS_MAX; i++)
        if (lease->gpus & (1U << i))
            (void) json_array_append_new (names,
                                          json_sprintf ("%s%s", l->gpus->table[i].name,
                                                        l->gpus->table[i].simulated ? " (simulated)" : ""));
    (void) snprintf (path, sizeof path, "%s/%s", l->dir.path, lease->id);
    (void) json_object_set_new (json, "gpus", names);
    (void) json_object_set_new (json, "others", others_to_json (lease->others));
    add_layout (json, l, lease);
    (void) json_object_set_new (json, "pid", lease->pid ? json_integer (lease->pid) : json_null ());
    (void) json_object_set_new (json, "directory", with_id ? json_string (path) : json_null ());
    return json;
}

static json_t *
explain_without_lease (const struct order *order, const char *state, const char *reason)
{
    json_t *json = explain_order (order, state, reason);

    (void) json_object_set_new (json, "gpus", json_array ());
    (void) json_object_set_new (json, "others", json_array ());
    (void) json_object_set_new (json, "nodes", json_array ());
    (void) json_object_set_new (json, "groups", json_array ());
    (void) json_object_set_new (json, "pid", json_null ());
    (void) json_object_set_new (json, "directory", json_null ());
    return json;
}

static void
fail_with_containers (struct connection *c, const struct subject *subject)
{
    char text[1024] = "this service has several containers, name one of them:";
    size_t len = strlen (text);

    for (unsigned i = 0; i < subject->n_containers && len < sizeof text; i++)
        len += (size_t) snprintf (text + len, sizeof text - len, "%s %.100s", i > 0 ? "," : "",
                                  subject->containers[i]);
    methods_fail (c, "NoSuchContainer", text);
}

void
method_explain (struct methods *m, struct connection *c, json_t *parameters)
{
    const char *container = json_string_value (json_object_get (parameters, "container"));
    const struct viewer viewer = methods_viewer (c);
    struct subject s;

    if (!container) {
        methods_invalid (c, "container");
        return;
    }
    subject_find (m->leasing, container, &viewer, &s);
    if (s.n_containers > 1)
        fail_with_containers (c, &s);
    else if (s.lease)
        connection_reply (c, NULL, explain_lease (m->leasing, s.lease, c->uid == 0));
    else if (s.order)
        connection_reply (c, NULL, explain_without_lease (s.order, s.state, s.reason));
    else
        methods_fail (
            c, "NoSuchContainer",
            "no container of this name, id or compose service has asked for a GPU since the broker "
            "started. Has it the label dri.enable=true (labels of the image and of \"deploy\" do not count)? "
            "Is its runtime dri-runtime (docker inspect -f '{{.HostConfig.Runtime}}' NAME; a container keeps "
            "the runtime that it was created with)? Was it started at all?");
}
