#include "follow.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "herald.h"
#include "process.h"
#include "scope.h"
#include "throttle.h"

struct layout *
follow_layout (struct leasing *l, const struct lease *lease)
{
    static struct layout layout;
    struct error ignored;

    return layout_make (&layout, l->gpus, lease->gpus, &lease->order, &ignored) < 0 ? NULL : &layout;
}

static bool
is_whole (const struct leasing *l, const struct lease *lease)
{
    return (lease->gpus & ~gpus_present (l->gpus)) == 0;
}

bool
follow_shares_group (const struct lease *lease)
{
    const pid_t parent = process_parent (lease->pid);
    char parents[CGROUP_PATH_MAX];
    struct error ignored;

    return parent != 0 && cgroup_of (parent, "devices", parents, sizeof parents, &ignored) == 0
           && strcmp (parents, lease->cgroup) == 0;
}

bool
follow_has_filter (const struct lease *lease)
{
    return !lease->shared && lease->cgroup[0] != '\0' && strcmp (lease->cgroup, "/") != 0;
}

void
follow_own_group (struct lease *lease)
{
    if (!follow_has_filter (lease))
        lease->cgroup[0] = '\0';
}

static int
set_group (struct leasing *l, const struct lease *lease, const char *group,
           const struct device_number *devices, unsigned n, struct error *err)
{
    return lease->state == LEASE_REVOKED && !lease->detached
               ? warden_shut_drm (l->warden, group, err)
               : warden_set_drm (l->warden, group, devices, n, err);
}

/* A root in the container may have put its processes into a group of its own, and may take them to another,
 * but not out of the one that its engine made. What that one is refused none below it may open, but what it
 * may open they need not: v1 hands down only what is taken away, and on v2 crun has a program of its own in
 * the group below.  */
static int
set_groups (struct leasing *l, const struct lease *lease, const struct device_number *devices, unsigned n,
            struct error *err)
{
    const size_t len = cgroup_engines_part (lease->cgroup, lease->order.container.id);
    const bool below = len > 0 && lease->cgroup[len] != '\0';
    char engines[CGROUP_PATH_MAX];

    (void) snprintf (engines, sizeof engines, "%.*s", (int) len, lease->cgroup);
    if (below && set_group (l, lease, engines, devices, n, err) < 0)
        return -1;
    /* The one below may be gone with its last process.  */
    return set_group (l, lease, lease->cgroup, devices, n, err) < 0 && !(below && err->status == ENOENT) ? -1
                                                                                                         : 0;
}

/* layout NULL: no device at all.  */
static void
set_filter (struct leasing *l, struct lease *lease, const struct layout *layout)
{
    struct device_number devices[GRANT_NODES_MAX];
    unsigned n = layout ? layout->n_nodes : 0;
    struct error err;

    lease->shut = false;
    if (!follow_has_filter (lease))
        return;
    for (unsigned i = 0; i < n; i++)
        devices[i] = (struct device_number){layout->nodes[i].node.major, layout->nodes[i].node.minor};
    lease->shut = set_groups (l, lease, devices, n, &err) < 0;
    if (lease->shut)
        (void) fprintf (
            stderr,
            "container %s: its device filter does not follow its GPU, it has to be started anew: %s\n",
            container_label (&lease->order.container), err.message);
    else
        scope_allow (l->event, lease->cgroup, lease->order.container.id, devices, n);
}

/* What the directory shows is made what it should show: the number of a GPU that is gone may be another's by
 * now, its nodes go at once and come back with it, under whatever number. The filter comes first: a directory
 * that is right tells a broker that was killed in between that the filter is.  */
static void
follow (struct leasing *l, struct lease *lease)
{
    const struct layout *layout = follow_layout (l, lease);
    struct error err;

    lease->lost = !is_whole (l, lease);
    throttle_admit (l->throttle, lease);
    if (!lease->moved && layout && leasedir_shows (&l->dir, lease->id, layout))
        return;
    /* Without a process there is no group yet.  */
    lease->moved = lease->pid == 0;
    if (!lease->moved)
        set_filter (l, lease, layout);
    leasedir_empty (&l->dir, lease->id);
    /* Empty, it makes the next broker try again.  */
    if (lease->shut)
        return;
    if (layout && leasedir_fill (&l->dir, lease->id, layout, &err) < 0)
        (void) fprintf (stderr, "container %s: %s\n", container_label (&lease->order.container), err.message);
}

void
follow_gpus (struct leasing *l, struct lease *lease)
{
    const bool was = lease->lost || lease->shut;

    follow (l, lease);
    if (lease->state != LEASE_REVOKED && was != (lease->lost || lease->shut))
        herald_lease (l, was ? EVENT_RETURNED : EVENT_LOST, lease, NULL);
}
