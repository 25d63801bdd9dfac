/* What happened to containers and their GPUs, lately: the last events, and how far each of those who watch
 * has read in them. Plain data, no clock, no I/O.
 *
 * Nobody who watches can hold anything up: whoever reads more slowly than events go is told how many he
 * missed, and costs no more memory for it. Other users than root cannot make root's events go faster than
 * by what they may have at most.  */
#ifndef DRI_EVENTS_H
#define DRI_EVENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../oci/container.h"
#include "../oci/writer.h"

enum { EVENTS_MAX = 256, EVENTS_UNPRIVILEGED_MAX = 128, EVENTS_REPLY_MAX = 32 };

enum event_kind {
    EVENT_QUEUED,     /* its start waits for a GPU */
    EVENT_CANCELLED,  /* who waited has gone, or a put-off container was forgotten */
    EVENT_REFUSED,    /* it gets none */
    EVENT_PUT_OFF,    /* later, by its engine */
    EVENT_STARTING,   /* its engine has been asked to start it */
    EVENT_GRANTED,    /* it has a lease; without a GPU where "gpu" is null */
    EVENT_ACTIVATED,  /* a process has taken it up */
    EVENT_READY,      /* the readiness gate has let it pass */
    EVENT_NOT_READY,  /* or has not */
    EVENT_THROTTLED,  /* from now on stopped for moments */
    EVENT_PARKED,     /* it stands still */
    EVENT_RESUMED,    /* the end of either */
    EVENT_LOST,       /* its GPU is gone, or its device filter does not follow */
    EVENT_RETURNED,   /* and is back */
    EVENT_REVOKED,    /* taken away while it runs */
    EVENT_STILL_OPEN, /* what it has open of that all the same */
    EVENT_RELEASED,   /* the end of the lease */
    EVENT_KINDS,
};

/* All borrowed; NULL where there is none. Texts may be anybody's: what is kept of them is clean, and cut.  */
struct event_facts {
    enum event_kind kind;
    int64_t time_ms; /* since the epoch */
    uid_t owner;
    const struct container *container;
    const char *gpu, *lease, *reason;
    unsigned position; /* in the queue, from 1; 0: not queued */
};

struct event;

struct events {
    struct event *kept[EVENTS_MAX]; /* owned, the oldest first */
    unsigned n;
    uint64_t next;                  /* the number of the next event; the first has 0 */
    void (*added) (void *userdata); /* NULL: nobody watches */
    void *userdata;
};

/* Who watches, and where he is.  */
struct event_reader {
    uid_t uid;
    bool sees_all; /* else what is his own */
    uint64_t at;   /* the number of the event that he gets next, or of one before it that is gone */
    uint64_t came; /* the number of the next event when he began */
};

void events_add (struct events *events, const struct event_facts *facts);
void events_finish (struct events *events);

/* Begins so many events back, of those that he may see.  */
void events_begin (const struct events *events, struct event_reader *reader, unsigned last);

/* Appends the events from his place on, as a JSON array, max of them at most, and moves him on. False: there
 * is nothing for him, and nothing was written. Ids of leases are told to whom they are.  */
bool events_read (const struct events *events, struct event_reader *reader, unsigned max, struct writer *w);

/* "granted".  */
const char *event_kind_name (enum event_kind kind);

#endif
