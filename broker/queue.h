/* Those who have not got their GPU yet, in the order of their turns. Plain data: no clock, no I/O.  */
#ifndef DRI_QUEUE_H
#define DRI_QUEUE_H

#include "lease.h"

/* Each client that waits has a connection: some of CONNECTIONS_MAX stay free for those who let go and those
 * who look.  */
enum { QUEUE_CLIENTS_MAX = 64, QUEUE_PUT_OFF_MAX = 64, QUEUE_MAX = QUEUE_CLIENTS_MAX + QUEUE_PUT_OFF_MAX };

enum waiter_kind {
    WAITER_NONE,     /* the entry is unused */
    WAITER_CLIENT,   /* an Acquire whose turn has not come; given up at the deadline */
    WAITER_PUT_OFF,  /* a container whose start failed for now (dri.on-failure=defer); not tried before the
                        deadline */
    WAITER_STARTING, /* one of those, which its engine has been asked to start */
};

struct waiter {
    enum waiter_kind kind;
    void *client;  /* WAITER_CLIENT */
    bool detached; /* WAITER_CLIENT */
    bool kept;     /* in the journal: if the broker dies, the next one has the container started */
    struct order order;
    int64_t since;     /* seconds since the epoch */
    uint64_t sequence; /* order of arrival */
    uint64_t turn;     /* µs: the arrival, and later by its class; the earlier one comes first */
    uint64_t deadline; /* CLOCK_MONOTONIC, µs; 0: none */
    uint32_t candidates;
    char reason[256];
};

struct queue {
    struct waiter waiters[QUEUE_MAX];
    unsigned n[WAITER_STARTING + 1]; /* entries of each kind */
    uint64_t next_sequence;
};

/* Takes the order over. NULL: too many of this kind wait already.  */
struct waiter *queue_add (struct queue *queue, const struct waiter *waiter);

/* Takes the entry out; what it held is the caller's.  */
struct waiter queue_take (struct queue *queue, struct waiter *waiter);

void queue_set_kind (struct queue *queue, struct waiter *waiter, enum waiter_kind kind);

/* By turn, then by arrival: the one after this, after NULL the first; NULL at the end. It need not be there
 * any more.  */
struct waiter *queue_next (struct queue *queue, const struct waiter *after);

/* The one of these kinds whose container has this id. They are all root's: Docker would start them.  */
struct waiter *queue_find_put_off (struct queue *queue, const char *container_id);

/* Is one of any kind kept whose container has this id?  */
bool queue_keeps (const struct queue *queue, const char *container_id);

/* Would one more be taken up again by the next broker? For him they have all been put off.  */
bool queue_may_keep (const struct queue *queue);

/* GPUs for which clients wait whose turn is not after this.  */
uint32_t queue_reserved_before (const struct queue *queue, uint64_t turn);

const char *waiter_kind_name (enum waiter_kind kind);

void queue_finish (struct queue *queue);

#endif
