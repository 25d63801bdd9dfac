#include "revocation.h"

#include <stdio.h>
#include <string.h>

#include "../oci/cleanup.h"
#include "follow.h"
#include "herald.h"
#include "policy.h"
#include "record.h"
#include "throttle.h"
#include "turns.h"

static unsigned
index_of (const struct revocation *r, const struct lease *lease)
{
    return (unsigned) (lease - r->leasing->leases.table);
}

/* "ffmpeg (pid 4711) and vainfo (pid 4712)"; "" where there is nobody.  */
static void
name_holders (const json_t *holders, char *text, size_t size)
{
    const json_t *holder;
    size_t i, len = 0;

    text[0] = '\0';
    json_array_foreach ((json_t *) holders, i, holder) {
        const char *command = json_string_value (json_object_get (holder, "command"));

        if (len < size)
            len += (size_t) snprintf (text + len, size - len, "%s%s (pid %d)", i > 0 ? ", " : "",
                                      command && *command ? command : "a process",
                                      (int) json_integer_value (json_object_get (holder, "pid")));
    }
}

static void
tell (struct revocation *r, const struct lease *lease)
{
    _cleanup_json_ json_t *holders = meter_holders (r->leasing->meter, lease);
    char names[400], reason[512];

    name_holders (holders, names, sizeof names);
    (void) snprintf (reason, sizeof reason, "%s: open until then, stop it to be sure", names);
    if (names[0])
        herald_lease (r->leasing, EVENT_STILL_OPEN, lease, reason);
    r->looked (r->userdata, lease);
}

/* A look that was under way when the lease was revoked knows nothing of it.  */
static void
on_metered (void *userdata, bool fresh)
{
    struct revocation *r = userdata;
    const struct lease *lease;
    bool again = false;

    leases_foreach (&r->leasing->leases, lease) {
        bool *wanted = &r->wanted[index_of (r, lease)];

        if (!*wanted)
            continue;
        if (fresh && !meter_looked_for (r->leasing->meter, lease)) {
            again = true;
            continue;
        }
        *wanted = false;
        tell (r, lease);
    }
    if (again)
        meter_read (r->leasing->meter, &r->reader);
}

void
revocation_start (struct revocation *r)
{
    r->reader = (struct meter_reader){.done = on_metered, .userdata = r};
    meter_add_reader (r->leasing->meter, &r->reader);
}

void
revocation_look (struct revocation *r, const struct lease *lease)
{
    r->wanted[index_of (r, lease)] = true;
    meter_read (r->leasing->meter, &r->reader);
}

void
revocation_forget (struct revocation *r, const struct lease *lease)
{
    bool *wanted = &r->wanted[index_of (r, lease)];

    if (!*wanted)
        return;
    *wanted = false;
    r->looked (r->userdata, lease);
}

/* Still comes whole, whatever the reason.  */
static void
decide (struct lease *lease, const char *reason, const char *still)
{
    (void) snprintf (lease->decision, sizeof lease->decision, "%.*s%s",
                     (int) (sizeof lease->decision - 1 - strlen (still)), reason, still);
    text_clean (lease->decision);
}

/* What closing its nodes does not keep a root of the container from.  */
static const char *
what_still (const struct lease *lease)
{
    if (lease->shut)
        return "; its device filter could not be changed: stop it to be sure";
    if (lease->order.owner == 0 && !follow_has_filter (lease))
        return "; it has no device filter of its own, and a root in it may make the node anew: stop it to be "
               "sure";
    return "";
}

/* The journal comes first: a broker that is killed in between leaves it to the next one, who finds a
 * directory that is not empty.  */
void
revocation_revoke (struct revocation *r, struct lease *lease, const char *reason)
{
    struct leasing *l = r->leasing;
    const uint32_t had = lease->gpus;

    lease->state = LEASE_REVOKED;
    lease->gpus = 0;
    l->some_revoked = true;
    decide (lease, reason, "");
    (void) leasing_note (l, record_revoke (lease));
    throttle_dismiss (l->throttle, lease);
    meter_forget (l->meter, lease);
    follow_own_group (lease);
    lease->moved = true;
    follow_gpus (l, lease);
    decide (lease, reason, what_still (lease));
    herald_gpus (l, EVENT_REVOKED, lease, had, lease->decision);
    revocation_look (r, lease);
}

/* False: the table has changed.  */
static bool
check_lease (struct revocation *r, struct lease *lease)
{
    struct leasing *l = r->leasing;
    char reason[sizeof lease->decision];
    struct error why;

    if (lease->state == LEASE_REVOKED || policy_still_allows (l->policy, l->gpus, lease, &why))
        return true;
    (void) snprintf (reason, sizeof reason, "the configuration does not allow it any more: %.190s",
                     why.message);
    (void) fprintf (stderr, "container %s: its GPU is taken away: %s\n",
                    container_label (&lease->order.container), reason);
    if (lease->pidfd >= 0) {
        revocation_revoke (r, lease, reason);
        return true;
    }
    leasing_release (l, lease, reason);
    return false;
}

static void
check_leases (struct revocation *r, bool all)
{
    struct leases *leases = &r->leasing->leases;
    unsigned i = 0;

    while (i < leases->n) {
        struct lease *lease = &leases->table[leases->order[i]];

        i = !(all || lease->lost) || check_lease (r, lease) ? i + 1 : 0;
    }
}

void
revocation_check_policy (struct revocation *r)
{
    check_leases (r, true);
}

void
revocation_check_returned (struct revocation *r)
{
    check_leases (r, false);
}

const struct lease *
revocation_find (const struct leasing *l, const struct order *order, pid_t pid)
{
    const struct lease *lease;

    if (!l->some_revoked)
        return NULL;
    leases_foreach (&l->leases, lease) {
        if (lease->state == LEASE_REVOKED && lease->order.owner == order->owner
            && ((pid != 0 && lease->pid == pid)
                || (order->container.id[0] && strcmp (lease->order.container.id, order->container.id) == 0)))
            return lease;
    }
    return NULL;
}
