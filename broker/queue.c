#include "queue.h"

#include <string.h>

static bool
is_put_off (enum waiter_kind kind)
{
    return kind == WAITER_PUT_OFF || kind == WAITER_STARTING;
}

static bool
is_full (const struct queue *queue, enum waiter_kind kind)
{
    return is_put_off (kind) ? queue->n[WAITER_PUT_OFF] + queue->n[WAITER_STARTING] >= QUEUE_PUT_OFF_MAX
                             : queue->n[WAITER_CLIENT] >= QUEUE_CLIENTS_MAX;
}

struct waiter *
queue_add (struct queue *queue, const struct waiter *waiter)
{
    struct waiter *place = queue->waiters;

    if (is_full (queue, waiter->kind))
        return NULL;
    while (place->kind != WAITER_NONE)
        place++;
    *place = *waiter;
    place->sequence = queue->next_sequence++;
    queue->n[place->kind]++;
    return place;
}

struct waiter
queue_take (struct queue *queue, struct waiter *waiter)
{
    struct waiter taken = *waiter;

    queue->n[waiter->kind]--;
    waiter->kind = WAITER_NONE;
    waiter->client = NULL;
    waiter->order.parameters = NULL;
    return taken;
}

void
queue_set_kind (struct queue *queue, struct waiter *waiter, enum waiter_kind kind)
{
    queue->n[waiter->kind]--;
    queue->n[kind]++;
    waiter->kind = kind;
}

static bool
comes_before (const struct waiter *a, const struct waiter *b)
{
    return a->turn < b->turn || (a->turn == b->turn && a->sequence < b->sequence);
}

static bool
is_empty (const struct queue *queue)
{
    return queue->n[WAITER_CLIENT] + queue->n[WAITER_PUT_OFF] + queue->n[WAITER_STARTING] == 0;
}

struct waiter *
queue_next (struct queue *queue, const struct waiter *after)
{
    struct waiter *next = NULL;

    for (unsigned i = 0; i < QUEUE_MAX && !is_empty (queue); i++) {
        struct waiter *w = &queue->waiters[i];

        if (w->kind != WAITER_NONE && (!after || comes_before (after, w))
            && (!next || comes_before (w, next)))
            next = w;
    }
    return next;
}

struct waiter *
queue_find_put_off (struct queue *queue, const char *container_id)
{
    for (unsigned i = 0; i < QUEUE_MAX && queue->n[WAITER_PUT_OFF] + queue->n[WAITER_STARTING] > 0; i++) {
        struct waiter *w = &queue->waiters[i];

        if (is_put_off (w->kind) && strcmp (w->order.container.id, container_id) == 0)
            return w;
    }
    return NULL;
}

bool
queue_keeps (const struct queue *queue, const char *container_id)
{
    for (unsigned i = 0; i < QUEUE_MAX; i++) {
        const struct waiter *w = &queue->waiters[i];

        if (w->kind != WAITER_NONE && w->kept && strcmp (w->order.container.id, container_id) == 0)
            return true;
    }
    return false;
}

bool
queue_may_keep (const struct queue *queue)
{
    unsigned n = 0;

    for (const struct waiter *w = queue->waiters; w < queue->waiters + QUEUE_MAX; w++)
        n += w->kind != WAITER_NONE && w->kept;
    return n < QUEUE_PUT_OFF_MAX;
}

uint32_t
queue_reserved_before (const struct queue *queue, uint64_t turn)
{
    uint32_t reserved = 0;

    for (unsigned i = 0; i < QUEUE_MAX && queue->n[WAITER_CLIENT] > 0; i++) {
        const struct waiter *w = &queue->waiters[i];

        if (w->kind == WAITER_CLIENT && w->turn <= turn)
            reserved |= w->candidates;
    }
    return reserved;
}

const char *
waiter_kind_name (enum waiter_kind kind)
{
    static const char *const names[] = {"none", "waiting", "put off", "starting"};

    return names[kind];
}

void
queue_finish (struct queue *queue)
{
    for (struct waiter *w = queue_next (queue, NULL); w; w = queue_next (queue, NULL)) {
        struct waiter taken = queue_take (queue, w);

        order_finish (&taken.order);
    }
}
