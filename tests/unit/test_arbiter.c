#include "arbiter_bed.h"

/* --- selectors --- */

static void
the_first_preference_that_has_room_is_taken (void **state)
{
    (void) state;
    assert_granted ("gpu=arc,igpu", 0, 2);
    assert_granted ("gpu=igpu,arc", 0, 1);
    assert_granted ("gpu=none,driver:xe", 0, 2);
    hold ("x", "access=exclusive", 2);
    assert_granted ("gpu=arc,igpu", 0, 1);
    assert_waits ("gpu=arc", 0, "arc has no 1 free slot: held by x");
    assert_int_equal (decision.candidates, 2);
}

static void
any_is_the_least_loaded_by_share_of_its_slots (void **state)
{
    (void) state;
    assert_granted ("gpu=any", 0, 1);
    hold ("x", "slots=1", 1);
    assert_granted ("gpu=any", 0, 2);
    hold ("y", "slots=2", 2);
    assert_granted ("gpu=any", 0, 1); /* 1/4 and 2/8: the first of equals */
    hold ("z", "slots=1", 1);
    assert_granted ("gpu=any", 0, 2);
    assert_contains (decision.reason, "arc fits \"any\" and had 2 of 8 slots in use");
}

static void
nobody_but_root_learns_whose_container_holds_a_gpu (void **state)
{
    const struct request req = request ("gpu=arc");

    (void) state;
    hold ("secret", "access=exclusive", 2);
    decide_for (&req, 1000, 0, &decision);
    assert_contains (decision.reason, "held by others");
    assert_null (strstr (decision.reason, "secret"));
    leases.table[leases.order[0]].order.owner = 1000;
    decide_for (&req, 1000, 0, &decision);
    assert_contains (decision.reason, "held by secret");
    decide_for (&req, 0, 0, &decision);
    assert_contains (decision.reason, "held by secret");
}

static void
a_lost_gpu_is_not_given (void **state)
{
    (void) state;
    gpus.table[1].state = GPU_LOST;
    assert_granted ("gpu=any", 0, 1);
    assert_waits ("gpu=arc", 0, "no GPU fits dri.gpu \"arc\"; there is igpu");
    assert_int_equal (decision.candidates, 0);
    gpus.table[0].state = GPU_ABSENT;
    assert_waits ("gpu=any", 0, "no GPU on this machine");
    assert_waits ("access=monitor", 0, "no GPU on this machine");
    assert_waits ("gpu=all", 0, "no GPU on this machine");
}

/* --- slots and access --- */

static void
slots_are_given_to_the_last_and_no_further (void **state)
{
    (void) state;
    hold ("x", "slots=3", 1);
    assert_int_equal (arbiter_used (&gpus, &leases, 0), 3);
    assert_int_equal (arbiter_used (&gpus, &leases, 1), 0);
    assert_granted ("gpu=igpu slots=1", 0, 1);
    assert_waits ("gpu=igpu slots=2", 0, "igpu has no 2 free slots: held by x");
    hold ("y", "slots=1", 1);
    hold ("elsewhere", "slots=1", 2);
    assert_waits ("gpu=igpu slots=1", 0, "igpu has no 1 free slot: held by x, y");
    assert_null (strstr (decision.reason, "elsewhere"));
}

static void
more_slots_than_there_are_is_refused (void **state)
{
    (void) state;
    assert_int_equal (decide ("gpu=igpu slots=5", 0), VERDICT_REFUSE);
    assert_contains (decision.reason, "dri.slots is 5, and the GPU has 4");
    assert_granted ("gpu=igpu slots=4", 0, 1);
    /* Another that fits has as many.  */
    assert_granted ("gpu=any slots=5", 0, 2);
    hold ("x", "slots=8", 2);
    assert_waits ("gpu=any slots=5", 0, "held by x");
    assert_int_equal (decide ("gpu=any slots=9", 0), VERDICT_REFUSE);
}

static void
exclusive_means_alone (void **state)
{
    struct lease *shared = hold ("x", "slots=1", 1);

    (void) state;
    assert_waits ("gpu=igpu access=exclusive", 0, "igpu cannot be had exclusively: held by x");
    assert_granted ("gpu=any access=exclusive", 0, 2);
    lease_drop (&leases, shared);
    assert_granted ("gpu=igpu access=exclusive", 0, 1);
    hold ("y", "access=exclusive", 1);
    assert_int_equal (arbiter_used (&gpus, &leases, 0), 4);
    assert_waits ("gpu=igpu", 0, "held by y");
    assert_waits ("gpu=igpu access=exclusive", 0, "held by y");
    /* How many slots it would count as is no matter then.  */
    assert_granted ("gpu=arc access=exclusive slots=100", 0, 2);
}

static void
a_monitor_sees_all_and_counts_as_nobody (void **state)
{
    (void) state;
    hold ("x", "access=exclusive", 1);
    assert_granted ("access=monitor", 0, 3);
    assert_granted ("access=monitor gpu=none slots=1000", 3, 3);
    hold ("m", "access=monitor slots=4", 3);
    assert_int_equal (arbiter_used (&gpus, &leases, 1), 0);
    assert_granted ("gpu=arc access=exclusive", 0, 2);
    assert_waits ("gpu=igpu", 0, "held by x");
    assert_null (strstr (decision.reason, ", m"));
}

static void
a_lease_without_a_gpu_holds_none (void **state)
{
    (void) state;
    hold ("x", "access=exclusive", 0)->state = LEASE_WITHOUT;
    assert_granted ("gpu=igpu access=exclusive", 0, 1);
}

static void
all_is_every_one_or_none (void **state)
{
    struct lease *lease;

    (void) state;
    assert_granted ("gpu=all", 0, 3);
    assert_granted ("gpu=arc,all", 0, 3);
    assert_granted ("gpu=all access=exclusive", 0, 3);
    lease = hold ("x", "slots=1", 2);
    assert_waits ("gpu=all access=exclusive", 0, "held by x");
    assert_granted ("gpu=all slots=4", 0, 3);
    lease_drop (&leases, lease);
    hold ("x", "slots=4", 1);
    assert_waits ("gpu=all", 0, "held by x");
}

/* A lease of all holds its slots on each.  */
static void
slots_of_all_count_on_every_gpu (void **state)
{
    (void) state;
    hold ("x", "gpu=all slots=3", 3);
    assert_int_equal (arbiter_used (&gpus, &leases, 0), 3);
    assert_int_equal (arbiter_used (&gpus, &leases, 1), 3);
}

/* A GPU of fewer slots than asked for can never be part of "all": no release will help.  */
static void
all_with_more_slots_than_the_smallest_has_is_refused (void **state)
{
    (void) state;
    assert_int_equal (decide ("gpu=all slots=5", 0), VERDICT_REFUSE);
    assert_contains (decision.reason, "dri.slots is 5, and the GPU has 4");
}

/* --- dri.require --- */

static void
who_requires_something_gets_a_gpu_that_can (void **state)
{
    (void) state;
    knows (0, "h264-decode,hevc-encode-cqp");
    knows (1, "h264-decode,av1-encode-vbr");
    assert_granted ("require=av1-encode", 0, 2);
    assert_contains (decision.reason, "arc fits \"any\"");
    assert_contains (decision.reason, "; it lists what dri.require asks for");
    assert_granted ("require=h264-decode,hevc-encode", 0, 1);
    assert_granted ("gpu=igpu,arc require=av1-encode-vbr", 0, 2);
    assert_granted ("require=h264-decode", 0, 1);
    assert_granted ("gpu=all require=h264-decode", 0, 3);
    assert_granted ("gpu=all require=av1-encode", 0, 2);
    assert_granted ("gpu=igpu", 0, 1);
    assert_null (strstr (decision.reason, "require"));
    /* A monitor uses none of it.  */
    assert_granted ("access=monitor require=vp9-encode", 0, 3);
}

static void
who_cannot_is_named_with_what_it_does_not_list (void **state)
{
    (void) state;
    knows (0, "h264-decode");
    knows (1, "h264-decode,av1-encode-cqp");
    assert_waits ("gpu=igpu require=av1-encode", 0,
                  "no GPU can do all that dri.require asks for: renderD128 (i915) does not list av1-encode");
    /* Nobody is kept waiting for a GPU that does not help.  */
    assert_int_equal (decision.candidates, 0);
    assert_waits (
        "require=h264-decode,av1-encode-vbr", 0,
        "renderD128 (i915) does not list av1-encode-vbr, renderD129 (xe) does not list av1-encode-vbr");
    assert_waits ("gpu=all require=vpp", 0, "renderD129 (xe) does not list vpp");
    hold ("x", "access=exclusive", 2);
    assert_waits ("require=av1-encode", 0, "arc has no 1 free slot: held by x");
    assert_int_equal (decision.candidates, 2);
}

static void
those_that_are_not_known_come_after_those_that_are (void **state)
{
    (void) state;
    knows (0, "?");
    knows (1, "h264-decode");
    assert_granted ("gpu=igpu,arc require=h264-decode", 0, 2);
    assert_granted ("gpu=igpu require=h264-decode", 0, 1);
    assert_contains (decision.reason, "; what it can do is not known (drictl probe)");
    assert_granted ("require=av1-encode", 0, 1);
    hold ("x", "access=exclusive", 2);
    assert_granted ("require=h264-decode", 0, 1);
    assert_granted ("gpu=igpu", 0, 1);
}

static void
one_that_is_being_asked_is_waited_for (void **state)
{
    (void) state;
    knows (0, "?");
    knows (1, "...");
    assert_waits ("require=h264-decode", 0, "arc: being asked whether it can do what dri.require asks for");
    assert_waits ("gpu=all require=h264-decode", 0, "arc: being asked");
    /* Not by who may not wait that long.  */
    assert_granted ("require=h264-decode wait=0s", 0, 1);
    assert_granted ("gpu=arc require=h264-decode wait=2s", 0, 2);
    /* Nor where it has no room.  */
    hold ("x", "access=exclusive", 2);
    assert_granted ("require=h264-decode", 0, 1);
    /* Nor where another is known to do.  */
    knows (0, "h264-decode");
    leases_init (&leases);
    assert_granted ("gpu=arc,igpu require=h264-decode", 0, 1);
    assert_granted ("gpu=arc", 0, 2);
}

/* --- the queue --- */

static void
what_others_wait_for_is_not_given_away (void **state)
{
    (void) state;
    assert_granted ("gpu=any", 1, 2);
    assert_waits ("gpu=igpu", 1, "igpu: others wait for it already");
    assert_waits ("gpu=all", 2, "others wait for it already");
    assert_granted ("gpu=igpu", 2, 1);
    hold ("x", "access=exclusive", 1);
    assert_waits ("gpu=igpu", 1, "held by x");
}

static void
the_queue_goes_by_class (void **state)
{
    (void) state;
    assert_true (arbiter_turn (CLASS_REALTIME, 0, 20) < arbiter_turn (CLASS_INTERACTIVE, 0, 20));
    assert_true (arbiter_turn (CLASS_INTERACTIVE, 0, 20) < arbiter_turn (CLASS_BATCH, 0, 20));
    assert_true (arbiter_turn (CLASS_BATCH, 0, 20) < arbiter_turn (CLASS_BATCH, 1, 20));
}

/* However many come, and whatever they are: nobody waits for those who come more than twice the ageing after
 * him.  */
static void
nobody_waits_for_those_who_come_much_later (void **state)
{
    (void) state;
    for (enum request_class mine = CLASS_INTERACTIVE; mine <= CLASS_BATCH; mine++)
        for (enum request_class theirs = CLASS_INTERACTIVE; theirs <= CLASS_BATCH; theirs++)
            assert_true (arbiter_turn (mine, 1000, 20) < arbiter_turn (theirs, 1041, 20));
}

/* --- reasons --- */

static void
many_holders_are_cut_not_overrun (void **state)
{
    (void) state;
    gpus.table[0].slots = 1000;
    for (unsigned i = 0; i < 50; i++)
        hold ("a-container-with-a-rather-long-name-of-more-than-forty-letters", "slots=20", 1);
    assert_waits ("gpu=igpu", 0, "held by a-container-with-a-rather-long-name-of-m,");
    assert_true (strlen (decision.reason) < sizeof decision.reason);
    assert_waits ("gpu=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,b,c,d", 0,
                  "no GPU fits");
}

static void
who_has_no_name_is_called_by_its_id (void **state)
{
    struct lease *lease = hold ("", "access=exclusive", 1);

    (void) state;
    (void) strcpy (lease->order.container.id, "0a1b2c");
    assert_waits ("gpu=igpu", 0, "held by 0a1b2c");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        arbiter_test (the_first_preference_that_has_room_is_taken),
        arbiter_test (any_is_the_least_loaded_by_share_of_its_slots),
        arbiter_test (nobody_but_root_learns_whose_container_holds_a_gpu),
        arbiter_test (a_lost_gpu_is_not_given),
        arbiter_test (slots_are_given_to_the_last_and_no_further),
        arbiter_test (more_slots_than_there_are_is_refused),
        arbiter_test (exclusive_means_alone),
        arbiter_test (a_monitor_sees_all_and_counts_as_nobody),
        arbiter_test (a_lease_without_a_gpu_holds_none),
        arbiter_test (all_is_every_one_or_none),
        arbiter_test (slots_of_all_count_on_every_gpu),
        arbiter_test (all_with_more_slots_than_the_smallest_has_is_refused),
        arbiter_test (who_requires_something_gets_a_gpu_that_can),
        arbiter_test (who_cannot_is_named_with_what_it_does_not_list),
        arbiter_test (those_that_are_not_known_come_after_those_that_are),
        arbiter_test (one_that_is_being_asked_is_waited_for),
        arbiter_test (what_others_wait_for_is_not_given_away),
        arbiter_test (the_queue_goes_by_class),
        arbiter_test (nobody_waits_for_those_who_come_much_later),
        arbiter_test (many_holders_are_cut_not_overrun),
        arbiter_test (who_has_no_name_is_called_by_its_id),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
