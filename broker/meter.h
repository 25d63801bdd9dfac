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

struct meter {
    const struct leases *leases; /* set by the caller, as gpus */
    const struct gpus *gpus;
    struct observer observer;
    struct usage usage;
    struct meter_reader *readers;
    struct alarm alarm;
    bool gone[LEASES_MAX]; /* since the look that is under way began */
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

/* Puts "engines", "memory" and "over" (seconds: what time the engines' figures are the mean of) into the
 * object of a lease, or of a GPU, as sums over its leases.  */
void meter_add_lease (const struct meter *meter, const struct lease *lease, json_t *object);
void meter_add_gpu (const struct meter *meter, unsigned gpu, json_t *object);

#endif
