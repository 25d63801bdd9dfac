#include "tests/unit/testing.h"

#include "broker/gauge.h"

static struct meter meter; /* large */
static struct leases leases;
static struct gpus gpus;
static struct gauge gauge = {.meter = &meter, .leases = &leases, .gpus = &gpus};
static struct load load;

static int
start (void **state)
{
    (void) state;
    memset (&meter, 0, sizeof meter);
    memset (&gpus, 0, sizeof gpus);
    leases_init (&leases);
    for (unsigned i = 0; i < 2; i++)
        gpus.table[i] = (struct gpu){.state = GPU_PRESENT, .slots = 4};
    return 0;
}

#define gauge_test(test) cmocka_unit_test_setup (test, start)

static struct lease *
hold (uint32_t set)
{
    struct lease *lease = lease_take (&leases);

    lease->state = LEASE_ACTIVE;
    lease->gpus = set;
    (void) strcpy (lease->cgroup, "/x");
    return lease;
}

static unsigned
index_of (const struct lease *lease)
{
    return (unsigned) (lease - leases.table);
}

struct had {
    const struct lease *lease;
    unsigned gpu;
    uint64_t render_ms, video_ms; /* in all, of its one client */
};

/* One look, so many seconds before now, with a client in each of these.  */
static void
look (double seconds_ago, const struct had *had, unsigned n)
{
    usage_begin (&meter.usage, alarm_now () * 1000 - (uint64_t) (seconds_ago * 1e9));
    for (unsigned i = 0; i < n; i++)
        usage_look_at (&meter.usage, index_of (had[i].lease), had[i].lease->gpus);
    for (unsigned i = 0; i < n; i++) {
        struct fdinfo info = {.client = 1 + i};

        info.engines[ENGINE_RENDER] =
            (struct fdinfo_engine){.known = true, .capacity = 1, .busy = had[i].render_ms * 1000000};
        info.engines[ENGINE_VIDEO] =
            (struct fdinfo_engine){.known = true, .capacity = 1, .busy = had[i].video_ms * 1000000};
        usage_add (&meter.usage, index_of (had[i].lease), had[i].gpu, &info);
    }
    usage_end (&meter.usage);
}

static void
the_busiest_engine_of_all_its_containers_counts (void **state)
{
    struct lease *a = hold (1), *b = hold (1);

    (void) state;
    look (11, (struct had[]){{a, 0, 1000, 0}, {b, 0, 0, 0}}, 2);
    look (1, (struct had[]){{a, 0, 3000, 4000}, {b, 0, 1000, 3000}}, 2);
    assert_true (gauge_read (&gauge, &load));
    /* Video: 4 and 3 of 10 seconds; render: 2 and 1.  */
    assert_int_equal (load.percent[0], 70);
    /* Nobody uses the other.  */
    assert_int_equal (load.percent[1], 0);
}

static void
more_than_all_is_all (void **state)
{
    struct lease *a = hold (1), *b = hold (1);

    (void) state;
    look (11, (struct had[]){{a, 0, 0, 0}, {b, 0, 0, 0}}, 2);
    look (1, (struct had[]){{a, 0, 9000, 0}, {b, 0, 8000, 0}}, 2);
    assert_true (gauge_read (&gauge, &load));
    assert_int_equal (load.percent[0], 100);
}

static void
a_container_that_has_not_opened_the_gpu_is_idle (void **state)
{
    struct lease *idle = hold (1), *users = hold (2);

    (void) state;
    users->cgroup[0] = '\0'; /* of another user than root: it cannot be looked at */
    usage_begin (&meter.usage, alarm_now () * 1000);
    usage_look_at (&meter.usage, index_of (idle), 1);
    usage_end (&meter.usage);
    assert_true (gauge_read (&gauge, &load));
    assert_int_equal (load.percent[0], 0);
    assert_int_equal (load.percent[1], -1);
    /* Who is only granted, or sees all as a monitor, does not count.  */
    users->state = LEASE_GRANTED;
    assert_true (gauge_read (&gauge, &load));
    assert_int_equal (load.percent[1], 0);
    users->state = LEASE_ACTIVE;
    users->order.request.access = ACCESS_MONITOR;
    assert_true (gauge_read (&gauge, &load));
    assert_int_equal (load.percent[1], 0);
}

static void
what_is_old_or_no_choice_is_no_figure (void **state)
{
    struct lease *a = hold (1);

    (void) state;
    assert_false (gauge_read (&gauge, &load));
    look (90, (struct had[]){{a, 0, 0, 0}}, 1);
    look (70, (struct had[]){{a, 0, 0, 0}}, 1);
    assert_false (gauge_read (&gauge, &load));
    look (50, (struct had[]){{a, 0, 10000, 0}}, 1);
    assert_true (gauge_read (&gauge, &load));
    assert_int_equal (load.percent[0], 50);
    gpus.table[1].state = GPU_LOST;
    assert_false (gauge_read (&gauge, &load));
}

/* --- when it looks --- */

static sd_event *event;

static int
start_with_clock (void **state)
{
    struct error err = {0};

    (void) start (state);
    assert_true (sd_event_new (&event) >= 0);
    assert_ok (gauge_start (&gauge, event, &err));
    return 0;
}

static int
stop_clock (void **state)
{
    (void) state;
    gauge_finish (&gauge);
    event = sd_event_unref (event);
    return 0;
}

static void
it_looks_only_where_there_is_a_choice_and_somebody_to_look_at (void **state)
{
    struct lease *lease;

    (void) state;
    gauge_follow (&gauge);
    assert_int_equal (gauge.alarm.at, 0);
    lease = hold (1);
    gpus.table[1].state = GPU_ABSENT;
    gauge_follow (&gauge);
    assert_int_equal (gauge.alarm.at, 0);
    gpus.table[1].state = GPU_PRESENT;
    gauge_follow (&gauge);
    assert_true (gauge.alarm.at > alarm_now ());
    /* When it is time and nobody is left, it goes to sleep.  */
    lease_drop (&leases, lease);
    assert_int_equal (gauge.alarm.ring (&gauge, alarm_now ()), 0);
    assert_false (gauge.reader.waits);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        gauge_test (the_busiest_engine_of_all_its_containers_counts),
        gauge_test (more_than_all_is_all),
        gauge_test (a_container_that_has_not_opened_the_gpu_is_idle),
        gauge_test (what_is_old_or_no_choice_is_no_figure),
        cmocka_unit_test_setup_teardown (it_looks_only_where_there_is_a_choice_and_somebody_to_look_at,
                                         start_with_clock, stop_clock),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
