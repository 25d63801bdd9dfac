/* Whose turn it is: Acquires that wait, containers that were put off and are started when there is a GPU for
 * them, and running ones that had to start without.  */
#ifndef DRI_TURNS_H
#define DRI_TURNS_H

#include "leasing.h"

/* Takes the order over. answer() is called before or after this returns. Not detached: the end of the client
 * (leasing_client_gone) ends the grant, until it is active.  */
void turns_acquire (struct leasing *l, void *client, struct order *order, bool detached);

/* When it is the turn of this order, as of arbiter_turn().  */
uint64_t turns_of (const struct leasing *l, const struct order *order);

/* Everybody in turn; whom an earlier one still waits for is reserved.  */
void turns_run (struct leasing *l);

/* Has the container started later (dri.on-failure=defer): when it may have a GPU, or after a rest, where no
 * change of the GPUs may mend what failed. Takes the order over, unless this is false: a container that
 * cannot be put off, or too many.  */
bool turns_put_off (struct leasing *l, struct order *order, const char *reason, bool rest);
/* Forgets a container that was put off.  */
void turns_forget (struct leasing *l, struct waiter *waiter);
/* Of one that was taken out of the queue: unless it is in there again, the journal forgets it. After what
 * came of it is in the journal: a broker that is killed in between has it started again.  */
void turns_settled (struct leasing *l, const struct waiter *taken);
/* Its container runs. A broker that was killed right after the grant left it put off.  */
void turns_started (struct leasing *l, const struct lease *lease);
/* The GPUs changed: what failed before may not fail any more.  */
void turns_try_again (struct leasing *l);

/* Is an Acquire of this client in the queue?  */
bool turns_client_waits (const struct leasing *l, const void *client);
/* True where it was.  */
bool turns_client_gone (struct leasing *l, const void *client);

/* Gives up for those who waited long enough.  */
void turns_expire (struct leasing *l, uint64_t now);
/* When it has to be looked at again: CLOCK_MONOTONIC, µs; 0: never.  */
uint64_t turns_next (const struct leasing *l, uint64_t now);

#endif
