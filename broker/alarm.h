/* One timer for many deadlines, lazy: an earlier deadline moves it, a deadline that falls away does not, so
 * that a grant that is taken up in time costs no system call. Nothing to wait for: it is off.  */
#ifndef DRI_ALARM_H
#define DRI_ALARM_H

#include <stdint.h>
#include <systemd/sd-event.h>

#include "../oci/error.h"

struct alarm {
    sd_event_source *source;                         /* owned */
    uint64_t at;                                     /* CLOCK_MONOTONIC, µs; 0: off */
    uint64_t (*ring) (void *userdata, uint64_t now); /* does what is due, returns the next deadline or 0 */
    void *userdata;
};

int alarm_init (struct alarm *alarm, sd_event *event, uint64_t (*ring) (void *userdata, uint64_t now),
                void *userdata, struct error *err);
void alarm_need (struct alarm *alarm, uint64_t at);
void alarm_finish (struct alarm *alarm);

/* CLOCK_MONOTONIC in µs.  */
uint64_t alarm_now (void);

#endif
