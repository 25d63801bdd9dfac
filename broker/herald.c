#include "herald.h"

#include <time.h>

static int64_t
now_ms (void)
{
    struct timespec t;

    (void) clock_gettime (CLOCK_REALTIME, &t);
    return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
add (struct leasing *l, struct event_facts facts, const struct order *order, uint32_t gpus)
{
    char names[128];

    gpus_names (l->gpus, gpus, names, sizeof names);
    facts.gpu = names;
    facts.time_ms = now_ms ();
    facts.owner = order->owner;
    facts.container = &order->container;
    events_add (&l->events, &facts);
}

void
herald_gpus (struct leasing *l, enum event_kind kind, const struct lease *lease, uint32_t gpus,
             const char *reason)
{
    add (l, (struct event_facts){.kind = kind, .lease = lease->id, .reason = reason}, &lease->order, gpus);
}

void
herald_lease (struct leasing *l, enum event_kind kind, const struct lease *lease, const char *reason)
{
    herald_gpus (l, kind, lease, lease->gpus, reason ? reason : lease_reason (lease));
}

void
herald_order (struct leasing *l, enum event_kind kind, const struct order *order, const char *reason)
{
    add (l, (struct event_facts){.kind = kind, .reason = reason}, order, 0);
}

void
herald_queued (struct leasing *l, const struct waiter *waiter)
{
    unsigned position = 1;

    for (const struct waiter *w = queue_next (&l->queue, NULL); w && w != waiter;
         w = queue_next (&l->queue, w))
        position++;
    add (l, (struct event_facts){.kind = EVENT_QUEUED, .position = position, .reason = waiter->reason},
         &waiter->order, waiter->candidates);
}
