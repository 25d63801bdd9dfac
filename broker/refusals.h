/* The containers that got nothing, or that the gate turned away: remembered for Explain and for the door,
 * which asks for the reason when its runtime has failed. A ring, the oldest makes room; users other than root
 * push out their own once these are as many as they may have. It is lost when the broker ends.  */
#ifndef DRI_REFUSALS_H
#define DRI_REFUSALS_H

#include "lease.h"

struct leasing;

enum { REFUSALS_MAX = 32, REFUSALS_UNPRIVILEGED_MAX = 8 };

struct refusal {
    struct order order; /* owned; without parameters: the entry is unused */
    char lease[33];     /* "" where it had none */
    char reason[sizeof ((struct lease *) 0)->verdict];
};

/* Takes the order over. lease: its id, "" where it had none. reason is cut where it is too long.  */
void refusals_add (struct leasing *l, struct order *order, const char *lease, const char *reason);

/* Of a lease that the gate turned away; NULL where there is none.  */
const struct refusal *refusals_find (const struct leasing *l, const char *lease);

/* The newest is 0, the oldest REFUSALS_MAX - 1; the entry may be unused.  */
const struct refusal *refusals_get (const struct leasing *l, unsigned i);

#endif
