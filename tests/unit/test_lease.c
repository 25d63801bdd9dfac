#include "tests/unit/testing.h"

#include "broker/lease.h"

#define ID_A "aaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct leases leases; /* large */

static struct lease *
take (const char *lease_id, const char *id, const char *name, int64_t since)
{
    struct lease *lease = lease_take (&leases);

    assert_non_null (lease);
    (void) snprintf (lease->id, sizeof lease->id, "%s", lease_id);
    (void) snprintf (lease->order.container.id, sizeof lease->order.container.id, "%s", id);
    (void) snprintf (lease->order.container.name, sizeof lease->order.container.name, "%s", name);
    lease->state = LEASE_GRANTED;
    lease->since = since;
    return lease;
}

/* --- the table --- */

static void
the_table_is_a_permutation (void)
{
    bool seen[LEASES_MAX] = {false};

    for (unsigned i = 0; i < LEASES_MAX; i++) {
        assert_in_range (leases.order[i], 0, LEASES_MAX - 1);
        assert_false (seen[leases.order[i]]);
        seen[leases.order[i]] = true;
    }
    for (unsigned i = 0; i < leases.n; i++)
        assert_int_not_equal (leases.table[leases.order[i]].state, LEASE_FREE);
}

static void
a_new_lease_is_clean (void **state)
{
    struct lease *lease;

    (void) state;
    leases_init (&leases);
    lease = take ("x", "c", "n", 7);
    lease->pid = 1;
    lease->gpus = 7;
    lease->ready = true;
    lease_drop (&leases, lease);
    assert_int_equal (lease->state, LEASE_FREE);
    lease = lease_take (&leases);
    assert_int_equal (lease->pidfd, -1);
    assert_int_equal (lease->pid, 0);
    assert_int_equal (lease->gpus, 0);
    assert_false (lease->ready);
    assert_string_equal (lease->id, "");
    assert_null (lease->order.parameters);
}

static void
a_full_table_gives_none (void **state)
{
    (void) state;
    leases_init (&leases);
    for (unsigned i = 0; i < LEASES_MAX; i++)
        (void) take ("x", "c", "n", 0);
    assert_null (lease_take (&leases));
    the_table_is_a_permutation ();
    lease_drop (&leases, &leases.table[100]);
    assert_non_null (lease_take (&leases));
    assert_null (lease_take (&leases));
}

/* Pointers to leases are kept (by event sources): an entry must not move while it is in use.  */
static void
any_history_of_take_and_drop_keeps_every_lease (void **state)
{
    struct rng rng = rng_start (__func__);
    struct lease *mine[LEASES_MAX];
    unsigned n = 0, next = 0;
    char id[33];

    (void) state;
    leases_init (&leases);
    for (unsigned step = 0; step < 20000; step++) {
        if (rng_below (&rng, 100) < 52) {
            (void) snprintf (id, sizeof id, "%u", next);
            if (n == LEASES_MAX) {
                assert_null (lease_take (&leases));
                continue;
            }
            mine[n++] = take (id, id, "", next++);
        } else if (n > 0) {
            unsigned i = rng_below (&rng, n);

            lease_drop (&leases, mine[i]);
            mine[i] = mine[--n];
        }
        assert_int_equal (leases.n, n);
        if (step % 64 == 0) {
            const struct lease *lease;
            unsigned seen = 0;

            the_table_is_a_permutation ();
            leases_foreach (&leases, lease)
                seen += lease->state == LEASE_GRANTED;
            assert_int_equal (seen, n);
            for (unsigned i = 0; i < n; i++) {
                (void) snprintf (id, sizeof id, "%" PRId64, mine[i]->since);
                assert_ptr_equal (lease_find (&leases, id), mine[i]);
                assert_string_equal (mine[i]->order.container.id, id);
            }
        }
    }
}

static void
dropping_frees_the_order (void **state)
{
    struct lease *lease;

    (void) state;
    leases_init (&leases);
    lease = take ("x", "c", "n", 0);
    lease->order.parameters = strdup ("{}");
    lease_drop (&leases, lease);
    assert_null (lease->order.parameters);
}

/* --- finding --- */

static void
a_container_is_named_by_id_start_of_id_or_name (void **state)
{
    struct container c = {.id = ID_A, .name = "web"};

    (void) state;
    assert_true (container_is (&c, ID_A));
    assert_true (container_is (&c, "aaaaaaaaaaaa"));
    assert_true (container_is (&c, "aaaaaaaaaaaab"));
    assert_true (container_is (&c, "web"));
    assert_false (container_is (&c, "aaaaaaaaaaa"));
    assert_false (container_is (&c, "aaaaaaaaaaaac"));
    assert_false (container_is (&c, ID_A "b"));
    assert_false (container_is (&c, "we"));
    assert_false (container_is (&c, "webb"));
}

/* `drictl release ""`, from a variable that is not set, must not release somebody's lease.  */
static void
an_empty_text_names_no_container (void **state)
{
    struct container nameless = {.id = ID_A};

    (void) state;
    assert_false (container_is (&nameless, ""));
    leases_init (&leases);
    (void) take ("x", ID_A, "", 0);
    assert_null (lease_find_container (&leases, "", 0));
}

static void
the_newest_of_several_is_found (void **state)
{
    struct lease *newest;

    (void) state;
    leases_init (&leases);
    (void) take ("1", "id-1", "web", 10);
    newest = take ("2", "id-2", "web", 30);
    (void) take ("3", "id-3", "web", 20);
    assert_ptr_equal (lease_find_container (&leases, "web", 0), newest);
    assert_string_equal (lease_find_container (&leases, "id-3", 0)->id, "3");
    assert_null (lease_find_container (&leases, "other", 0));
    assert_null (lease_find (&leases, "4"));
    lease_drop (&leases, newest);
    assert_string_equal (lease_find_container (&leases, "web", 0)->id, "3");
    assert_null (lease_find (&leases, "2"));
}

static void
each_finds_his_own_and_root_everybodys_after_that (void **state)
{
    struct lease *roots, *hers, *other;

    (void) state;
    leases_init (&leases);
    roots = take ("1", "id-1", "web", 10);
    hers = take ("2", "id-2", "web", 30);
    other = take ("3", "id-3", "only", 20);
    hers->order.owner = other->order.owner = 1000;
    assert_ptr_equal (lease_find_container (&leases, "web", 0), roots);
    assert_ptr_equal (lease_find_container (&leases, "only", 0), other);
    assert_ptr_equal (lease_find_container (&leases, "web", 1000), hers);
    assert_null (lease_find_container (&leases, "id-1", 1000));
    assert_null (lease_find_container (&leases, "web", 1001));
}

static void
an_engines_id_is_its_own_containers_alone (void **state)
{
    struct lease *roots, *named, *hers;

    (void) state;
    leases_init (&leases);
    roots = take ("1", ID_A, "web", 10);
    named = take ("2", "id-2", ID_A, 20); /* somebody calls it like that */
    hers = take ("3", ID_A, "web", 30);
    hers->order.owner = 1000;
    assert_ptr_equal (lease_find_exact (&leases, ID_A, 0), roots);
    assert_ptr_equal (lease_find_exact (&leases, ID_A, 1000), hers);
    assert_ptr_equal (lease_find_exact (&leases, "id-2", 0), named);
    assert_null (lease_find_exact (&leases, "web", 0));
    assert_null (lease_find_exact (&leases, "aaaaaaaaaaaa", 0));
    assert_null (lease_find_exact (&leases, "", 0));
    lease_drop (&leases, roots);
    assert_null (lease_find_exact (&leases, ID_A, 0));
}

static void
users_leave_room_for_root (void **state)
{
    (void) state;
    leases_init (&leases);
    for (unsigned i = 0; i < LEASES_UNPRIVILEGED_MAX; i++) {
        uid_t uid = 1000 + i / LEASES_UID_MAX;

        assert_null (leases_full (&leases, uid));
        take ("x", "id", "", 0)->order.owner = uid;
        if (i % LEASES_UID_MAX == LEASES_UID_MAX - 1)
            assert_contains (leases_full (&leases, uid), "16 leases");
    }
    assert_contains (leases_full (&leases, 5000), "128 leases");
    while (leases.n < LEASES_MAX) {
        assert_null (leases_full (&leases, 0));
        (void) take ("x", "id", "", 0);
    }
    assert_contains (leases_full (&leases, 0), "all 256");
}

/* --- orders --- */

static const char good_order[] =
    "{'container': {'id': 'c'}, 'workload': {'uid': 1, 'gid': 2}, 'request': {'slots': '3'}}";

static void
an_order_is_taken_apart (void **state)
{
    json_t *parameters = parse (good_order);
    struct order order;
    struct error err = {0};

    (void) state;
    assert_ok (order_parse (&order, parameters, &err));
    assert_string_equal (order.container.id, "c");
    assert_int_equal (order.workload.uid, 1);
    assert_int_equal (order.request.slots, 3);
    assert_null (order.parameters);
    order.parameters = strdup ("{}");
    order_finish (&order);
    order_finish (&order);
    assert_int_equal (parameters->refcount, 1);
    json_decref (parameters);
}

static void
a_hostile_order_is_refused (void **state)
{
    static const struct {
        const char *name, *value, *words;
    } cases[] = {
        {"request", "null", "request is missing"},
        {"request", "[]", "request is missing"},
        {"request", "{'slots': 3}", "not a string"},
        {"request", "{'x': 'y'}", "unknown"},
        {"container", "{}", "container.id is missing"},
        {"container", "7", "container.id is missing"},
        {"workload", "{}", "workload.uid"},
        {"workload", "null", "workload.uid"},
    };
    struct order order = {.parameters = NULL};
    struct error err = {0};

    (void) state;
    for (size_t i = 0; i < countof (cases); i++) {
        json_t *parameters = parse (good_order);

        (void) json_object_set_new (parameters, cases[i].name, parse (cases[i].value));
        assert_refused (order_parse (&order, parameters, &err), cases[i].words);
        assert_null (order.parameters);
        assert_int_equal (parameters->refcount, 1);
        json_decref (parameters);
    }
    assert_int_equal (order_parse (&order, NULL, &err), -1);
}

/* --- what Status shows --- */

static void
gpus_are_named_in_their_order (void **state)
{
    static struct gpus gpus;
    char text[12];

    (void) state;
    (void) strcpy (gpus.table[0].name, "igpu");
    (void) strcpy (gpus.table[3].name, "arc");
    (void) strcpy (gpus.table[15].name, "last");
    gpus_names (&gpus, 0, text, sizeof text);
    assert_string_equal (text, "");
    gpus_names (&gpus, 1U << 3, text, sizeof text);
    assert_string_equal (text, "arc");
    gpus_names (&gpus, 1U | 1U << 3, text, sizeof text);
    assert_string_equal (text, "igpu,arc");
    /* Cut where there is no room.  */
    gpus_names (&gpus, 1U | 1U << 3 | 1U << 15, text, sizeof text);
    assert_string_equal (text, "igpu,arc,la");
}

static void
status_says_null_for_what_is_not_known (void **state)
{
    static struct gpus gpus;
    struct lease *lease;
    json_t *json;

    (void) state;
    leases_init (&leases);
    lease = take ("0123", "c", "web", 1700000000);
    request_init (&lease->order.request);
    (void) strcpy (lease->decision, "why");
    json = lease_to_json (lease, &gpus, true);
    (void) json_object_del (json, "container");
    assert_json (json, "{'id': '0123', 'owner': 0, 'state': 'granted', 'gpu': null, 'access': 'shared', "
                       "'class': 'interactive',"
                       " 'slots': 1, 'share': null, 'pid': null, 'since': 1700000000, 'ready': null,"
                       " 'reason': 'why'}");
    json_decref (json);
}

static void
status_says_what_is_known_and_the_id_to_root_only (void **state)
{
    static struct gpus gpus;
    struct lease *lease;
    json_t *json;

    (void) state;
    leases_init (&leases);
    (void) strcpy (gpus.table[1].name, "arc");
    lease = take ("0123", "c", "web", 5);
    lease->state = LEASE_ACTIVE;
    lease->gpus = 2;
    lease->pid = 4711;
    lease->level = READY_DRIVER;
    lease->ready = true;
    (void) strcpy (lease->verdict, "i915 1.6");
    request_init (&lease->order.request);
    lease->order.request.share = 40;
    lease->order.request.access = ACCESS_EXCLUSIVE;
    json = lease_to_json (lease, &gpus, false);
    (void) json_object_del (json, "container");
    assert_json (json, "{'id': null, 'owner': 0, 'state': 'active', 'gpu': 'arc', 'access': 'exclusive', "
                       "'class': 'interactive',"
                       " 'slots': 1, 'share': 40, 'pid': 4711, 'since': 5,"
                       " 'ready': {'level': 'driver', 'ok': true, 'reason': 'i915 1.6'},"
                       " 'reason': ''}");
    json_decref (json);
    lease->lost = true;
    assert_string_equal (lease_state_name (lease), "lost");
    lease->lost = false;
    lease->state = LEASE_WITHOUT;
    assert_string_equal (lease_state_name (lease), "without");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (a_new_lease_is_clean),
        cmocka_unit_test (a_full_table_gives_none),
        cmocka_unit_test (any_history_of_take_and_drop_keeps_every_lease),
        cmocka_unit_test (dropping_frees_the_order),
        cmocka_unit_test (a_container_is_named_by_id_start_of_id_or_name),
        cmocka_unit_test (an_empty_text_names_no_container),
        cmocka_unit_test (each_finds_his_own_and_root_everybodys_after_that),
        cmocka_unit_test (an_engines_id_is_its_own_containers_alone),
        cmocka_unit_test (users_leave_room_for_root),
        cmocka_unit_test (the_newest_of_several_is_found),
        cmocka_unit_test (an_order_is_taken_apart),
        cmocka_unit_test (a_hostile_order_is_refused),
        cmocka_unit_test (gpus_are_named_in_their_order),
        cmocka_unit_test (status_says_null_for_what_is_not_known),
        cmocka_unit_test (status_says_what_is_known_and_the_id_to_root_only),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
