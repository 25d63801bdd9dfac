#include "arbiter_bed.h"

/* --- which of several --- */

static void
the_load_counts_where_it_is_more_than_the_slots (void **state)
{
    (void) state;
    hold ("x", "slots=1", 1); /* 1 of 4 */
    hold ("y", "slots=4", 2); /* 4 of 8 */
    assert_granted ("gpu=any", 0, 1);
    load_is_known = true;
    load_of_test = (struct load){.percent = {70, 5}};
    assert_granted ("gpu=any", 0, 2);
    assert_string_equal (decision.reason, "arc fits \"any\" and had 4 of 8 slots in use and was 5% busy");
    assert_string_equal (decision.others, "igpu: 1 of 4 slots in use, 70% busy");
    /* Slots are taken for what may come.  */
    load_of_test = (struct load){.percent = {40, 0}};
    assert_granted ("gpu=any", 0, 1);
    /* Of one it is not known: of the other it says nothing then.  */
    load_of_test = (struct load){.percent = {100, -1}};
    assert_granted ("gpu=any", 0, 1);
    assert_null (strstr (decision.reason, "busy"));
    /* What is preferred comes before what is idle, and so does what has room.  */
    load_of_test = (struct load){.percent = {100, 0}};
    assert_granted ("gpu=igpu,arc", 0, 1);
    hold ("z", "slots=3", 1);
    load_of_test = (struct load){.percent = {0, 100}};
    assert_granted ("gpu=any", 0, 2);
}

static void
a_little_load_is_no_load (void **state)
{
    (void) state;
    load_is_known = true;
    load_of_test = (struct load){.percent = {9, 0}};
    assert_granted ("gpu=any", 0, 1);
    load_of_test.percent[0] = 10;
    assert_granted ("gpu=any", 0, 2);
}

static void
nobody_but_root_learns_how_busy_others_are (void **state)
{
    const struct request req = request ("gpu=any");

    (void) state;
    load_is_known = true;
    load_of_test = (struct load){.percent = {70, 5}};
    assert_int_equal (decide_for (&req, 1000, 0, &decision), VERDICT_GRANT);
    assert_int_equal (decision.gpus, 2);
    assert_null (strstr (decision.reason, "busy"));
    assert_null (strstr (decision.others, "busy"));
}

static void
a_container_comes_home_where_it_still_fits (void **state)
{
    (void) state;
    hold ("x", "slots=4", 2);
    assert_granted ("gpu=any", 0, 1);
    home_of_test = 1;
    assert_granted ("gpu=any", 0, 2);
    assert_string_equal (decision.reason,
                         "arc fits \"any\" and had 4 of 8 slots in use; the container had it before");
    /* It wants another now, it is kept for others, or it is full.  */
    assert_granted ("gpu=igpu,arc", 0, 1);
    assert_granted ("gpu=any", 2, 1);
    assert_granted ("gpu=any access=exclusive", 0, 1);
    gpus.table[1].state = GPU_LOST;
    assert_granted ("gpu=any", 0, 1);
    assert_string_equal (decision.others, "arc: gone");
    /* One GPU is no choice: nothing is said of it.  */
    gpus.table[1].state = GPU_ABSENT;
    home_of_test = 0;
    assert_granted ("gpu=any", 0, 1);
    assert_string_equal (decision.reason, "igpu fits \"any\" and had 0 of 4 slots in use");
    assert_string_equal (decision.others, "");
}

static void
why_not_another_is_told_of_each (void **state)
{
    (void) state;
    put_gpu (2, "old", "radeon", 2);
    put_gpu (3, "third", "i915", 2);
    put_gpu (4, "fourth", "i915", 2);
    knows (0, "h264-decode");
    knows (1, "vpp");
    knows (2, "h264-decode");
    knows (3, "?");
    knows (4, "h264-decode");
    hold ("x", "slots=2", 4 | 16);
    assert_granted ("gpu=igpu,arc,third,fourth require=h264-decode", 16, 1);
    assert_string_equal (
        decision.others,
        "arc: cannot do what dri.require asks for; old: not what dri.gpu asks for; third: not "
        "known whether it can do what dri.require asks for; fourth: others wait for it");
    assert_granted ("gpu=igpu,fourth", 0, 1);
    assert_contains (decision.others, "fourth: comes later in dri.gpu");
    assert_granted ("gpu=any", 0, 1);
    assert_contains (decision.others, "old: 2 of 2 slots in use");
}

/* --- what the policy lets it have --- */

static void
only_the_gpus_of_the_rule_are_given (void **state)
{
    (void) state;
    policy_of_test = (struct policy_mark){
        .rule = "rule 2 (project media)", .n_gpus = 1, .gpus = {{.kind = SELECT_NAME, .text = "arc"}}};
    assert_granted ("gpu=any", 0, 2);
    assert_string_equal (decision.others, "igpu: not allowed to it");
    assert_granted ("gpu=all", 0, 2);
    assert_granted ("access=monitor", 0, 2);
    assert_granted ("gpu=igpu,arc", 0, 2);
    assert_int_equal (decide ("gpu=igpu", 0), VERDICT_REFUSE);
    assert_string_equal (decision.reason,
                         "dri.gpu is \"igpu\", and rule 2 (project media) of /etc/dri-broker/config.json "
                         "allows arc only: ask for that, or change the rule");
    /* Another GPU of this driver may come.  */
    assert_waits ("gpu=driver:i915", 0, "allows arc only");
    hold ("x", "access=exclusive", 2);
    assert_waits ("gpu=any", 0, "arc has no 1 free slot: held by x");
    gpus.table[1].state = GPU_ABSENT;
    assert_waits ("gpu=any", 0, "rule 2 (project media)");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        arbiter_test (the_load_counts_where_it_is_more_than_the_slots),
        arbiter_test (a_little_load_is_no_load),
        arbiter_test (nobody_but_root_learns_how_busy_others_are),
        arbiter_test (a_container_comes_home_where_it_still_fits),
        arbiter_test (why_not_another_is_told_of_each),
        arbiter_test (only_the_gpus_of_the_rule_are_given),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
