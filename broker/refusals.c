#include "refusals.h"

#include <stdio.h>
#include <string.h>

#include "leasing.h"

static unsigned
after (unsigned slot)
{
    return (slot + 1) % REFUSALS_MAX;
}

/* The oldest of those that other users than root have, where that is as many as they can; else
 * REFUSALS_MAX.  */
static unsigned
oldest_to_spare (const struct leasing *l)
{
    unsigned oldest = REFUSALS_MAX, n = 0;

    for (unsigned i = REFUSALS_MAX; i-- > 0;) {
        unsigned slot = (l->next_refusal + i) % REFUSALS_MAX;

        if (l->refusals[slot].order.parameters && l->refusals[slot].order.owner != 0) {
            oldest = slot;
            n++;
        }
    }
    return n < REFUSALS_UNPRIVILEGED_MAX ? REFUSALS_MAX : oldest;
}

/* The ring is in the order of time: where one in the middle goes, those behind it move up.  */
static struct refusal *
new_refusal (struct leasing *l, uid_t owner)
{
    unsigned slot = owner != 0 ? oldest_to_spare (l) : REFUSALS_MAX;

    if (slot == REFUSALS_MAX) {
        slot = l->next_refusal;
        l->next_refusal = after (slot);
        order_finish (&l->refusals[slot].order);
        return &l->refusals[slot];
    }
    order_finish (&l->refusals[slot].order);
    for (; after (slot) != l->next_refusal; slot = after (slot))
        l->refusals[slot] = l->refusals[after (slot)];
    return &l->refusals[slot];
}

void
refusals_add (struct leasing *l, struct order *order, const char *lease, const char *reason)
{
    struct refusal *refusal = new_refusal (l, order->owner);

    refusal->order = *order;
    order->parameters = NULL;
    (void) snprintf (refusal->lease, sizeof refusal->lease, "%s", lease);
    (void) snprintf (refusal->reason, sizeof refusal->reason, "%s", reason);
    text_clean (refusal->reason); /* it may be cut in the middle of a character */
}

const struct refusal *
refusals_find (const struct leasing *l, const char *lease)
{
    for (unsigned i = 0; i < REFUSALS_MAX; i++)
        if (l->refusals[i].lease[0] && strcmp (l->refusals[i].lease, lease) == 0)
            return &l->refusals[i];
    return NULL;
}

const struct refusal *
refusals_get (const struct leasing *l, unsigned i)
{
    return &l->refusals[(l->next_refusal + REFUSALS_MAX - 1 - i) % REFUSALS_MAX];
}
