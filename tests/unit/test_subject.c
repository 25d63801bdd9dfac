/* Whom a person means: the wrong container explained is a reason that is none.  */
#include "tests/unit/testing.h"

#include "broker/subject.h"

static struct leasing l; /* large */
static const struct viewer root = {.uid = 0, .sees_all = true};

static struct container
container (const char *name, const char *project, const char *service)
{
    struct container c = {0};

    (void) snprintf (c.id, sizeof c.id, "id-of-%s", name);
    (void) snprintf (c.name, sizeof c.name, "%s", name);
    (void) snprintf (c.project, sizeof c.project, "%s", project);
    (void) snprintf (c.service, sizeof c.service, "%s", service);
    return c;
}

static int
start (void **state)
{
    (void) state;
    l = (struct leasing){0};
    leases_init (&l.leases);
    return 0;
}

static void
add_lease (struct container c, int64_t since, const char *decision)
{
    struct lease *lease = lease_take (&l.leases);

    lease->state = LEASE_ACTIVE;
    lease->order.container = c;
    lease->since = since;
    (void) snprintf (lease->decision, sizeof lease->decision, "%s", decision);
}

static void
add_waiter (struct container c, enum waiter_kind kind, const char *reason)
{
    struct waiter *waiter = &l.queue.waiters[kind];

    waiter->kind = kind;
    waiter->order.container = c;
    (void) snprintf (waiter->reason, sizeof waiter->reason, "%s", reason);
}

static void
add_refusal (struct container c, const char *reason)
{
    static char parameters[] = "{}";
    struct refusal *refusal = &l.refusals[l.next_refusal];

    l.next_refusal = (l.next_refusal + 1) % REFUSALS_MAX;
    refusal->order.container = c;
    refusal->order.parameters = parameters;
    (void) snprintf (refusal->reason, sizeof refusal->reason, "%s", reason);
}

static void
assert_found (const char *text, const char *state, const char *reason)
{
    struct subject s;

    subject_find (&l, text, &root, &s);
    if (!s.order)
        fail_msg ("%s: nobody", text);
    if (s.n_containers > 1)
        fail_msg ("%s: several", text);
    assert_string_equal (s.state, state);
    assert_string_equal (s.reason, reason);
    assert_int_equal (s.lease != NULL, strcmp (state, "active") == 0);
}

static void
assert_nobody (const char *text)
{
    struct subject s;

    subject_find (&l, text, &root, &s);
    assert_null (s.order);
    assert_int_equal (s.n_containers, 0);
}

static void
a_lease_comes_before_the_queue_and_that_before_a_refusal (void **state)
{
    (void) state;
    assert_nobody ("web");
    add_refusal (container ("web", "", ""), "older");
    add_refusal (container ("web", "", ""), "newer");
    assert_found ("web", "refused", "newer");
    add_waiter (container ("web", "", ""), WAITER_CLIENT, "busy");
    assert_found ("web", "waiting", "busy");
    add_lease (container ("web", "", ""), 20, "newer");
    add_lease (container ("web", "", ""), 10, "older");
    assert_found ("web", "active", "newer");
    assert_nobody ("we");
    assert_nobody ("");
}

static void
who_was_put_off_is_found_too (void **state)
{
    (void) state;
    add_waiter (container ("media-web-1", "media", "web"), WAITER_PUT_OFF, "later");
    assert_found ("web", "put off", "later");
}

static void
the_newest_refusal_is_told_when_the_ring_has_gone_round (void **state)
{
    (void) state;
    for (unsigned i = 0; i < REFUSALS_MAX + 3; i++)
        add_refusal (container ("web", "", ""), i == REFUSALS_MAX + 2 ? "last" : "earlier");
    assert_found ("web", "refused", "last");
}

static void
a_service_is_named_alone_or_with_its_project (void **state)
{
    (void) state;
    add_lease (container ("media-web-1", "media", "web"), 10, "this");
    add_refusal (container ("other-db-1", "other", "db"), "that");
    assert_found ("web", "active", "this");
    assert_found ("media/web", "active", "this");
    assert_found ("media-web", "active", "this");
    assert_found ("db", "refused", "that");
    assert_nobody ("other/web");
    assert_nobody ("media");
    assert_nobody ("media/");
    assert_nobody ("/web");
    assert_nobody ("media_web");
}

static void
a_container_comes_before_a_service_of_its_name (void **state)
{
    (void) state;
    add_lease (container ("media-web-1", "media", "web"), 10, "the service");
    add_refusal (container ("web", "", ""), "the container");
    assert_found ("web", "refused", "the container");
    assert_found ("media/web", "active", "the service");
}

static void
one_container_that_asked_often_is_one (void **state)
{
    (void) state;
    add_refusal (container ("media-web-1", "media", "web"), "older");
    add_refusal (container ("media-web-1", "media", "web"), "newer");
    assert_found ("web", "refused", "newer");
    add_lease (container ("media-web-1", "media", "web"), 10, "at last");
    assert_found ("web", "active", "at last");
}

static void
several_containers_of_a_service_are_all_named (void **state)
{
    struct subject s;

    (void) state;
    add_lease (container ("media-web-1", "media", "web"), 10, "");
    add_refusal (container ("home-web-1", "home", "web"), "");
    add_waiter (container ("media-db-1", "media", "db"), WAITER_CLIENT, "");
    subject_find (&l, "web", &root, &s);
    assert_int_equal (s.n_containers, 2);
    assert_string_equal (s.containers[0], "media-web-1");
    assert_string_equal (s.containers[1], "home-web-1");
    assert_found ("home/web", "refused", "");
    add_refusal (container ("app", "media-web", "x"), "");
    add_refusal (container ("odd", "media", "web-x"), "");
    subject_find (&l, "media-web-x", &root, &s);
    assert_int_equal (s.n_containers, 2);
}

static void
more_containers_than_are_told_do_no_harm (void **state)
{
    struct subject s;

    (void) state;
    for (unsigned i = 0; i < 2 * SUBJECT_CONTAINERS_MAX; i++) {
        char name[24];

        (void) snprintf (name, sizeof name, "media-web-%u", i);
        add_lease (container (name, "media", "web"), 10, "");
    }
    subject_find (&l, "web", &root, &s);
    assert_int_equal (s.n_containers, SUBJECT_CONTAINERS_MAX);
}

static void
who_is_not_root_is_told_of_his_own_alone (void **state)
{
    const struct viewer hers = {.uid = 1000}, reader = {.uid = 1000, .sees_all = true};
    struct subject s;

    (void) state;
    add_lease (container ("film", "", ""), 30, "hers");
    l.leases.table[l.leases.order[0]].order.owner = 1000;
    add_refusal (container ("film", "", ""), "root's");
    add_lease (container ("tune", "media", "web"), 10, "root's");
    assert_found ("film", "refused", "root's");
    subject_find (&l, "film", &hers, &s);
    assert_string_equal (s.reason, "hers");
    subject_find (&l, "film", &reader, &s);
    assert_string_equal (s.reason, "hers");
    subject_find (&l, "tune", &reader, &s);
    assert_non_null (s.order);
    subject_find (&l, "tune", &hers, &s);
    assert_null (s.order);
    subject_find (&l, "web", &hers, &s);
    assert_null (s.order);
    assert_true (viewer_owns (&root, &l.leases.table[l.leases.order[0]].order));
    assert_true (viewer_owns (&reader, &l.leases.table[l.leases.order[0]].order));
    assert_false (viewer_owns (&reader, &l.leases.table[l.leases.order[1]].order));
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup (a_lease_comes_before_the_queue_and_that_before_a_refusal, start),
        cmocka_unit_test_setup (who_was_put_off_is_found_too, start),
        cmocka_unit_test_setup (the_newest_refusal_is_told_when_the_ring_has_gone_round, start),
        cmocka_unit_test_setup (a_service_is_named_alone_or_with_its_project, start),
        cmocka_unit_test_setup (a_container_comes_before_a_service_of_its_name, start),
        cmocka_unit_test_setup (one_container_that_asked_often_is_one, start),
        cmocka_unit_test_setup (several_containers_of_a_service_are_all_named, start),
        cmocka_unit_test_setup (more_containers_than_are_told_do_no_harm, start),
        cmocka_unit_test_setup (who_is_not_root_is_told_of_his_own_alone, start),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
