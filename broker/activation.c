#include "activation.h"

#include <stdio.h>
#include <string.h>

#include "follow.h"
#include "gauge.h"
#include "herald.h"
#include "meter.h"
#include "record.h"
#include "revocation.h"
#include "throttle.h"
#include "turns.h"

/* A container may be in a group that is not its own (podman run --cgroups=disabled): engines name theirs
 * after the container.  */
static bool
is_of (const char *cgroup, const struct container *container)
{
    return container->id[0] && strstr (cgroup, container->id);
}

/* The container of another user than root has no device filter of its own, since setting one takes
 * CAP_SYS_ADMIN of the host. Nor can it make nodes: its directory is all that it has.  */
static void
find_cgroups (struct lease *lease)
{
    const struct container *container = &lease->order.container;
    struct error err;

    lease->cgroup[0] = lease->freezer[0] = '\0';
    lease->shared = false;
    if (lease->order.owner != 0)
        return;
    if (cgroup_of (lease->pid, "freezer", lease->freezer, sizeof lease->freezer, &err) < 0
        || !is_of (lease->freezer, container))
        lease->freezer[0] = '\0';
    if (cgroup_of (lease->pid, "devices", lease->cgroup, sizeof lease->cgroup, &err) == 0) {
        lease->shared = follow_shares_group (lease);
        return;
    }
    (void) fprintf (stderr, "container %s: %s\n", container_label (container), err.message);
    /* One that cannot be opened: a filter that has to change later is then known not to.  */
    (void) snprintf (lease->cgroup, sizeof lease->cgroup, "..");
}

int
activation_begin (struct leasing *l, struct lease *lease, pid_t pid, uint64_t start, struct error *err)
{
    const struct lease *revoked =
        lease->state == LEASE_REVOKED ? lease : revocation_find (l, &lease->order, pid);

    if (revoked)
        return error_set (err, 0, "it has to be started anew: %s", revoked->decision);
    if (leasing_watch (l, lease, pid, start, err) < 0)
        return -1;
    lease->state = lease->gpus ? LEASE_ACTIVE : LEASE_WITHOUT;
    meter_begin (l->meter, lease);
    l->some_without |= lease->gpus == 0;
    leasing_let_go (l, lease);
    find_cgroups (lease);
    /* What config.json allows is of the time of the grant.  */
    if (lease->moved)
        follow_gpus (l, lease);
    if (journal_append_text (&l->journal, record_activate (lease), err) < 0)
        return -1;
    turns_started (l, lease);
    throttle_admit (l->throttle, lease);
    gauge_follow (l->gauge);
    herald_lease (l, EVENT_ACTIVATED, lease, NULL);
    return 0;
}

void
activation_report (struct leasing *l, struct lease *lease, enum request_ready level, bool ok,
                   const char *reason)
{
    if (lease->state == LEASE_REVOKED)
        return;
    lease->level = level;
    lease->ready = ok;
    (void) snprintf (lease->verdict, sizeof lease->verdict, "%s", reason);
    text_clean (lease->verdict);
    herald_lease (l, ok ? EVENT_READY : EVENT_NOT_READY, lease, lease->verdict);
    if (!ok && lease->order.request.on_failure == FAILURE_START_WITHOUT) {
        lease->gpus = 0;
        lease->state = LEASE_WITHOUT;
        (void) snprintf (lease->decision, sizeof lease->decision, "%s", reason);
        text_clean (lease->decision);
    }
    /* Before its device filter: the next broker would not know that it has to be set again.  */
    (void) leasing_note (l, record_report (lease));
    if (lease->gpus == 0) {
        follow_gpus (l, lease);
        turns_run (l);
    }
}
