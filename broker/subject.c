#include "subject.h"

#include <string.h>

enum { SUBJECTS_MAX = LEASES_MAX + QUEUE_MAX + REFUSALS_MAX };

/* All that there are, by number; the numbers have gaps.  */
static bool
subject_get (const struct leasing *l, unsigned i, struct subject *s)
{
    const struct refusal *refusal;

    if (i < LEASES_MAX) {
        const struct lease *lease = &l->leases.table[i];

        *s = (struct subject){
            .order = &lease->order,
            .lease = lease,
            .state = lease_state_name (lease),
            .reason = lease_reason (lease),
        };
        return lease->state != LEASE_FREE;
    }
    i -= LEASES_MAX;
    if (i < QUEUE_MAX) {
        const struct waiter *waiter = &l->queue.waiters[i];

        *s = (struct subject){
            .order = &waiter->order, .state = waiter_kind_name (waiter->kind), .reason = waiter->reason};
        return waiter->kind != WAITER_NONE;
    }
    i -= QUEUE_MAX;
    refusal = refusals_get (l, i);
    *s = (struct subject){.order = &refusal->order, .state = "refused", .reason = refusal->reason};
    return refusal->order.parameters;
}

bool
viewer_sees (const struct viewer *viewer, const struct order *order)
{
    return viewer->sees_all || order->owner == viewer->uid;
}

bool
viewer_owns (const struct viewer *viewer, const struct order *order)
{
    return viewer->uid == 0 || order->owner == viewer->uid;
}

static bool
is_better (const struct subject *s, const struct subject *than, const struct viewer *viewer)
{
    bool his = s->order->owner == viewer->uid;

    if (!than->order || his != (than->order->owner == viewer->uid))
        return !than->order || his;
    return s->lease && than->lease && s->lease->since > than->lease->since;
}

static bool
is_of_service (const struct container *c, const char *text)
{
    size_t len = strlen (c->project);

    if (c->service[0] == '\0')
        return false;
    if (strcmp (c->service, text) == 0)
        return true;
    return len > 0 && strncmp (text, c->project, len) == 0 && (text[len] == '/' || text[len] == '-')
           && strcmp (text + len + 1, c->service) == 0;
}

static void
add_container (struct subject *subject, const char *label)
{
    for (unsigned i = 0; i < subject->n_containers; i++)
        if (strcmp (subject->containers[i], label) == 0)
            return;
    if (subject->n_containers < SUBJECT_CONTAINERS_MAX)
        subject->containers[subject->n_containers++] = label;
}

void
subject_find (const struct leasing *l, const char *text, const struct viewer *viewer, struct subject *subject)
{
    struct subject named = {0}, served = {0}, s;

    for (unsigned i = 0; i < SUBJECTS_MAX; i++) {
        if (!subject_get (l, i, &s) || !viewer_sees (viewer, s.order))
            continue;
        if (container_is (&s.order->container, text)) {
            if (is_better (&s, &named, viewer))
                named = s;
        } else if (is_of_service (&s.order->container, text)) {
            add_container (&served, container_label (&s.order->container));
            served.order = s.order;
        }
    }
    if (named.order || served.n_containers == 0)
        *subject = named;
    else if (served.n_containers > 1)
        *subject = served;
    else
        subject_find (l, served.containers[0], viewer, subject);
}
