#include "methods.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "../oci/cleanup.h"
#include "interface.h"
#include "layout.h"

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

static void
answer (void *userdata, void *client, const struct grant *grant, const char *reason)
{
    struct methods *m = userdata;
    struct connection *c = client;

    if (grant) {
        c->holding = leasing_client_holds (m->leasing, c);
        connection_reply (c, NULL, json_pack ("{s:o}", "grant", grant_to_json (grant)));
    } else {
        fail (c, "Refused", reason);
    }
}

static void
log_notes (const struct order *order)
{
    size_t i;
    json_t *note;

    json_array_foreach (json_object_get (order->parameters, "notes"), i, note) {
        char text[512];

        (void) snprintf (text, sizeof text, "%s", json_is_string (note) ? json_string_value (note) : "");
        text_clean (text);
        if (text[0])
            (void) fprintf (stderr, "container %s: %s\n", container_label (&order->container), text);
    }
}

static void
acquire (struct methods *m, struct connection *c, json_t *parameters)
{
    bool detached = json_is_true (json_object_get (parameters, "detached"));
    struct order order;
    struct error err;

    if (order_parse (&order, parameters, &err) < 0) {
        fail (c, "Refused", err.message);
        return;
    }
    log_notes (&order);
    leasing_acquire (m->leasing, c, &order, detached);
    if (leasing_client_waits (m->leasing, c))
        connection_wait (c);
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

static void
activate (struct methods *m, struct connection *c, json_t *parameters)
{
    const json_t *verdict = json_object_get (parameters, "ready");
    json_int_t pid = json_integer_value (json_object_get (parameters, "pid"));
    struct readiness ready;
    struct lease *lease;
    const void *holder;
    struct error err;

    if (json_is_null (verdict))
        verdict = NULL;
    if (pid <= 0 || pid > INT32_MAX || (verdict && !parse_readiness (&ready, verdict))) {
        invalid (c, pid <= 0 || pid > INT32_MAX ? "pid" : "ready");
        return;
    }
    lease = named_lease (m, c, parameters);
    if (!lease)
        return;
    holder = leasing_holder (m->leasing, lease);
    if (leasing_activate (m->leasing, lease, (pid_t) pid, &err) < 0) {
        fail (c, "Refused", err.message);
        return;
    }
    if (holder)
        connection_hold ((struct connection *) holder, leasing_client_holds (m->leasing, holder));
    if (verdict)
        leasing_report (m->leasing, lease, ready.level, ready.ok, ready.reason);
    connection_reply (c, NULL, NULL);
}

static void
report (struct methods *m, struct connection *c, json_t *parameters)
{
    struct readiness ready;
    struct lease *lease;

    if (!parse_readiness (&ready, json_object_get (parameters, "ready"))) {
        invalid (c, "ready");
        return;
    }
    lease = named_lease (m, c, parameters);
    if (!lease)
        return;
    leasing_report (m->leasing, lease, ready.level, ready.ok, ready.reason);
    connection_reply (c, NULL, NULL);
}

/* NULL: the client has been told.  */
static struct lease *
lease_to_release (struct methods *m, struct connection *c, json_t *parameters)
{
    const char *container = json_string_value (json_object_get (parameters, "container"));
    const char *id = json_string_value (json_object_get (parameters, "lease"));
    const struct refusal *refusal = id ? leasing_find_turned_away (m->leasing, id) : NULL;
    struct lease *lease;

    if (refusal) {
        connection_reply (c, NULL, json_pack ("{s:s}", "reason", refusal->reason));
        return NULL;
    }
    if (!container)
        return named_lease (m, c, parameters);
    lease = lease_find_container (&m->leasing->leases, container);
    if (!lease)
        fail (c, "NoSuchContainer", "no container of this name or id has a lease (drictl status)");
    return lease;
}

static void
release (struct methods *m, struct connection *c, json_t *parameters)
{
    struct lease *lease = lease_to_release (m, c, parameters);
    char reason[sizeof lease->verdict];

    if (!lease)
        return;
    if (lease->pidfd >= 0 && !json_is_true (json_object_get (parameters, "force"))) {
        fail (c, "LeaseInUse", "the container is running; stop it, or take its GPU away with --force");
        return;
    }
    (void) snprintf (reason, sizeof reason, "%s", lease->ready ? "" : lease->verdict);
    leasing_release (m->leasing, lease);
    connection_reply (c, NULL, json_pack ("{s:s}", "reason", reason));
}

/* --- what there is --- */

static json_t *
gpus_to_json (const struct leasing *l)
{
    json_t *gpus = json_array ();

    for (unsigned i = 0; i < GPUS_MAX; i++) {
        json_t *gpu;

        if (l->gpus->table[i].state == GPU_ABSENT)
            continue;
        gpu = gpu_to_json (&l->gpus->table[i]);
        (void) json_object_set_new (json_object_get (gpu, "slots"), "used",
                                    json_integer (arbiter_used (l->gpus, &l->leases, i)));
        (void) json_array_append_new (gpus, gpu);
    }
    return gpus;
}

static json_t *
waiter_to_json (const struct leasing *l, const struct waiter *waiter, unsigned position)
{
    char names[128];

    gpus_names (l->gpus, waiter->candidates, names, sizeof names);
    return json_pack ("{s:o s:o s:s s:i s:I s:s}", "container", container_to_json (&waiter->order.container),
                      "gpu", names[0] ? json_string (names) : json_null (), "class",
                      class_name (waiter->order.request.class), "position", (int) position, "since",
                      (json_int_t) waiter->since, "reason", waiter->reason);
}

static void
status (struct methods *m, struct connection *c, json_t *parameters)
{
    struct leasing *l = m->leasing;
    json_t *leases = json_array (), *queue = json_array ();
    const struct waiter *waiter;
    const struct lease *lease;
    unsigned position = 1;

    (void) parameters;
    leases_foreach (&l->leases, lease) {
        (void) json_array_append_new (leases, lease_to_json (lease, l->gpus, c->uid == 0));
    }
    for (waiter = leasing_next_waiter (l, NULL); waiter; waiter = leasing_next_waiter (l, waiter))
        (void) json_array_append_new (queue, waiter_to_json (l, waiter, position++));
    connection_reply (
        c, NULL, json_pack ("{s:o s:o s:o}", "gpus", gpus_to_json (l), "leases", leases, "queue", queue));
}

/* What the container sees, read from the directory itself: the truth, not what was meant.  */
static json_t *
nodes_to_json (const struct leasing *l, const struct lease *lease)
{
    static struct layout layout; /* large */
    json_t *nodes = json_array ();
    struct error ignored;

    if (layout_make (&layout, l->gpus, lease->gpus, &lease->order, &ignored) < 0)
        return nodes;
    for (unsigned i = 0; i < layout.n_nodes; i++) {
        const char *name = layout.nodes[i].node.name;
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

static json_t *
explain_order (const struct order *order, const char *state, const char *decision)
{
    return json_pack ("{s:o s:o s:o s:O? s:s s:s s:O?}", "container", container_to_json (&order->container),
                      "workload", workload_to_json (&order->workload), "request",
                      request_to_json (&order->request), "sources",
                      json_object_get (order->parameters, "sources"), "state", state, "decision", decision,
                      "notes", json_object_get (order->parameters, "notes"));
}

static json_t *
explain_lease (const struct leasing *l, const struct lease *lease, bool with_id)
{
    json_t *json = explain_order (&lease->order, lease_state_name (lease), lease->decision),
           *names = json_array ();
    char path[sizeof l->dir.path + 40];

    for (unsigned i = 0; i < GPUS_MAX; i++)
        if (lease->gpus & (1U << i))
            (void) json_array_append_new (names,
                                          json_sprintf ("%s%s", l->gpus->table[i].name,
                                                        l->gpus->table[i].simulated ? " (simulated)" : ""));
    (void) snprintf (path, sizeof path, "%s/%s", l->dir.path, lease->id);
    (void) json_object_set_new (json, "gpus", names);
    (void) json_object_set_new (json, "nodes", nodes_to_json (l, lease));
    (void) json_object_set_new (json, "directory", with_id ? json_string (path) : json_null ());
    return json;
}

static json_t *
explain_without_lease (const struct order *order, const char *state, const char *reason)
{
    json_t *json = explain_order (order, state, reason);

    (void) json_object_set_new (json, "gpus", json_array ());
    (void) json_object_set_new (json, "nodes", json_array ());
    (void) json_object_set_new (json, "directory", json_null ());
    return json;
}

static void
explain (struct methods *m, struct connection *c, json_t *parameters)
{
    const char *container = json_string_value (json_object_get (parameters, "container"));
    const struct leasing *l = m->leasing;
    const struct refusal *refusal;
    const struct lease *lease;

    if (!container) {
        invalid (c, "container");
        return;
    }
    lease = lease_find_container (&m->leasing->leases, container);
    if (lease) {
        connection_reply (c, NULL, explain_lease (l, lease, c->uid == 0));
        return;
    }
    for (unsigned i = 0; i < WAITERS_MAX; i++)
        if (l->waiters[i].client && container_is (&l->waiters[i].order.container, container)) {
            connection_reply (c, NULL,
                              explain_without_lease (&l->waiters[i].order, "waiting", l->waiters[i].reason));
            return;
        }
    refusal = leasing_find_refusal (l, container);
    if (refusal)
        connection_reply (c, NULL, explain_without_lease (&refusal->order, "refused", refusal->reason));
    else
        fail (c, "NoSuchContainer",
              "no container of this name or id has asked for a GPU since the broker started: is dri.enable "
              "true, and "
              "its runtime dri-runtime?");
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

/* --- dispatch --- */

static const struct {
    const char *name;
    bool everyone; /* else root only */
    void (*call) (struct methods *m, struct connection *c, json_t *parameters);
} table[] = {
    {"org.varlink.service.GetInfo", true, get_info},
    {"org.varlink.service.GetInterfaceDescription", true, get_interface_description},
    {INTERFACE_NAME ".Acquire", false, acquire},
    {INTERFACE_NAME ".Activate", false, activate},
    {INTERFACE_NAME ".Report", false, report},
    {INTERFACE_NAME ".Release", false, release},
    {INTERFACE_NAME ".Status", true, status},
    {INTERFACE_NAME ".Explain", true, explain},
    {INTERFACE_NAME ".Reload", false, reload},
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

    for (size_t i = 0; i < countof (table); i++) {
        if (strcmp (call->method, table[i].name) != 0)
            continue;
        if (!table[i].everyone && c->uid != 0)
            fail (c, "PermissionDenied", "only root may do this");
        else
            table[i].call (m, c, call->parameters);
        c->holding = leasing_client_holds (m->leasing, c);
        return;
    }
    on_unknown (c, call->method);
}

static void
on_closed (void *userdata, struct connection *c)
{
    struct methods *m = userdata;

    leasing_client_gone (m->leasing, c);
}

void
methods_init (struct methods *m)
{
    m->server->call = on_call;
    m->server->closed = on_closed;
    m->server->userdata = m;
    m->leasing->answer = answer;
    m->leasing->userdata = m;
}
