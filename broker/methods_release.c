#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "herald.h"
#include "meter.h"
#include "methods_parts.h"
#include "revocation.h"
#include "turns.h"

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

static bool
forget_put_off (struct leasing *l, const char *container, bool exact)
{
    for (struct waiter *w = queue_next (&l->queue, NULL); w; w = queue_next (&l->queue, w))
        if (w->kind != WAITER_CLIENT
            && (exact ? w->order.owner == 0 && strcmp (w->order.container.id, container) == 0
                      : container_is (&w->order.container, container))) {
            herald_order (l, EVENT_CANCELLED, &w->order, "drictl release");
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
    const struct refusal *refusal = id && !lease ? refusals_find (m->leasing, id) : NULL;

    if (lease && methods_may_touch (c, &lease->order))
        return lease;
    if (refusal && methods_may_touch (c, &refusal->order)) {
        connection_reply_text (c, release_reply (refusal->reason, ""));
        return NULL;
    }
    if (!container)
        return methods_named_lease (m, c, parameters);
    lease = exact ? lease_find_exact (&m->leasing->leases, container, c->uid)
                  : lease_find_container (&m->leasing->leases, container, c->uid);
    if (!lease && c->uid == 0 && forget_put_off (m->leasing, container, exact))
        connection_reply_text (c, release_reply ("", ""));
    else if (!lease)
        methods_fail (c, "NoSuchContainer", "no container of this name or id has a lease (drictl status)");
    return lease;
}

/* Of what a user has open nobody knows: only the device filter of a group tells whose processes these are,
 * and his have none.  */
static void
say_what_he_keeps (uid_t owner, char *note, size_t size)
{
    note[0] = '\0';
    if (owner != 0)
        (void) snprintf (note, size,
                         "user %u may have kept the GPU open in some program: end his processes to be sure "
                         "(loginctl terminate-user %u)",
                         (unsigned) owner, (unsigned) owner);
}

static void
fail_shut (struct connection *c)
{
    methods_fail (
        c, "Refused",
        "its /dev/dri is empty, but its device filter could not be changed (journalctl -u dri-broker): "
        "stop it to be sure");
}

/* The reply to all who wait for what is open of this lease.  */
void
methods_on_looked (void *userdata, const struct lease *lease)
{
    struct methods *m = userdata;

    for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *c = &m->server->connections[i];
        char note[256];

        if (m->revoking[i] != lease)
            continue;
        m->revoking[i] = NULL;
        say_what_he_keeps (lease->order.owner, note, sizeof note);
        if (lease->shut)
            fail_shut (c);
        else
            connection_reply (c, NULL,
                              json_pack ("{s:s s:s s:b s:o}", "reason", lease->ready ? "" : lease->verdict,
                                         "note", note, "revoked", 1, "open",
                                         meter_holders (m->leasing->meter, lease)));
    }
}

static void
take_away (struct methods *m, struct connection *c, struct lease *lease)
{
    struct revocation *r = m->leasing->revocation;
    const struct lease **waits = &m->revoking[c - m->server->connections];
    char reason[96];

    *waits = lease;
    if (c->uid == 0)
        (void) snprintf (reason, sizeof reason, "taken away by root (drictl release --force)");
    else
        (void) snprintf (reason, sizeof reason, "taken away by user %u (drictl release --force)",
                         (unsigned) c->uid);
    if (lease->state == LEASE_REVOKED) {
        revocation_look (r, lease);
    } else {
        revocation_revoke (r, lease, reason);
        turns_run (m->leasing);
    }
    if (*waits)
        connection_wait (c);
}

/* So that another lease can be had, by root's attaching it.  */
static void
detach (struct methods *m, struct connection *c, struct lease *lease)
{
    bool shut;

    lease->detached = true;
    /* In the journal before its device filter changes: a broker killed in between leaves it revoked.  */
    revocation_revoke (m->leasing->revocation, lease, "detached by root (drictl detach)");
    shut = lease->shut;
    leasing_release (m->leasing, lease, "detached by root (drictl detach)");
    if (shut)
        fail_shut (c);
    else
        connection_reply_text (c, release_reply ("", ""));
}

static bool
is_running (const struct lease *lease)
{
    struct pollfd p = {.fd = lease->pidfd, .events = POLLIN};

    return lease->pidfd >= 0 && poll (&p, 1, 0) == 0;
}

/* Force is the word of a door whose container has ended, or will in a moment. Of others than root it is not
 * taken for more than it is: they could go on with a GPU whose slot is another's.  */
void
method_release (struct methods *m, struct connection *c, json_t *parameters)
{
    struct lease *lease = lease_to_release (m, c, parameters);
    const bool force = json_is_true (json_object_get (parameters, "force"));
    char reason[sizeof lease->verdict];

    if (!lease)
        return;
    if (lease->pidfd >= 0 && c->uid == 0 && json_is_true (json_object_get (parameters, "detach"))) {
        detach (m, c, lease);
        return;
    }
    if (lease->pidfd >= 0
        && (json_is_true (json_object_get (parameters, "revoke"))
            || (force && c->uid != 0 && is_running (lease)))) {
        take_away (m, c, lease);
        return;
    }
    if (lease->pidfd >= 0 && !force) {
        methods_fail (c, "LeaseInUse",
                      "the container is running; stop it, or take its GPU away with --force");
        return;
    }
    (void) snprintf (reason, sizeof reason, "%s", lease->ready ? "" : lease->verdict);
    leasing_release (m->leasing, lease, force ? "its container has ended" : "drictl release");
    connection_reply_text (c, release_reply (reason, ""));
}
