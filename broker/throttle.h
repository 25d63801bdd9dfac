/* Who runs and who is frozen: the governor's decisions, and those of the arbiter about parking, put into
 * effect on control groups. The edge of governor.h, with the meter's figures and a clock.
 *
 * Before a group is frozen for the first time the journal says so (leasing_note): whatever becomes of the
 * broker, the next one thaws it. A group that somebody else froze (docker pause) is left alone.  */
#ifndef DRI_THROTTLE_H
#define DRI_THROTTLE_H

#include "alarm.h"
#include "governor.h"
#include "meter.h"

struct leasing;

struct throttle {
    struct leasing *leasing; /* set by the caller */
    struct governor governor;
    struct alarm alarm;
    struct meter_reader reader;
    bool admitted[LEASES_MAX];
    bool frozen[LEASES_MAX]; /* by us, now */
    /* What those who watch were told last, and when it may be taken back: a controller changes its mind
     * often. */
    enum throttle_word { TOLD_NOTHING, TOLD_THROTTLED, TOLD_PARKED } told[LEASES_MAX];
    uint64_t told_until[LEASES_MAX]; /* CLOCK_MONOTONIC, µs */
};

int throttle_start (struct throttle *throttle, sd_event *event, struct error *err);
/* The configuration was read again: who runs is held as it says now, from the beginning.  */
void throttle_configure (struct throttle *throttle);
/* Thaws everybody.  */
void throttle_finish (struct throttle *throttle);

/* The lease has become active, its freezer is known; or its GPUs have changed.  */
void throttle_admit (struct throttle *throttle, struct lease *lease);
/* The same after a start of the broker: thaws what the one before has frozen.  */
void throttle_recover (struct throttle *throttle, struct lease *lease);
/* Its end, or that of its GPUs. The container is thawed.  */
void throttle_dismiss (struct throttle *throttle, struct lease *lease);

/* Parks others until the order has room on these GPUs; a decision has said that it is so.  */
void throttle_make_room (struct throttle *throttle, const struct order *order, uint32_t gpus);
void throttle_wake (struct throttle *throttle, struct lease *lease);

/* "throttled", "parked"; NULL: neither.  */
const char *throttle_state (const struct throttle *throttle, const struct lease *lease);

/* Why its ceiling, or its class, cannot be held; NULL: it can, or there is nothing to hold. For people.  */
const char *throttle_unheld (const struct throttle *throttle, const struct lease *lease);

#endif
