#include "testing.h"

#include "broker/hotplug.h"

static void
count_change (void *userdata)
{
    ++*(int *) userdata;
}

static void
hotplug_says_where_it_cannot_listen (void **state)
{
    __attribute__ ((cleanup (sd_event_unrefp))) sd_event *event = NULL;
    struct hotplug hotplug = {0};
    struct error err = {0};
    int changes = 0, r;

    (void) state;
    assert_true (sd_event_new (&event) >= 0);
    r = hotplug_start (&hotplug, event, count_change, &changes, &err);
    if (access ("/run/udev", F_OK) < 0) {
        assert_int_equal (r, -1);
        assert_non_null (strstr (err.message, "udev"));
        assert_null (hotplug.monitor);
    }
    assert_true (sd_event_run (event, 0) >= 0);
    assert_int_equal (changes, 0);
    hotplug_stop (&hotplug);
    hotplug_stop (&hotplug);
    assert_null (hotplug.monitor);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (hotplug_says_where_it_cannot_listen),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
