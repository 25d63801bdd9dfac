#include "alarm.h"

#include <time.h>

uint64_t
alarm_now (void)
{
    struct timespec t;

    (void) clock_gettime (CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

void
alarm_need (struct alarm *alarm, uint64_t at)
{
    if (at == 0 || (alarm->at != 0 && alarm->at <= at))
        return;
    alarm->at = at;
    (void) sd_event_source_set_time (alarm->source, at);
    (void) sd_event_source_set_enabled (alarm->source, SD_EVENT_ONESHOT);
}

static int
on_time (sd_event_source *source, uint64_t usec, void *userdata)
{
    struct alarm *alarm = userdata;

    (void) source;
    (void) usec;
    alarm->at = 0;
    alarm_need (alarm, alarm->ring (alarm->userdata, alarm_now ()));
    return 0;
}

int
alarm_init (struct alarm *alarm, sd_event *event, uint64_t (*ring) (void *userdata, uint64_t now),
            void *userdata, struct error *err)
{
    int r;

    *alarm = (struct alarm){.ring = ring, .userdata = userdata};
    r = sd_event_add_time (event, &alarm->source, CLOCK_MONOTONIC, UINT64_MAX, 50000, on_time, alarm);
    if (r >= 0)
        r = sd_event_source_set_enabled (alarm->source, SD_EVENT_OFF);
    return r < 0 ? error_set (err, -r, "timer") : 0;
}

void
alarm_finish (struct alarm *alarm)
{
    alarm->source = sd_event_source_disable_unref (alarm->source);
}
