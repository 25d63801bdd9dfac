/* Looks, when somebody wants to know, at what the running leases have of their GPUs. Nobody asks: nothing is
 * read.  */
#ifndef DRI_METER_H
#define DRI_METER_H

#include <jansson.h>

#include "alarm.h"
#include "gpu.h"
#include "lease.h"
#include "observer.h"
#include "usage.h"

struct meter_reader {
    void (*done) (void *userdata, bool fresh); /* not fresh: the figures are those of before */
    void *userdata;
    bool waits;
    struct meter_reader *next;
};

/* A process of a revoked lease's container that has a GPU open still.  */
struct meter_holder {
    unsigned lease; /* its index */
    int pid;
    char comm[OBSERVED_COMM_MAX]; /* made safe */
};

struct meter {
    const struct leases *leases; /* set by the caller, as gpus */
    const struct gpus *gpus;
    struct observer observer;
    struct usage usage;
    struct meter_reader *readers;
    struct alarm alarm;
    bool gone[LEASES_MAX];   /* since the look that is under way began */
    bool looked[LEASES_MAX]; /* the look that is under way, or the last, was for who has its GPU open */
    struct meter_holder holders[OBSERVED_HOLDERS_MAX];
    unsigned n_holders;
};

/* See child.h: the child is made early, the rest when there is an event loop.  */
int meter_start (struct meter *meter, bool simulated, struct error *err);
int meter_watch (struct meter *meter, sd_event *event, struct error *err);
void meter_finish (struct meter *meter);

/* The caller has set done and userdata; the reader is to live as long as the meter.  */
void meter_add_reader (struct meter *meter, struct meter_reader *reader);
/* Calls the reader's done when the figures are those of now, or not fresh after a second without an answer.
 */
void meter_read (struct meter *meter, struct meter_reader *reader);

/* The lease has become active now; it has ended.  */
void meter_begin (struct meter *meter, const struct lease *lease);
void meter_forget (struct meter *meter, const struct lease *lease);

/* Was the last look for this revoked lease's open files? Or cannot be.  */
bool meter_looked_for (const struct meter *meter, const struct lease *lease);
/* An array of {"pid", "command"}, the caller's: who had a GPU open then, in the group of a revoked lease.  */
json_t *meter_holders (const struct meter *meter, const struct lease *lease);

/* Puts "engines", "memory", "busy" (seconds that engines worked, since the lease or the broker began) and
 * "over" (seconds: what time the engines' figures are the mean of) into the object of a lease, or of a GPU,
 * as sums over its leases.  */
void meter_add_lease (const struct meter *meter, const struct lease *lease, json_t *object);
void meter_add_gpu (const struct meter *meter, unsigned gpu, json_t *object);

#endif
