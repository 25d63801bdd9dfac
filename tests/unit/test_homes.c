#include "tests/unit/testing.h"

#include "broker/homes.h"

static struct homes homes; /* large */

static int
start (void **state)
{
    (void) state;
    memset (&homes, 0, sizeof homes);
    return 0;
}

#define homes_test(test) cmocka_unit_test_setup (test, start)

static struct container
container (const char *engine, const char *name)
{
    struct container c = {.id = "id"};

    (void) snprintf (c.engine, sizeof c.engine, "%s", engine);
    (void) snprintf (c.name, sizeof c.name, "%s", name);
    return c;
}

static void
learn (uid_t owner, const char *engine, const char *name, unsigned gpu)
{
    struct container c = container (engine, name);

    homes_learn (&homes, owner, &c, gpu);
}

static int
find (uid_t owner, const char *engine, const char *name)
{
    struct container c = container (engine, name);

    return homes_find (&homes, owner, &c);
}

static void
a_container_is_known_by_owner_engine_and_name (void **state)
{
    (void) state;
    assert_int_equal (find (0, "docker", "web"), -1);
    learn (0, "docker", "web", 1);
    assert_int_equal (find (0, "docker", "web"), 1);
    assert_int_equal (find (0, "podman", "web"), -1);
    assert_int_equal (find (1000, "docker", "web"), -1);
    learn (1000, "docker", "web", 2);
    learn (0, "docker", "web", 0);
    assert_int_equal (find (0, "docker", "web"), 0);
    assert_int_equal (find (1000, "docker", "web"), 2);
}

static void
without_a_name_its_service_is_what_stays (void **state)
{
    struct container c = {.id = "id", .engine = "docker", .project = "media", .service = "tv"};

    (void) state;
    homes_learn (&homes, 0, &c, 3);
    (void) strcpy (c.id, "another");
    assert_int_equal (homes_find (&homes, 0, &c), 3);
    (void) strcpy (c.project, "home");
    assert_int_equal (homes_find (&homes, 0, &c), -1);
    /* One that has nothing is like no other.  */
    learn (0, "", "", 1);
    assert_int_equal (find (0, "", ""), -1);
}

static void
a_task_of_swarm_is_known_by_its_slot (void **state)
{
    (void) state;
    learn (0, "docker", "media_tv.1.x4hk2mq0v7c8lz1w9r5tbn3pd", 1);
    assert_int_equal (find (0, "docker", "media_tv.1.0000000000000000000000000"), 1);
    assert_int_equal (find (0, "docker", "media_tv.2.x4hk2mq0v7c8lz1w9r5tbn3pd"), -1);
    assert_int_equal (find (0, "docker", "media_tv.1.X4HK2MQ0V7C8LZ1W9R5TBN3PD"), -1);
    learn (0, "docker", ".x4hk2mq0v7c8lz1w9r5tbn3pd", 2);
    assert_int_equal (find (0, "docker", ".0000000000000000000000000"), -1);
}

static void
the_one_used_longest_ago_makes_room (void **state)
{
    char name[16];

    (void) state;
    for (unsigned i = 0; i < HOMES_MAX; i++) {
        (void) snprintf (name, sizeof name, "c%u", i);
        learn (0, "docker", name, i % 16);
    }
    learn (0, "docker", "c0", 7);
    learn (0, "docker", "new", 8);
    assert_int_equal (find (0, "docker", "c0"), 7);
    assert_int_equal (find (0, "docker", "c1"), -1);
    assert_int_equal (find (0, "docker", "c2"), 2);
    assert_int_equal (find (0, "docker", "new"), 8);
}

static void
other_users_have_a_part_of_it (void **state)
{
    char name[16];

    (void) state;
    learn (0, "docker", "root's", 1);
    for (unsigned i = 0; i < 2 * HOMES_MAX; i++) {
        (void) snprintf (name, sizeof name, "c%u", i);
        learn (1000 + i % 3, "podman", name, 2);
    }
    assert_int_equal (find (0, "docker", "root's"), 1);
    assert_int_equal (find (1000 + (2 * HOMES_MAX - 1) % 3, "podman", name), 2);
    assert_int_equal (find (1000, "podman", "c0"), -1);
}

static void
the_order_of_use_is_that_of_the_journal (void **state)
{
    const struct home *home = NULL;
    const char *const wanted[] = {"docker/b", "docker/c", "docker/a"};

    (void) state;
    assert_null (homes_next (&homes, NULL));
    learn (0, "docker", "a", 1);
    learn (0, "docker", "b", 1);
    learn (0, "docker", "c", 1);
    learn (0, "docker", "a", 2);
    for (unsigned i = 0; i < countof (wanted); i++) {
        home = homes_next (&homes, home);
        assert_non_null (home);
        assert_string_equal (home->key, wanted[i]);
    }
    assert_null (homes_next (&homes, home));
    homes_restore (&homes, 0, "docker/b", 3);
    assert_int_equal (find (0, "docker", "b"), 3);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        homes_test (a_container_is_known_by_owner_engine_and_name),
        homes_test (without_a_name_its_service_is_what_stays),
        homes_test (a_task_of_swarm_is_known_by_its_slot),
        homes_test (the_one_used_longest_ago_makes_room),
        homes_test (other_users_have_a_part_of_it),
        homes_test (the_order_of_use_is_that_of_the_journal),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
