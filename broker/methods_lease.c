#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../oci/cleanup.h"
#include "activation.h"
#include "methods_parts.h"
#include "peer.h"
#include "revocation.h"
#include "turns.h"

static struct writer
grant_reply (const struct grant *grant)
{
    struct writer reply = {.text = NULL};

    writer_words (&reply, "{\"parameters\":{\"grant\":");
    grant_write (&reply, grant);
    writer_words (&reply, "}}");
    return reply;
}

void
methods_answer (void *userdata, void *client, const struct grant *grant, const char *reason)
{
    struct methods *m = userdata;
    struct connection *c = client;

    if (grant) {
        c->holding = leasing_client_holds (m->leasing, c);
        connection_reply_text (c, grant_reply (grant));
    } else {
        methods_fail (c, "Refused", reason);
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

void
method_acquire (struct methods *m, struct connection *c, json_t *parameters)
{
    bool detached = json_is_true (json_object_get (parameters, "detached"));
    const char *refused = json_string_value (json_object_get (parameters, "refused"));
    const struct lease *revoked;
    struct order order;
    struct error err;

    if (order_parse (&order, parameters, &err) < 0) {
        methods_fail (c, "Refused", err.message);
        return;
    }
    if (c->uid == 0) {
        order.parameters = message_parameters_line (m->call);
    } else if (take_as_users (&order, c, parameters, &err) < 0) {
        methods_fail (c, "Refused", err.message);
        return;
    }
    if (!order.parameters) {
        methods_fail (c, "Refused", "out of memory");
        return;
    }
    if (c->uid == 0)
        log_notes (&order.container, json_object_get (parameters, "notes"));
    if (refused) {
        leasing_refuse (m->leasing, c, &order, refused);
        return;
    }
    revoked = revocation_find (m->leasing, &order, 0);
    if (revoked) {
        char reason[sizeof revoked->decision + 64];

        (void) snprintf (reason, sizeof reason, "its GPU was revoked, until it has ended: %s",
                         revoked->decision);
        leasing_refuse (m->leasing, c, &order, reason);
        return;
    }
    turns_acquire (m->leasing, c, &order, detached);
    if (turns_client_waits (m->leasing, c))
        connection_wait (c);
}

struct viewer
methods_viewer (const struct connection *c)
{
    return (struct viewer){.uid = c->uid, .sees_all = c->uid == 0 || !c->everybody};
}

bool
methods_may_touch (const struct connection *c, const struct order *order)
{
    const struct viewer viewer = methods_viewer (c);

    return viewer_owns (&viewer, order);
}

struct lease *
methods_named_lease (struct methods *m, struct connection *c, json_t *parameters)
{
    const char *id = json_string_value (json_object_get (parameters, "lease"));
    struct lease *lease;

    if (!id) {
        methods_invalid (c, "lease");
        return NULL;
    }
    lease = lease_find (&m->leasing->leases, id);
    if (lease && !methods_may_touch (c, &lease->order))
        lease = NULL;
    if (!lease)
        methods_fail (c, "NoSuchLease",
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

/* The lease that a verdict is about, and the key under which it may be kept: NULL where there is none. Where
 * there is no lease the client was told why.  */
static struct lease *
take_subject (struct methods *m, struct connection *c, json_t *parameters, const char **key)
{
    const json_t *value = json_object_get (parameters, "key");
    struct lease *lease;

    *key = json_string_value (value);
    if (value && !json_is_null (value) && !(*key && verdict_key_valid (*key))) {
        methods_invalid (c, "key");
        return NULL;
    }
    lease = methods_named_lease (m, c, parameters);
    /* What a user says of a GPU is nothing to others.  */
    if (lease && lease->order.owner != 0)
        *key = NULL;
    return lease;
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

void
method_activate (struct methods *m, struct connection *c, json_t *parameters)
{
    const json_t *verdict = json_object_get (parameters, "ready");
    json_int_t pid = json_integer_value (json_object_get (parameters, "pid"));
    bool attached = json_is_true (json_object_get (parameters, "attached"));
    struct peer_ids ids;
    uint64_t start = (uint64_t) json_integer_value (json_object_get (parameters, "start"));
    struct readiness ready;
    struct lease *lease;
    const void *holder;
    const char *key;
    struct error err;
    bool kept;

    if (json_is_null (verdict))
        verdict = NULL;
    if (pid <= 0 || pid > INT32_MAX || (verdict && !parse_readiness (&ready, verdict))) {
        methods_invalid (c, pid <= 0 || pid > INT32_MAX ? "pid" : "ready");
        return;
    }
    lease = take_subject (m, c, parameters, &key);
    if (!lease)
        return;
    if (c->uid != 0
        && (peer_ids_of (c->fd, &ids, &err) < 0
            || peer_check_process (&ids, (pid_t) pid, &start, &err) < 0)) {
        methods_fail (c, "PermissionDenied", err.message);
        return;
    }
    holder = leasing_holder (m->leasing, lease);
    /* No config.json has let the container open its devices.  */
    lease->moved |= attached;
    if (activation_begin (m->leasing, lease, (pid_t) pid, start, &err) < 0) {
        methods_fail (c, "Refused", err.message);
        return;
    }
    if (attached && lease->shut) {
        methods_fail (c, "Refused", lease_reason (lease));
        return;
    }
    if (holder)
        connection_hold ((struct connection *) holder, leasing_client_holds (m->leasing, holder));
    if (verdict && key)
        keep_verdict (m, lease, key, &ready);
    kept = !verdict && key && find_verdict (m, lease, key, &ready);
    if (verdict || kept)
        activation_report (m->leasing, lease, ready.level, ready.ok, ready.reason);
    connection_reply (c, NULL, kept ? json_pack ("{s:o}", "readiness", readiness_to_json (&ready)) : NULL);
}

void
method_report (struct methods *m, struct connection *c, json_t *parameters)
{
    struct readiness ready;
    struct lease *lease;
    const char *key;

    if (!parse_readiness (&ready, json_object_get (parameters, "ready"))) {
        methods_invalid (c, "ready");
        return;
    }
    lease = take_subject (m, c, parameters, &key);
    if (!lease)
        return;
    if (key)
        keep_verdict (m, lease, key, &ready);
    activation_report (m->leasing, lease, ready.level, ready.ok, ready.reason);
    connection_reply (c, NULL, NULL);
}

/* What root's doors find by the directory's name.  */
void
method_open_directory (struct methods *m, struct connection *c, json_t *parameters)
{
    const struct lease *lease = methods_named_lease (m, c, parameters);
    struct error err;
    int mount;

    if (!lease)
        return;
    mount = warden_mount (m->leasing->warden, lease->id, &err);
    if (mount < 0)
        methods_fail (c, "Refused", err.message);
    else
        connection_reply_fd (c, mount);
}
