#include "gauge.h"

static const uint64_t interval_us = 20 * UINT64_C (1000000);
/* Three looks: one may be late.  */
static const uint64_t recent_us = 60 * UINT64_C (1000000);

static bool
some_use (const struct leases *leases)
{
    const struct lease *lease;

    leases_foreach (leases, lease) {
        if (lease->state == LEASE_ACTIVE && lease->gpus)
            return true;
    }
    return false;
}

void
gauge_follow (struct gauge *gauge)
{
    if (placement_is_a_choice (gauge->gpus) && some_use (gauge->leases) && gauge->alarm.at == 0)
        alarm_need (&gauge->alarm, alarm_now () + interval_us);
}

static uint64_t
on_alarm (void *userdata, uint64_t now)
{
    struct gauge *gauge = userdata;

    if (!placement_is_a_choice (gauge->gpus) || !some_use (gauge->leases))
        return 0;
    if (!gauge->reader.waits)
        meter_read (gauge->meter, &gauge->reader);
    return now + interval_us;
}

/* What it found is in the meter.  */
static void
on_metered (void *userdata, bool fresh)
{
    (void) userdata;
    (void) fresh;
}

/* Engines of one kind count together, as usage.h has it; below 0: the driver tells nothing of this lease.  */
static bool
add_lease (const struct usage *usage, const struct lease *l, unsigned lease, unsigned gpu,
           double sums[ENGINES])
{
    /* It may be looked at, and has not opened the GPU.  */
    bool known = l->cgroup[0] == '/' && usage->shares[gpu][lease].sum.clients == 0;

    for (unsigned i = 0; i < ENGINES; i++) {
        double rate = usage_rate (usage, lease, gpu, (enum engine) i);

        if (rate < 0)
            continue;
        sums[i] += rate;
        known = true;
    }
    return known;
}

static int
busy (const struct gauge *gauge, unsigned gpu)
{
    double sums[ENGINES] = {0}, most = 0;
    bool known = false, used = false;
    const struct lease *lease;

    leases_foreach (gauge->leases, lease) {
        if (lease->state != LEASE_ACTIVE || !(lease->gpus & (1U << gpu))
            || lease->order.request.access == ACCESS_MONITOR)
            continue;
        used = true;
        known |=
            add_lease (&gauge->meter->usage, lease, (unsigned) (lease - gauge->leases->table), gpu, sums);
    }
    for (unsigned i = 0; i < ENGINES; i++)
        most = sums[i] > most ? sums[i] : most;
    if (used && !known)
        return -1;
    return most > 1 ? 100 : (int) (most * 100 + 0.5);
}

bool
gauge_read (const struct gauge *gauge, struct load *load)
{
    const uint64_t looked = gauge->meter->usage.now / 1000;

    if (!placement_is_a_choice (gauge->gpus) || looked == 0 || alarm_now () - looked > recent_us)
        return false;
    for (unsigned gpu = 0; gpu < GPUS_MAX; gpu++)
        load->percent[gpu] = busy (gauge, gpu);
    return true;
}

int
gauge_start (struct gauge *gauge, sd_event *event, struct error *err)
{
    gauge->reader = (struct meter_reader){.done = on_metered, .userdata = gauge};
    meter_add_reader (gauge->meter, &gauge->reader);
    return alarm_init (&gauge->alarm, event, on_alarm, gauge, err);
}

void
gauge_finish (struct gauge *gauge)
{
    alarm_finish (&gauge->alarm);
}
