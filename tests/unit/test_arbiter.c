#include "arbiter_bed.h"

static void
assert_granted (const char *text, uint32_t reserved, uint32_t set)
{
    if (decide (text, reserved) != VERDICT_GRANT)
        fail_msg ("\"%s\" was not granted: %s", text, decision.reason);
    assert_int_equal (decision.gpus, set);
}

static void
assert_waits (const char *text, uint32_t reserved, const char *words)
{
    if (decide (text, reserved) != VERDICT_WAIT)
        fail_msg ("\"%s\" does not wait: %s", text, decision.reason);
    assert_int_equal (decision.gpus, 0);
    assert_contains (decision.reason, words);
}

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

/* Abilities as words of dri.require; "?" is unknown, "..." being asked.  */
static void
knows (unsigned i, const char *words)
{
    struct gpu_ready *ready = &gpus.table[i].ready;
    struct error err = {0};
    struct require require = {.n = 0};

    *ready = (struct gpu_ready){.knowledge = *words == '?'   ? GPU_UNKNOWN
                                             : *words == '.' ? GPU_ASKED
                                                             : GPU_KNOWN};
    if (ready->knowledge == GPU_KNOWN)
        assert_ok (require_parse (&require, words, &err));
    for (unsigned r = 0; r < require.n; r++)
        abilities_add (&ready->abilities, &require.list[r]);
}

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

/* --- any history --- */

static const char *const requests[] = {
    "gpu=any",
    "gpu=any slots=2",
    "gpu=any slots=5",
    "gpu=g1,g0",
    "gpu=g2",
    "gpu=driver:xe,any",
    "gpu=driver:i915",
    "gpu=all",
    "gpu=all slots=2",
    "access=exclusive",
    "gpu=g1 access=exclusive",
    "gpu=all access=exclusive",
    "access=monitor",
    "gpu=g3 slots=3",
    "gpu=renderD130,g0 slots=2",
    "gpu=none",
    "gpu=8086:1001,any access=exclusive",
    "gpu=any slots=1000",
    "gpu=vendor:intel slots=3",
    "require=h264-decode",
    "require=av1-encode gpu=g1,any",
    "require=h264-decode,av1-encode slots=2",
    "require=av1-encode wait=0s",
    "gpu=all require=h264-decode",
    "gpu=all require=av1-encode wait=0s",
    "access=exclusive require=h264-decode wait=2s",
    "access=monitor require=av1-encode",
};

/* What is held, counted by the test for itself.  */
struct count {
    unsigned slots[GPUS_MAX], shared[GPUS_MAX], exclusive[GPUS_MAX];
};

static struct count
count (void)
{
    struct count c = {.slots = {0}};
    const struct lease *lease;

    leases_foreach (&leases, lease) {
        const struct request *req = &lease->order.request;

        for (unsigned i = 0; i < GPUS_MAX; i++) {
            if (!(lease->gpus & (1U << i)) || req->access == ACCESS_MONITOR)
                continue;
            if (req->access == ACCESS_EXCLUSIVE) {
                c.exclusive[i]++;
            } else {
                c.shared[i]++;
                c.slots[i] += req->slots;
            }
        }
    }
    return c;
}

enum tier { ABLE, ASKED, UNKNOWN, UNABLE };

/* By the text of the two capabilities that the requests of this test know.  */
static enum tier
tier_of (const struct request *req, unsigned i)
{
    const char *text = req->text[KEY_REQUIRE];
    const struct gpu_ready *ready = &gpus.table[i].ready;

    if (!*text || req->access == ACCESS_MONITOR)
        return ABLE;
    if (ready->knowledge == GPU_ASKED)
        return req->wait_ms < 7000 ? UNKNOWN : ASKED;
    if (ready->knowledge == GPU_UNKNOWN)
        return UNKNOWN;
    return (strstr (text, "h264-decode") && !(ready->abilities.decode & 1U << VIDEO_H264))
                   || (strstr (text, "av1-encode") && !ready->abilities.encode[VIDEO_AV1])
               ? UNABLE
               : ABLE;
}

/* By the names of its selectors, which are all that the policies of this test use.  */
static bool
may_be_given (unsigned i)
{
    for (unsigned p = 0; p < policy_of_test.n_gpus; p++)
        if (strcmp (policy_of_test.gpus[p].text, gpus.table[i].name) == 0)
            return true;
    return policy_of_test.n_gpus == 0;
}

static bool
could_have (const struct count *c, const struct request *req, uint32_t reserved, unsigned i)
{
    if (gpus.table[i].state != GPU_PRESENT || (reserved & (1U << i)) || c->exclusive[i] || !may_be_given (i))
        return false;
    return req->access == ACCESS_EXCLUSIVE ? !c->shared[i] : c->slots[i] + req->slots <= gpus.table[i].slots;
}

/* Of 1: by slots, or by load where that is more and is known of all.  */
static double
fullness (const struct count *c, uint32_t set, unsigned i)
{
    double slots = (double) c->slots[i] / gpus.table[i].slots;
    bool known = load_is_known;

    for (unsigned j = 0; j < GPUS_MAX; j++)
        if ((set & (1U << j)) && load_of_test.percent[j] < 0)
            known = false;
    return known && load_of_test.percent[i] >= 10 && load_of_test.percent[i] / 100.0 > slots
               ? load_of_test.percent[i] / 100.0
               : slots;
}

static void
check_place (const struct count *c, uint32_t set)
{
    unsigned chosen = (unsigned) __builtin_ctz (decision.gpus);

    if (home_of_test >= 0 && (set & (1U << home_of_test))) {
        assert_int_equal (chosen, home_of_test);
        return;
    }
    for (unsigned i = 0; i < GPUS_MAX; i++)
        if (set & (1U << i))
            assert_true (fullness (c, set, chosen) <= fullness (c, set, i) + 1e-9);
}

/* The GPU is the one that the request's words mean: by the first that fits one with room. False: none.  */
static bool
check_tier (const struct count *c, const struct request *req, uint32_t reserved, enum tier tier)
{
    for (unsigned s = 0; s < req->n_selectors; s++) {
        uint32_t fitting = 0;

        for (unsigned i = 0; i < GPUS_MAX; i++)
            if (gpu_matches (&gpus.table[i], &req->selectors[s]) && could_have (c, req, reserved, i)
                && tier_of (req, i) == tier)
                fitting |= 1U << i;
        if (!fitting)
            continue;
        if (tier == ASKED) {
            assert_int_equal (decision.verdict, VERDICT_WAIT);
            return true;
        }
        assert_int_equal (decision.verdict, VERDICT_GRANT);
        assert_true (decision.gpus && !(decision.gpus & (decision.gpus - 1)));
        assert_true (decision.gpus & fitting);
        check_place (c, fitting);
        return true;
    }
    return false;
}

static void
check_choice (const struct count *c, const struct request *req, uint32_t reserved)
{
    for (enum tier tier = ABLE; tier <= UNKNOWN; tier++)
        if (check_tier (c, req, reserved, tier))
            return;
    assert_int_not_equal (decision.verdict, VERDICT_GRANT);
}

static void
check_all (const struct count *c, const struct request *req, uint32_t reserved)
{
    bool free_ones = true;
    uint32_t present = 0;

    for (unsigned i = 0; i < GPUS_MAX; i++)
        if (gpus.table[i].state == GPU_PRESENT && may_be_given (i) && tier_of (req, i) != UNABLE) {
            present |= 1U << i;
            free_ones &= could_have (c, req, reserved, i) && tier_of (req, i) != ASKED;
        }
    if (req->access == ACCESS_MONITOR)
        free_ones = true;
    assert_int_equal (decision.verdict == VERDICT_GRANT, present && free_ones);
    if (decision.verdict == VERDICT_GRANT)
        assert_int_equal (decision.gpus, present);
}

static void
check_held (void)
{
    struct count c = count ();

    for (unsigned i = 0; i < GPUS_MAX; i++) {
        assert_true (c.slots[i] <= gpus.table[i].slots);
        assert_true (c.exclusive[i] <= 1 && !(c.exclusive[i] && c.shared[i]));
        assert_int_equal (arbiter_used (&gpus, &leases, i),
                          c.exclusive[i] ? gpus.table[i].slots : c.slots[i]);
    }
}

/* A refusal is for ever: not even an empty machine would grant it.  */
static void
check_refusal (const struct request *req)
{
    static struct leases none;
    struct decision alone;

    leases_init (&none);
    ask_leases = &none;
    assert_int_equal (decide_for (req, 0, 0, &alone), VERDICT_REFUSE);
    ask_leases = &leases;
}

static void
ask (const struct request *req, uint32_t reserved)
{
    struct count c = count ();
    struct decision again;

    memset (&decision, 0xaa, sizeof decision);
    memset (&again, 0x55, sizeof again);
    decide_for (req, 0, reserved, &decision);
    decide_for (req, 0, reserved, &again);
    assert_memory_equal (&decision, &again, sizeof decision);
    assert_true (decision.reason[0] && strlen (decision.reason) < sizeof decision.reason);
    assert_int_equal (decision.gpus & ~decision.candidates, 0);
    if (req->access == ACCESS_MONITOR || req->selectors[0].kind == SELECT_ALL)
        check_all (&c, req, reserved);
    else
        check_choice (&c, req, reserved);
    if (decision.verdict == VERDICT_REFUSE)
        check_refusal (req);
}

static void
random_machine (struct rng *rng)
{
    static const char *const knowledge[] = {
        "?", "...", "", "h264-decode", "av1-encode-cqp", "h264-decode,av1-encode"};

    (void) start (NULL);
    for (unsigned i = 0, n = 1 + rng_below (rng, 5); i < n; i++) {
        char name[8];

        (void) snprintf (name, sizeof name, "g%u", i);
        put_gpu (i, name, rng_below (rng, 2) ? "xe" : "i915", 1 + rng_below (rng, 6));
        knows (i, knowledge[rng_below (rng, countof (knowledge))]);
    }
}

/* What is known of the asker beside the request.  */
static void
random_circumstances (struct rng *rng)
{
    policy_of_test.n_gpus = rng_below (rng, 3) ? 0 : 1 + (unsigned) rng_below (rng, 2);
    for (unsigned i = 0; i < policy_of_test.n_gpus; i++) {
        struct selector *selector = &policy_of_test.gpus[i];

        *selector = (struct selector){.kind = SELECT_NAME};
        (void) snprintf (selector->text, sizeof selector->text, "g%u", (unsigned) rng_below (rng, 5));
    }
    home_of_test = (int) rng_below (rng, 6) - 1;
    load_is_known = rng_below (rng, 2);
    for (unsigned i = 0; i < GPUS_MAX; i++)
        load_of_test.percent[i] = rng_below (rng, 12) ? (int) rng_below (rng, 101) : -1;
}

static void
in_any_history_nobody_gets_what_another_has (void **state)
{
    struct rng rng = rng_start (__func__);
    unsigned verdicts[3] = {0};

    (void) state;
    for (unsigned history = 0; history < 3000; history++) {
        random_machine (&rng);
        for (unsigned step = 0; step < 40; step++) {
            if (rng_below (&rng, 3) == 0 && leases.n > 0) {
                lease_drop (&leases, &leases.table[leases.order[rng_below (&rng, leases.n)]]);
            } else if (rng_below (&rng, 20) == 0) {
                struct gpu *gpu = &gpus.table[rng_below (&rng, 5)];

                if (gpu->state != GPU_ABSENT)
                    gpu->state = gpu->state == GPU_LOST ? GPU_PRESENT : GPU_LOST;
            } else {
                const char *text = requests[rng_below (&rng, countof (requests))];
                struct request req = request (text);

                random_circumstances (&rng);
                ask (&req, rng_below (&rng, 3) ? 0 : rng_below (&rng, 32));
                verdicts[decision.verdict]++;
                if (decision.verdict == VERDICT_GRANT)
                    hold ("x", text, decision.gpus);
            }
            check_held ();
        }
    }
    /* The history has to be worth the name.  */
    assert_true (verdicts[VERDICT_GRANT] > 10000 && verdicts[VERDICT_WAIT] > 10000
                 && verdicts[VERDICT_REFUSE] > 1000);
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
        arbiter_test (the_load_counts_where_it_is_more_than_the_slots),
        arbiter_test (a_little_load_is_no_load),
        arbiter_test (nobody_but_root_learns_how_busy_others_are),
        arbiter_test (a_container_comes_home_where_it_still_fits),
        arbiter_test (why_not_another_is_told_of_each),
        arbiter_test (only_the_gpus_of_the_rule_are_given),
        arbiter_test (many_holders_are_cut_not_overrun),
        arbiter_test (who_has_no_name_is_called_by_its_id),
        arbiter_test (in_any_history_nobody_gets_what_another_has),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
