/* GPUs, leases and requests, for tests of the arbiter.  */
#ifndef DRI_ARBITER_BED_H
#define DRI_ARBITER_BED_H

#include "tests/unit/request_words.h"

#include "broker/arbiter.h"

UNUSED static struct gpus gpus;
static struct leases leases; /* large */
static struct decision decision;

/* What else is known: a test sets these.  */
static struct policy_mark policy_of_test;
static struct load load_of_test;
static bool load_is_known;
static int home_of_test;
static const struct leases *ask_leases = &leases;

UNUSED static void
put_gpu (unsigned i, const char *name, const char *driver, unsigned slots)
{
    struct gpu *gpu = &gpus.table[i];

    *gpu = (struct gpu){
        .state = GPU_PRESENT, .slots = slots, .vendor = 0x8086, .device = (uint16_t) (0x1000 + i)};
    (void) snprintf (gpu->name, sizeof gpu->name, "%s", name);
    (void) snprintf (gpu->driver, sizeof gpu->driver, "%s", driver);
    (void) snprintf (gpu->pci, sizeof gpu->pci, "0000:00:%02x.0", i);
    (void) snprintf (gpu->render.name, sizeof gpu->render.name, "renderD%u", 128 + i);
}

UNUSED static int
start (void **state)
{
    (void) state;
    memset (&gpus, 0, sizeof gpus);
    leases_init (&leases);
    policy_of_test = (struct policy_mark){.n_gpus = 0};
    load_is_known = false;
    home_of_test = -1;
    put_gpu (0, "igpu", "i915", 4);
    put_gpu (1, "arc", "xe", 8);
    return 0;
}

#define arbiter_test(test) cmocka_unit_test_setup (test, start)

UNUSED static enum verdict
decide_for (const struct request *req, uid_t asker, uint32_t reserved, struct decision *out)
{
    const struct question question = {.req = req,
                                      .asker = asker,
                                      .reserved = reserved,
                                      .policy = &policy_of_test,
                                      .home = home_of_test,
                                      .load = load_is_known ? &load_of_test : NULL};

    arbiter_decide (&gpus, ask_leases, &question, out);
    return out->verdict;
}

UNUSED static enum verdict
decide (const char *text, uint32_t reserved)
{
    struct request req = request (text);

    return decide_for (&req, 0, reserved, &decision);
}

UNUSED static struct lease *
hold (const char *name, const char *text, uint32_t set)
{
    struct lease *lease = lease_take (&leases);

    lease->state = LEASE_ACTIVE;
    lease->order.request = request (text);
    lease->gpus = set;
    (void) snprintf (lease->order.container.name, sizeof lease->order.container.name, "%s", name);
    return lease;
}

/* Abilities as words of dri.require; "?" is unknown, "..." being asked.  */
UNUSED static void
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

UNUSED static void
assert_granted (const char *text, uint32_t reserved, uint32_t set)
{
    if (decide (text, reserved) != VERDICT_GRANT)
        fail_msg ("\"%s\" was not granted: %s", text, decision.reason);
    assert_int_equal (decision.gpus, set);
}

UNUSED static void
assert_waits (const char *text, uint32_t reserved, const char *words)
{
    if (decide (text, reserved) != VERDICT_WAIT)
        fail_msg ("\"%s\" does not wait: %s", text, decision.reason);
    assert_int_equal (decision.gpus, 0);
    assert_contains (decision.reason, words);
}

#endif
