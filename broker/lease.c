#include "lease.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../oci/cleanup.h"

int
order_parse (struct order *order, const json_t *parameters, struct error *err)
{
    const json_t *request = json_object_get (parameters, "request");

    if (!json_is_object (request))
        return error_set (err, 0, "request is missing");
    if (container_from_json (&order->container, json_object_get (parameters, "container"), err) < 0
        || workload_from_json (&order->workload, json_object_get (parameters, "workload"), err) < 0
        || request_from_json (&order->request, request, err) < 0)
        return -1;
    order->policy = (struct policy_mark){.n_gpus = 0};
    order->parameters = NULL;
    order->owner = 0;
    return 0;
}

void
order_finish (struct order *order)
{
    free (order->parameters);
    order->parameters = NULL;
}

void
leases_init (struct leases *leases)
{
    leases->n = 0;
    for (unsigned i = 0; i < LEASES_MAX; i++)
        leases->order[i] = (uint16_t) i;
}

const char *
leases_full (const struct leases *leases, uid_t owner)
{
    unsigned his = 0, unprivileged = 0;
    const struct lease *lease;

    if (leases->n == LEASES_MAX)
        return "all 256 leases are in use (drictl status)";
    if (owner == 0)
        return NULL;
    leases_foreach (leases, lease) {
        his += lease->order.owner == owner;
        unprivileged += lease->order.owner != 0;
    }
    if (his >= LEASES_UID_MAX)
        return "16 leases are as many as a user other than root can have at a time (drictl status)";
    return unprivileged >= LEASES_UNPRIVILEGED_MAX
               ? "users other than root have 128 leases, as many as they can"
               : NULL;
}

struct lease *
lease_take (struct leases *leases)
{
    struct lease *lease;

    if (leases->n == LEASES_MAX)
        return NULL;
    lease = &leases->table[leases->order[leases->n++]];
    *lease = (struct lease){.pidfd = -1};
    return lease;
}

void
lease_drop (struct leases *leases, struct lease *lease)
{
    uint16_t index = (uint16_t) (lease - leases->table);

    order_finish (&lease->order);
    lease->state = LEASE_FREE;
    for (unsigned i = 0; i < leases->n; i++)
        if (leases->order[i] == index) {
            leases->n--;
            leases->order[i] = leases->order[leases->n];
            leases->order[leases->n] = index;
            return;
        }
}

struct lease *
lease_find (struct leases *leases, const char *id)
{
    struct lease *lease;

    leases_foreach (leases, lease) {
        if (strcmp (lease->id, id) == 0)
            return lease;
    }
    return NULL;
}

bool
container_is (const struct container *container, const char *text)
{
    size_t len = strlen (text);

    /* The empty text is the name of every container without one.  */
    return len > 0
           && (strcmp (container->id, text) == 0 || strcmp (container->name, text) == 0
               || (len >= 12 && strncmp (container->id, text, len) == 0));
}

static struct lease *
newer (struct lease *a, struct lease *b)
{
    return !a || b->since > a->since ? b : a;
}

struct lease *
lease_find_container (struct leases *leases, const char *text, uid_t owner)
{
    struct lease *his = NULL, *others = NULL, *lease;

    leases_foreach (leases, lease) {
        if (!container_is (&lease->order.container, text))
            continue;
        if (lease->order.owner == owner)
            his = newer (his, lease);
        else
            others = newer (others, lease);
    }
    return his || owner != 0 ? his : others;
}

struct lease *
lease_find_exact (struct leases *leases, const char *id, uid_t owner)
{
    struct lease *found = NULL, *lease;

    leases_foreach (leases, lease) {
        if (lease->order.owner == owner && *id && strcmp (lease->order.container.id, id) == 0)
            found = newer (found, lease);
    }
    return found;
}

const char *
lease_state_name (const struct lease *lease)
{
    static const char *const names[] = {"free", "granted", "active", "without", "revoked"};

    return lease->state != LEASE_REVOKED && (lease->lost || lease->shut) ? "lost" : names[lease->state];
}

const char *
lease_reason (const struct lease *lease)
{
    if (lease->state == LEASE_REVOKED)
        return lease->decision;
    if (lease->shut)
        return "its device filter could not be changed (journalctl -u dri-broker): start the container anew";
    return lease->lost ? "its GPU is gone: unplugged, or its driver was unbound (for a VM?); the nodes come "
                         "back with it"
                       : lease->decision;
}

void
gpus_names (const struct gpus *gpus, uint32_t set, char *out, size_t size)
{
    size_t len = 0;

    out[0] = '\0';
    for (unsigned i = 0; i < GPUS_MAX; i++)
        if ((set & (1U << i)) && len < size)
            len += (size_t) snprintf (out + len, size - len, "%s%s", len ? "," : "", gpus->table[i].name);
}

static json_t *
readiness_to_json (const struct lease *lease)
{
    if (lease->level == READY_AUTO)
        return json_null ();
    return json_pack ("{s:s s:b s:s}", "level", ready_name (lease->level), "ok", lease->ready, "reason",
                      lease->verdict);
}

json_t *
lease_to_json (const struct lease *lease, const struct gpus *gpus, bool with_id)
{
    const struct request *req = &lease->order.request;
    char names[128];

    gpus_names (gpus, lease->gpus, names, sizeof names);
    return json_pack (
        "{s:o s:I s:s s:o s:o s:s s:s s:i s:o s:o s:I s:o s:s}", "id",
        with_id ? json_string (lease->id) : json_null (), "owner", (json_int_t) lease->order.owner, "state",
        lease_state_name (lease), "container", container_to_json (&lease->order.container), "gpu",
        lease->gpus ? json_string (names) : json_null (), "access", access_name (req->access), "class",
        class_name (req->class), "slots", (int) req->slots, "share",
        req->share ? json_integer (req->share) : json_null (), "pid",
        lease->pid ? json_integer (lease->pid) : json_null (), "since", (json_int_t) lease->since, "ready",
        readiness_to_json (lease), "reason", lease_reason (lease));
}
