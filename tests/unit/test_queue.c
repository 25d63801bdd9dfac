#include "testing.h"

#include "broker/arbiter.h"
#include "broker/queue.h"
#include "broker/scope.h"

static struct queue queue; /* large */

static struct waiter *
add (enum waiter_kind kind, const char *id, enum request_class class)
{
    struct waiter waiter = {.kind = kind, .candidates = 1U << (unsigned) kind};

    (void) snprintf (waiter.order.container.id, sizeof waiter.order.container.id, "%s", id);
    waiter.order.request.class = class;
    waiter.turn = arbiter_turn (class, 0, 1000);
    waiter.order.parameters = strdup ("{}");
    return queue_add (&queue, &waiter);
}

static int
empty_queue (void **state)
{
    (void) state;
    queue_finish (&queue);
    return 0;
}

static void
assert_order (const char *wanted)
{
    char got[512] = "";

    for (struct waiter *w = queue_next (&queue, NULL); w; w = queue_next (&queue, w))
        (void) snprintf (got + strlen (got), sizeof got - strlen (got), "%s ", w->order.container.id);
    assert_string_equal (got, wanted);
}

static void
by_class_then_by_arrival (void **state)
{
    struct waiter *first;
    struct waiter taken;

    (void) state;
    assert_non_null (add (WAITER_CLIENT, "batch", CLASS_BATCH));
    first = add (WAITER_CLIENT, "first", CLASS_INTERACTIVE);
    assert_non_null (add (WAITER_PUT_OFF, "second", CLASS_INTERACTIVE));
    assert_non_null (add (WAITER_CLIENT, "realtime", CLASS_REALTIME));
    assert_order ("realtime first second batch ");
    taken = queue_take (&queue, first);
    order_finish (&taken.order);
    assert_order ("realtime second batch ");
    /* Its place in the table is used again, its turn is not.  */
    assert_non_null (add (WAITER_CLIENT, "third", CLASS_INTERACTIVE));
    assert_order ("realtime second third batch ");
}

static void
going_on_after_one_that_is_gone (void **state)
{
    struct waiter *one, at, taken;

    (void) state;
    one = add (WAITER_CLIENT, "one", CLASS_BATCH);
    assert_non_null (add (WAITER_CLIENT, "two", CLASS_BATCH));
    at = *one;
    taken = queue_take (&queue, one);
    order_finish (&taken.order);
    assert_string_equal (queue_next (&queue, &at)->order.container.id, "two");
}

static void
clients_and_those_put_off_have_room_of_their_own (void **state)
{
    struct waiter *starting = NULL;

    (void) state;
    for (int i = 0; i < QUEUE_CLIENTS_MAX; i++)
        assert_non_null (add (WAITER_CLIENT, "client", CLASS_BATCH));
    for (int i = 0; i < QUEUE_PUT_OFF_MAX; i++)
        assert_non_null (starting = add (WAITER_PUT_OFF, "put off", CLASS_BATCH));
    queue_set_kind (&queue, starting, WAITER_STARTING);
    for (int kind = WAITER_CLIENT; kind <= WAITER_PUT_OFF; kind++) {
        struct waiter more = {.kind = (enum waiter_kind) kind};

        assert_null (queue_add (&queue, &more));
    }
}

static void
who_was_put_off_is_found_and_clients_are_not (void **state)
{
    struct waiter *w;

    (void) state;
    assert_non_null (add (WAITER_CLIENT, "a", CLASS_BATCH));
    assert_null (queue_find_put_off (&queue, "a"));
    w = add (WAITER_PUT_OFF, "a", CLASS_BATCH);
    assert_ptr_equal (queue_find_put_off (&queue, "a"), w);
    queue_set_kind (&queue, w, WAITER_STARTING);
    assert_ptr_equal (queue_find_put_off (&queue, "a"), w);
    assert_null (queue_find_put_off (&queue, "b"));
}

static void
no_more_are_kept_than_can_be_put_off (void **state)
{
    struct waiter *first = NULL, *added;

    (void) state;
    for (unsigned i = 0; i < QUEUE_PUT_OFF_MAX; i++) {
        char id[16];

        (void) snprintf (id, sizeof id, "c%u", i);
        assert_true (queue_may_keep (&queue));
        added = add (i % 2 ? WAITER_CLIENT : WAITER_PUT_OFF, id, CLASS_BATCH);
        assert_non_null (added);
        added->kept = true;
        first = first ? first : added;
    }
    assert_false (queue_may_keep (&queue));
    first->kept = false;
    assert_true (queue_may_keep (&queue));
}

static void
only_clients_reserve_and_not_against_a_better_class (void **state)
{
    (void) state;
    assert_non_null (add (WAITER_PUT_OFF, "a", CLASS_REALTIME));
    assert_int_equal (queue_reserved_before (&queue, UINT64_MAX), 0);
    assert_non_null (add (WAITER_CLIENT, "b", CLASS_INTERACTIVE));
    assert_int_equal (queue_reserved_before (&queue, arbiter_turn (CLASS_INTERACTIVE, 1, 1000)),
                      1U << WAITER_CLIENT);
    assert_int_equal (queue_reserved_before (&queue, arbiter_turn (CLASS_REALTIME, 1, 1000)), 0);
}

static void
the_scope_of_a_container (void **state)
{
    static const struct {
        const char *cgroup, *unit;
    } cases[] = {
        {"/system.slice/docker-0123.scope", "docker-0123.scope"},
        {"/machine.slice/libpod-0123.scope/container", "libpod-0123.scope"},
        /* What a container makes below its own.  */
        {"/machine.slice/libpod-0123.scope/init.scope", "libpod-0123.scope"},
        {"/system.slice/docker-0123.scope/x-0123.scope", "docker-0123.scope"},
        {"/docker/0123/docker.service", ""},
        {"/docker/0123/init.scope", ""},
        /* Another's.  */
        {"/init.scope", ""},
        {"/system.slice/docker-4567.scope", ""},
        {"/system.slice/podman.service/libpod-0123.scope", ""},
        {"/system.slice/media.service/libpod-payload-0123", ""},
        {"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-0123.scope", ""},
        {"/docker/0123", ""},
        {"/scope", ""},
        {"/.scope", ""},
        {"", ""},
    };

    (void) state;
    for (size_t i = 0; i < countof (cases); i++) {
        char unit[64];

        assert_int_equal (scope_unit (cases[i].cgroup, "0123", unit, sizeof unit), cases[i].unit[0] != '\0');
        assert_string_equal (unit, cases[i].unit);
    }
    assert_false (scope_unit ("/system.slice/docker-.scope", "", (char[64]){0}, 64));
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown (by_class_then_by_arrival, empty_queue),
        cmocka_unit_test_teardown (going_on_after_one_that_is_gone, empty_queue),
        cmocka_unit_test_teardown (clients_and_those_put_off_have_room_of_their_own, empty_queue),
        cmocka_unit_test_teardown (who_was_put_off_is_found_and_clients_are_not, empty_queue),
        cmocka_unit_test_teardown (no_more_are_kept_than_can_be_put_off, empty_queue),
        cmocka_unit_test_teardown (only_clients_reserve_and_not_against_a_better_class, empty_queue),
        cmocka_unit_test (the_scope_of_a_container),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
