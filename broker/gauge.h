/* How busy the GPUs are, for placement. With one GPU there is no choice, and nothing is looked at. With more,
 * and while somebody uses one, the meter looks now and then; nobody waits for what it finds.  */
#ifndef DRI_GAUGE_H
#define DRI_GAUGE_H

#include "alarm.h"
#include "meter.h"
#include "placement.h"

struct gauge {
    struct meter *meter; /* set by the caller, as leases and gpus */
    const struct leases *leases;
    const struct gpus *gpus;
    struct alarm alarm;
    struct meter_reader reader;
};

int gauge_start (struct gauge *gauge, sd_event *event, struct error *err);
void gauge_finish (struct gauge *gauge);

/* A lease has become active, or the GPUs have changed: there may be something to look at now.  */
void gauge_follow (struct gauge *gauge);

/* False: there is no choice, or no figure that is recent.  */
bool gauge_read (const struct gauge *gauge, struct load *load);

#endif
