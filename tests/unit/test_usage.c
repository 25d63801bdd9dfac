/* Counters of clients become figures of leases. Expected figures are worked out by hand.  */
#include "testing.h"

#include "broker/usage.h"

#define S UINT64_C (1000000000)

static struct usage *usage;

#define with_usage(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

static int
setup (void **state)
{
    (void) state;
    usage = calloc (1, sizeof *usage);
    return usage ? 0 : -1;
}

static int
teardown (void **state)
{
    (void) state;
    free (usage);
    return 0;
}

static void
begin (double at)
{
    usage_begin (usage, (uint64_t) (at * (double) S) + 1);
    usage_look_at (usage, 0, 1);
}

static void
add (unsigned lease, uint64_t client, uint64_t render, uint64_t total, unsigned capacity)
{
    struct fdinfo info = {.client = client, .has_memory = true, .memory = 200, .resident = 100};

    info.engines[ENGINE_RENDER] =
        (struct fdinfo_engine){.known = true, .capacity = capacity, .busy = render, .total = total};
    usage_add (usage, lease, 0, &info);
}

/* One look at lease 0 with one client.  */
static void
look (double at, uint64_t client, uint64_t render)
{
    begin (at);
    add (0, client, render, 0, 1);
    usage_end (usage);
}

static uint64_t
busy (void)
{
    return usage->shares[0][0].sum.busy[ENGINE_RENDER];
}

static void
assert_rate (double wanted)
{
    double got = usage_rate (usage, 0, 0, ENGINE_RENDER);

    if (got < wanted - 0.001 || got > wanted + 0.001)
        fail_msg ("rate %f, not %f", got, wanted);
}

static void
what_was_before_the_first_look_does_not_count (void **state)
{
    (void) state;
    look (0, 7, 5 * S);
    assert_int_equal (busy (), 0);
    assert_rate (-1);
    look (1, 7, 5 * S + S / 4);
    assert_int_equal (busy (), S / 4);
    assert_rate (0.25);
}

/* Its container had no client before: the mean since the start is known at the first look.  */
static void
a_lease_that_starts_now_counts_from_now (void **state)
{
    (void) state;
    usage_start (usage, 0, 1, 10 * S);
    usage_begin (usage, 11 * S);
    usage_end (usage);
    usage_begin (usage, 14 * S);
    usage_look_at (usage, 0, 1);
    add (0, 7, S, 0, 1);
    usage_end (usage);
    assert_rate (0.25);
    assert_int_equal (usage_span (usage, 0, 0), 4 * S);
}

static void
a_client_that_came_counts_whole (void **state)
{
    (void) state;
    look (0, 7, 5 * S);
    begin (1);
    add (0, 7, 5 * S, 0, 1);
    add (0, 8, S / 2, 0, 1);
    usage_end (usage);
    assert_int_equal (busy (), S / 2);
    assert_int_equal (usage->shares[0][0].sum.clients, 2);
    assert_int_equal (usage->shares[0][0].sum.memory, 400);
    assert_int_equal (usage->shares[0][0].sum.resident, 200);
}

static void
what_a_client_did_stays_when_it_goes (void **state)
{
    (void) state;
    look (0, 7, 0);
    look (1, 7, S / 2);
    begin (2);
    usage_end (usage);
    assert_int_equal (busy (), S / 2);
    assert_int_equal (usage->shares[0][0].sum.clients, 0);
    assert_int_equal (usage->shares[0][0].sum.resident, 0);
}

static void
a_client_in_two_files_counts_once (void **state)
{
    (void) state;
    look (0, 7, 0);
    begin (1);
    add (0, 7, S / 4, 0, 1);
    add (0, 7, S / 2, 0, 1);
    add (0, 7, S / 8, 0, 1);
    usage_end (usage);
    assert_int_equal (busy (), S / 2);
    assert_int_equal (usage->shares[0][0].sum.clients, 1);
    assert_int_equal (usage->shares[0][0].sum.resident, 100);
}

/* The same number on another GPU is another client.  */
static void
client_ids_are_of_a_gpu (void **state)
{
    struct fdinfo info = {.client = 7};

    (void) state;
    usage_begin (usage, S);
    usage_look_at (usage, 0, 3);
    usage_add (usage, 0, 0, &info);
    usage_add (usage, 0, 1, &info);
    usage_end (usage);
    assert_int_equal (usage->shares[0][0].sum.clients, 1);
    assert_int_equal (usage->shares[1][0].sum.clients, 1);
}

/* The kernel allows a counter to fall for a while; it must not count twice when it rises again.  */
static void
a_counter_that_falls_is_no_progress (void **state)
{
    (void) state;
    look (0, 7, 0);
    look (1, 7, S);
    look (2, 7, S / 2);
    assert_int_equal (busy (), S);
    look (3, 7, S + S / 10);
    assert_int_equal (busy (), S + S / 10);
}

/* Not told of for a while: not known meanwhile, and no leap from nothing when it is told of again.  */
static void
a_counter_that_vanishes_is_not_known_until_it_returns (void **state)
{
    static const struct fdinfo silent = {.client = 7};

    (void) state;
    look (0, 7, 5 * S);
    look (1, 7, 5 * S + S / 2);
    assert_rate (0.5);
    for (unsigned at = 2; at <= 3; at++) {
        begin (at);
        usage_add (usage, 0, 0, &silent);
        usage_end (usage);
        assert_rate (-1);
    }
    look (4, 7, 5 * S + S / 2);
    assert_int_equal (busy (), S / 2);
    assert_rate (0);
}

/* It was open before, perhaps, and overlooked: not all that it ever did was done since.  */
static void
a_client_that_comes_after_a_round_that_missed_some_does_not_count_whole (void **state)
{
    (void) state;
    look (0, 7, 0);
    begin (1);
    add (0, 7, S / 4, 0, 1);
    usage->missed = true;
    usage_end (usage);
    begin (2);
    add (0, 7, S / 4, 0, 1);
    add (0, 8, 90 * S, 0, 1);
    usage_end (usage);
    assert_int_equal (busy (), S / 4);
    begin (3);
    add (0, 8, 90 * S + S / 8, 0, 1);
    usage_end (usage);
    assert_int_equal (busy (), S / 4 + S / 8);
}

static void
several_engines_of_a_kind_are_one_whole (void **state)
{
    (void) state;
    begin (0);
    add (0, 7, 0, 0, 2);
    usage_end (usage);
    begin (1);
    add (0, 7, S, 0, 2);
    usage_end (usage);
    assert_rate (0.5);
}

/* 300 of 1000 cycles in two seconds are 0.6 s.  */
static void
cycles_are_parts_of_the_time_passed (void **state)
{
    (void) state;
    begin (0);
    add (0, 7, 500, 10000, 1);
    usage_end (usage);
    begin (2);
    add (0, 7, 800, 11000, 1);
    usage_end (usage);
    assert_in_range (busy (), 6 * S / 10 - 1000, 6 * S / 10 + 1000);
    assert_rate (0.3);
    begin (3);
    add (0, 7, 900, 11000, 1); /* the GPU slept: no cycle went by */
    usage_end (usage);
    assert_in_range (busy (), 6 * S / 10 - 1000, 6 * S / 10 + 1000);
}

/* At 10 looks a second the rate is of the last second or two: half busy, then all of it.  */
static void
the_rate_is_of_the_last_seconds (void **state)
{
    uint64_t sum = 0;

    (void) state;
    for (unsigned i = 0; i <= 60; i++) {
        look (i / 10.0, 7, sum);
        if (i == 29)
            assert_rate (0.5);
        sum += i < 30 ? S / 20 : S / 10;
    }
    assert_rate (1);
}

static void
a_lease_left_out_of_a_round_starts_anew (void **state)
{
    (void) state;
    look (0, 7, 0);
    usage_begin (usage, 1 * S);
    usage_end (usage);
    look (2, 7, 9 * S);
    assert_int_equal (busy (), 0);
    assert_rate (-1);
    look (3, 7, 9 * S + S / 2);
    assert_rate (0.5);
}

static void
a_place_that_is_another_s_begins_at_nothing (void **state)
{
    (void) state;
    look (0, 7, 0);
    look (1, 7, S);
    usage_forget (usage, 0);
    look (2, 9, 5 * S);
    assert_int_equal (busy (), 0);
    assert_rate (-1);
}

/* Prometheus takes a counter that falls for one that began anew, and counts what is left twice.  */
static void
what_a_lease_had_stays_with_its_gpu_when_it_ends (void **state)
{
    (void) state;
    look (0, 7, 0);
    look (1, 7, S / 4);
    usage_forget (usage, 0);
    assert_int_equal (usage->totals[0].busy[ENGINE_RENDER], S / 4);
    look (2, 8, S);
    look (3, 8, S + S / 2);
    assert_int_equal (busy (), S / 2);
    assert_int_equal (usage->totals[0].busy[ENGINE_RENDER], S / 4 + S / 2);
    assert_false (usage->totals[0].known[ENGINE_VIDEO]);
}

static void
more_clients_than_fit_are_told (void **state)
{
    (void) state;
    begin (0);
    for (uint64_t i = 0; i < USAGE_CLIENTS_MAX; i++)
        add (0, i << 32, 0, 0, 1);
    assert_false (usage->missed);
    add (0, 1, 0, 0, 1);
    assert_true (usage->missed);
    add (0, 5 << 20, 0, 0, 1);
    usage_end (usage);
    assert_int_equal (usage->shares[0][0].sum.clients, USAGE_CLIENTS_MAX);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        with_usage (what_was_before_the_first_look_does_not_count),
        with_usage (a_lease_that_starts_now_counts_from_now),
        with_usage (a_client_that_came_counts_whole),
        with_usage (what_a_client_did_stays_when_it_goes),
        with_usage (a_client_in_two_files_counts_once),
        with_usage (client_ids_are_of_a_gpu),
        with_usage (a_counter_that_falls_is_no_progress),
        with_usage (a_counter_that_vanishes_is_not_known_until_it_returns),
        with_usage (a_client_that_comes_after_a_round_that_missed_some_does_not_count_whole),
        with_usage (several_engines_of_a_kind_are_one_whole),
        with_usage (cycles_are_parts_of_the_time_passed),
        with_usage (the_rate_is_of_the_last_seconds),
        with_usage (a_lease_left_out_of_a_round_starts_anew),
        with_usage (a_place_that_is_another_s_begins_at_nothing),
        with_usage (what_a_lease_had_stays_with_its_gpu_when_it_ends),
        with_usage (more_clients_than_fit_are_told),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
