#include "methods.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "../oci/cleanup.h"
#include "follow.h"
#include "interface.h"
#include "layout.h"
#include "meter.h"
#include "overview.h"
#include "peer.h"
#include "subject.h"
#include "turns.h"

static const char service_description[] =
    "# The service that every varlink service is.\n"
    "interface org.varlink.service\n"
    "\n"
    "method GetInfo() -> (vendor: string, product: string, version: string, url: string, interfaces: "
    "[]string)\n"
    "\n"
    "method GetInterfaceDescription(interface: string) -> (description: string)\n"
    "\n"
    "error InterfaceNotFound (interface: string)\n"
    "error MethodNotFound (method: string)\n"
    "error MethodNotImplemented (method: string)\n"
    "error InvalidParameter (parameter: string)\n"
    "error PermissionDenied ()\n"
    "error ExpectedMore ()\n";

static void
fail (struct connection *c, const char *name, const char *reason)
{
    char full[64];

    (void) snprintf (full, sizeof full, INTERFACE_NAME ".%s", name);
    connection_reply (c, full, json_pack ("{s:s}", "reason", reason));
}

static void
invalid (struct connection *c, const char *parameter)
{
    connection_reply (c, "org.varlink.service.InvalidParameter", json_pack ("{s:s}", "parameter", parameter));
}

/* --- org.varlink.service --- */

static void
get_info (struct methods *m, struct connection *c, json_t *parameters)
{
    (void) m;
    (void) parameters;
    connection_reply (c, NULL,
                      json_pack ("{s:s s:s s:s s:s s:[s s]}", "vendor", "dri-broker", "product", "dri-broker",
                                 "version", VERSION, "url", "", "interfaces", "org.varlink.service",
                                 INTERFACE_NAME));
}

static void
get_interface_description (struct methods *m, struct connection *c, json_t *parameters)
{
    const char *name = json_string_value (json_object_get (parameters, "interface"));

    (void) m;
    if (!name)
        invalid (c, "interface");
    else if (strcmp (name, INTERFACE_NAME) == 0)
        connection_reply (c, NULL, json_pack ("{s:s}", "description", interface_description));
    else if (strcmp (name, "org.varlink.service") == 0)
        connection_reply (c, NULL, json_pack ("{s:s}", "description", service_description));
    else
        connection_reply (c, "org.varlink.service.InterfaceNotFound", json_pack ("{s:s}", "interface", name));
}

/* --- leases --- */

static struct writer
grant_reply (const struct grant *grant)
{
    struct writer reply = {.text = NULL};

    writer_words (&reply, "{\"parameters\":{\"grant\":");
    grant_write (&reply, grant);
    writer_words (&reply, "}}");
    return reply;
}

static struct writer
release_reply (const char *reason, const char *note)
{
    struct writer reply = {.text = NULL};

    writer_words (&reply, "{\"parameters\":{\"reason\":");
    writer_string (&reply, reason);
    writer_words (&reply, ",\"note\":");
    writer_string (&reply, note);
    writer_words (&reply, "}}");
    return reply;
}

static void
answer (void *userdata, void *client, const struct grant *grant, const char *reason)
{
    struct methods *m = userdata;
    struct connection *c = client;

    if (grant) {
        c->holding = leasing_client_holds (m->leasing, c);
        connection_reply_text (c, grant_reply (grant));
    } else {
        fail (c, "Refused", reason);
    }
}

static void
log_notes (const struct container *container, const json_t *notes)
{
    size_t i;
    json_t *note;

    json_array_foreach ((json_t *) notes, i, note) {
        char text[512];

        (void) snprintf (text, sizeof text, "%s", json_is_string (note) ? json_string_value (note) : "");
        text_clean (text);
        if (text[0])
            (void) fprintf (stderr, "container %s: %s\n", container_label (container), text);
    }
}

/* Before the request is a user's, it has to be one that he may make, with ids that are his to give away.
 * parameters become what they are from then on: the journal's.  */
static int
take_as_users (struct order *order, const struct connection *c, const json_t *parameters, struct error *err)
{
    struct peer_ids ids;
    _cleanup_json_ json_t *taken = NULL;

    if (peer_check_request (&order->request, err) < 0 || peer_ids_of (c->fd, &ids, err) < 0
        || peer_translate (&order->workload, &ids, err) < 0)
        return -1;
    taken = json_copy ((json_t *) parameters);
    if (!taken || json_object_set_new (taken, "workload", workload_to_json (&order->workload)) < 0)
        return error_set (err, ENOMEM, "the request");
    order->owner = c->uid;
    order->parameters = json_dumps (taken, JSON_COMPACT);
    return 0;
}

static void
acquire (struct methods *m, struct connection *c, json_t *parameters)
{
    bool detached = json_is_true (json_object_get (parameters, "detached"));
    const char *refused = json_string_value (json_object_get (parameters, "refused"));
    struct order order;
    struct error err;

    if (order_parse (&order, parameters, &err) < 0) {
        fail (c, "Refused", err.message);
        return;
    }
    if (c->uid == 0) {
        order.parameters = message_parameters_line (m->call);
    } else if (take_as_users (&order, c, parameters, &err) < 0) {
        fail (c, "Refused", err.message);
        return;
    }
    if (!order.parameters) {
        fail (c, "Refused", "out of memory");
        return;
    }
    if (c->uid == 0)
        log_notes (&order.container, json_object_get (parameters, "notes"));
    if (refused) {
        leasing_refuse (m->leasing, c, &order, refused);
        return;
    }
    turns_acquire (m->leasing, c, &order, detached);
    if (turns_client_waits (m->leasing, c))
        connection_wait (c);
}

/* Root sees everything, and so does whoever the kernel let connect to root's socket, the group's.  */
static struct viewer
viewer_of (const struct connection *c)
{
    return (struct viewer){.uid = c->uid, .sees_all = c->uid == 0 || !c->everybody};
}

static bool
may_touch (const struct connection *c, const struct order *order)
{
    const struct viewer viewer = viewer_of (c);

    return viewer_owns (&viewer, order);
}

/* NULL: the client has been told.  */
static struct lease *
named_lease (struct methods *m, struct connection *c, json_t *parameters)
{
    const char *id = json_string_value (json_object_get (parameters, "lease"));
    struct lease *lease;

    if (!id) {
        invalid (c, "lease");
        return NULL;
    }
    lease = lease_find (&m->leasing->leases, id);
    if (lease && !may_touch (c, &lease->order))
        lease = NULL;
    if (!lease)
        fail (c, "NoSuchLease",
              "the broker knows no such lease: it has expired or was released; start the container "
              "again");
    return lease;
}

struct readiness {
    enum request_ready level;
    bool ok;
    const char *reason; /* borrowed */
};

static bool
parse_readiness (struct readiness *ready, const json_t *json)
{
    const char *level = json_string_value (json_object_get (json, "level"));
    const json_t *ok = json_object_get (json, "ok");

    ready->ok = json_is_true (ok);
    ready->reason = json_string_value (json_object_get (json, "reason"));
    if (!level || !json_is_boolean (ok) || !ready->reason)
        return false;
    for (int i = READY_AUTO; i <= READY_VAAPI; i++)
        if (strcmp (level, ready_name ((enum request_ready) i)) == 0) {
            ready->level = (enum request_ready) i;
            return true;
        }
    return false;
}

static json_t *
readiness_to_json (const struct readiness *ready)
{
    return json_pack ("{s:s s:b s:s}", "level", ready_name (ready->level), "ok", ready->ok, "reason",
                      ready->reason);
}

/* NULL where there is none. False: it is no key.  */
static bool
parse_key (const char **key, const json_t *parameters)
{
    const json_t *value = json_object_get (parameters, "key");

    *key = json_string_value (value);
    return !value || json_is_null (value) || (*key && verdict_key_valid (*key));
}

static void
keep_verdict (struct methods *m, struct lease *lease, const char *key, const struct readiness *ready)
{
    probing_keep (m->probing, lease, key, ready->level, ready->ok, ready->reason);
}

/* False where there is none.  */
static bool
find_verdict (struct methods *m, struct lease *lease, const char *key, struct readiness *ready)
{
    const struct kept_verdict *kept = probing_find (m->probing, lease, key);

    if (kept)
        *ready = (struct readiness){.level = kept->level, .ok = kept->ok, .reason = kept->reason};
    return kept != NULL;
}

static void
activate (struct methods *m, struct connection *c, json_t *parameters)
{
    const json_t *verdict = json_object_get (parameters, "ready");
    json_int_t pid = json_integer_value (json_object_get (parameters, "pid"));
    bool attached = json_is_true (json_object_get (parameters, "attached"));
    struct peer_ids ids;
    uint64_t start = 0;
    struct readiness ready;
    struct lease *lease;
    const void *holder;
    const char *key;
    struct error err;
    bool kept;

    if (json_is_null (verdict))
        verdict = NULL;
    if (pid <= 0 || pid > INT32_MAX || (verdict && !parse_readiness (&ready, verdict))) {
        invalid (c, pid <= 0 || pid > INT32_MAX ? "pid" : "ready");
        return;
    }
    if (!parse_key (&key, parameters)) {
        invalid (c, "key");
        return;
    }
    lease = named_lease (m, c, parameters);
    if (!lease)
        return;
    if (lease->order.owner != 0)
        key = NULL; /* what he says of a GPU is nothing to others */
    if (c->uid != 0
        && (peer_ids_of (c->fd, &ids, &err) < 0
            || peer_check_process (&ids, (pid_t) pid, &start, &err) < 0)) {
        fail (c, "PermissionDenied", err.message);
        return;
    }
    holder = leasing_holder (m->leasing, lease);
    /* No config.json has let the container open its devices.  */
    lease->moved |= attached;
    if (leasing_activate (m->leasing, lease, (pid_t) pid, start, &err) < 0) {
        fail (c, "Refused", err.message);
        return;
    }
    if (attached && lease->shut) {
        fail (c, "Refused", lease_reason (lease));
        return;
    }
    if (holder)
        connection_hold ((struct connection *) holder, leasing_client_holds (m->leasing, holder));
    if (verdict && key)
        keep_verdict (m, lease, key, &ready);
    kept = !verdict && key && find_verdict (m, lease, key, &ready);
    if (verdict || kept)
        leasing_report (m->leasing, lease, ready.level, ready.ok, ready.reason);
    connection_reply (c, NULL, kept ? json_pack ("{s:o}", "readiness", readiness_to_json (&ready)) : NULL);
}

static void
report (struct methods *m, struct connection *c, json_t *parameters)
{
    struct readiness ready;
    struct lease *lease;
    const char *key;

    if (!parse_readiness (&ready, json_object_get (parameters, "ready"))) {
        invalid (c, "ready");
        return;
    }
    if (!parse_key (&key, parameters)) {
        invalid (c, "key");
        return;
    }
    lease = named_lease (m, c, parameters);
    if (!lease)
        return;
    if (key && lease->order.owner == 0)
        keep_verdict (m, lease, key, &ready);
    leasing_report (m->leasing, lease, ready.level, ready.ok, ready.reason);
    connection_reply (c, NULL, NULL);
}

/* What root's doors find by the directory's name.  */
static void
open_directory (struct methods *m, struct connection *c, json_t *parameters)
{
    const struct lease *lease = named_lease (m, c, parameters);
    struct error err;
    int mount;

    if (!lease)
        return;
    mount = warden_mount (m->leasing->warden, lease->id, &err);
    if (mount < 0)
        fail (c, "Refused", err.message);
    else
        connection_reply_fd (c, mount);
}

static bool
forget_put_off (struct leasing *l, const char *container, bool exact)
{
    for (struct waiter *w = queue_next (&l->queue, NULL); w; w = queue_next (&l->queue, w))
        if (w->kind != WAITER_CLIENT
            && (exact ? w->order.owner == 0 && strcmp (w->order.container.id, container) == 0
                      : container_is (&w->order.container, container))) {
            turns_forget (l, w);
            return true;
        }
    return false;
}

/* NULL: the client has been told.  */
static struct lease *
lease_to_release (struct methods *m, struct connection *c, json_t *parameters)
{
    const char *container = json_string_value (json_object_get (parameters, "container"));
    const char *id = json_string_value (json_object_get (parameters, "lease"));
    const bool exact = json_is_true (json_object_get (parameters, "exact"));
    struct lease *lease = id && !container ? lease_find (&m->leasing->leases, id) : NULL;
    const struct refusal *refusal = id && !lease ? leasing_find_turned_away (m->leasing, id) : NULL;

    if (lease && may_touch (c, &lease->order))
        return lease;
    if (refusal && may_touch (c, &refusal->order)) {
        connection_reply_text (c, release_reply (refusal->reason, ""));
        return NULL;
    }
    if (!container)
        return named_lease (m, c, parameters);
    lease = exact ? lease_find_exact (&m->leasing->leases, container, c->uid)
                  : lease_find_container (&m->leasing->leases, container, c->uid);
    if (!lease && c->uid == 0 && forget_put_off (m->leasing, container, exact))
        connection_reply_text (c, release_reply ("", ""));
    else if (!lease)
        fail (c, "NoSuchContainer", "no container of this name or id has a lease (drictl status)");
    return lease;
}

/* A node that is held by O_PATH, or mounted elsewhere, is there after its name has gone, and a user has no
 * device filter.  */
static void
say_what_he_keeps (uid_t owner, char *note, size_t size)
{
    (void) snprintf (note, size,
                     "user %u may have kept descriptors and mounts of the nodes, which open the GPU still: "
                     "end his processes to be sure (loginctl terminate-user %u)",
                     (unsigned) owner, (unsigned) owner);
}

static void
release (struct methods *m, struct connection *c, json_t *parameters)
{
    struct lease *lease = lease_to_release (m, c, parameters);
    const bool force = json_is_true (json_object_get (parameters, "force"));
    char reason[sizeof lease->verdict], note[256] = "";
    bool shut = false;

    if (!lease)
        return;
    if (lease->pidfd >= 0 && !force) {
        fail (c, "LeaseInUse", "the container is running; stop it, or take its GPU away with --force");
        return;
    }
    (void) snprintf (reason, sizeof reason, "%s", lease->ready ? "" : lease->verdict);
    if (force && lease->order.owner != 0)
        say_what_he_keeps (lease->order.owner, note, sizeof note);
    if (json_is_true (json_object_get (parameters, "revoke"))) {
        follow_revoke (m->leasing, lease);
        shut = lease->shut;
    }
    leasing_release (m->leasing, lease);
    if (shut)
        fail (c, "Refused",
              "its /dev/dri is empty, but its device filter could not be changed (journalctl -u dri-broker): "
              "stop it "
              "to be sure");
    else
        connection_reply_text (c, release_reply (reason, note));
}

/* --- what there is --- */

static void
reply_with_status (struct methods *m, struct connection *c)
{
    const struct viewer viewer = viewer_of (c);

    connection_reply (c, NULL, overview_to_json (m->leasing, &viewer));
}

static void
on_metered (void *userdata, bool fresh)
{
    struct methods *m = userdata;

    (void) fresh;
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
        if (m->wants_status[i]) {
            m->wants_status[i] = false;
            reply_with_status (m, &m->server->connections[i]);
        }
}

static void
status (struct methods *m, struct connection *c, json_t *parameters)
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

static json_t *
explain_order (const struct order *order, const char *state, const char *decision)
{
    _cleanup_json_ json_t *parameters = json_loads (order->parameters, 0, NULL);

    return json_pack ("{s:I s:o s:o s:o s:O? s:s s:s s:O?}", "owner", (json_int_t) order->owner, "container",
                      container_to_json (&order->container), "workload", workload_to_json (&order->workload),
                      "request", request_to_json (&order->request), "sources",
                      json_object_get (parameters, "sources"), "state", state, "decision", decision, "notes",
                      json_object_get (parameters, "notes"));
}

static json_t *
explain_lease (const struct leasing *l, const struct lease *lease, bool with_id)
{
    json_t *json = explain_order (&lease->order, lease_state_name (lease), lease_reason (lease)),
           *names = json_array ();
    char path[sizeof l->dir.path + 40];

    for (unsigned i = 0; i < GPUS_MAX; i++)
        if (lease->gpus & (1U << i))
            (void) json_array_append_new (names,
                                          json_sprintf ("%s%s", l->gpus->table[i].name,
                                                        l->gpus->table[i].simulated ? " (simulated)" : ""));
    (void) snprintf (path, sizeof path, "%s/%s", l->dir.path, lease->id);
    (void) json_object_set_new (json, "gpus", names);
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
    fail (c, "NoSuchContainer", text);
}

static void
explain (struct methods *m, struct connection *c, json_t *parameters)
{
    const char *container = json_string_value (json_object_get (parameters, "container"));
    const struct viewer viewer = viewer_of (c);
    struct subject s;

    if (!container) {
        invalid (c, "container");
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
        fail (
            c, "NoSuchContainer",
            "no container of this name, id or compose service has asked for a GPU since the broker "
            "started. Has it the label dri.enable=true (labels of the image and of \"deploy\" do not count)? "
            "Is its runtime dri-runtime (docker inspect -f '{{.HostConfig.Runtime}}' NAME; a container keeps "
            "the runtime that it was created with)? Was it started at all?");
}

static void
reload (struct methods *m, struct connection *c, json_t *parameters)
{
    struct error err;

    (void) parameters;
    if (m->reload (m->userdata, &err) < 0)
        fail (c, "Refused", err.message);
    else
        connection_reply (c, NULL, NULL);
}

static void
probe (struct methods *m, struct connection *c, json_t *parameters)
{
    probing_call (m->probing, c, parameters);
}

/* --- dispatch --- */

static const struct {
    const char *name;
    enum { EVERYONE, LEASERS, ROOT } whose;
    void (*call) (struct methods *m, struct connection *c, json_t *parameters);
} table[] = {
    {"org.varlink.service.GetInfo", EVERYONE, get_info},
    {"org.varlink.service.GetInterfaceDescription", EVERYONE, get_interface_description},
    {INTERFACE_NAME ".Acquire", LEASERS, acquire},
    {INTERFACE_NAME ".Activate", LEASERS, activate},
    {INTERFACE_NAME ".OpenDirectory", LEASERS, open_directory},
    {INTERFACE_NAME ".Report", LEASERS, report},
    {INTERFACE_NAME ".Release", LEASERS, release},
    {INTERFACE_NAME ".Status", EVERYONE, status},
    {INTERFACE_NAME ".Explain", EVERYONE, explain},
    {INTERFACE_NAME ".Probe", ROOT, probe},
    {INTERFACE_NAME ".Reload", ROOT, reload},
};

static void
on_unknown (struct connection *c, const char *method)
{
    const char *dot = strrchr (method, '.');
    size_t len = dot ? (size_t) (dot - method) : 0;

    if ((len == strlen (INTERFACE_NAME) && strncmp (method, INTERFACE_NAME, len) == 0)
        || (len == strlen ("org.varlink.service") && strncmp (method, "org.varlink.service", len) == 0))
        connection_reply (c, "org.varlink.service.MethodNotFound", json_pack ("{s:s}", "method", dot + 1));
    else
        connection_reply (c, "org.varlink.service.InterfaceNotFound",
                          json_pack ("{s:s%}", "interface", method, len));
}

static void
on_call (void *userdata, struct connection *c, const struct message_call *call)
{
    struct methods *m = userdata;
    struct error err;

    m->call = call;
    for (size_t i = 0; i < countof (table); i++) {
        if (strcmp (call->method, table[i].name) != 0)
            continue;
        if (c->uid != 0 && table[i].whose == ROOT)
            fail (c, "PermissionDenied", "only root may do this");
        else if (c->uid != 0 && table[i].whose == LEASERS && peer_check (m->leasing->config, c->fd, &err) < 0)
            fail (c, "PermissionDenied", err.message);
        else
            table[i].call (m, c, call->parameters);
        c->holding = leasing_client_holds (m->leasing, c);
        return;
    }
    on_unknown (c, call->method);
}

static int
on_admit (void *userdata, int fd, struct error *err)
{
    const struct methods *m = userdata;

    return peer_check (m->leasing->config, fd, err);
}

static void
on_closed (void *userdata, struct connection *c)
{
    struct methods *m = userdata;

    m->wants_status[c - m->server->connections] = false;
    probing_client_gone (m->probing, c);
    leasing_client_gone (m->leasing, c);
}

void
methods_init (struct methods *m)
{
    m->server->call = on_call;
    m->server->closed = on_closed;
    m->server->admit = on_admit;
    m->server->userdata = m;
    m->leasing->answer = answer;
    m->leasing->userdata = m;
    m->reader = (struct meter_reader){.done = on_metered, .userdata = m};
    meter_add_reader (m->leasing->meter, &m->reader);
}
