#include "tests/unit/testing.h"

#include "hook/workload.h"

static void
ids_are_read_in_their_order (void **state)
{
    struct workload_user user;
    struct error err = {0};

    (void) state;
    assert_ok (workload_parse_user (&user, "1000:1001", &err));
    assert_int_equal (user.uid, 1000);
    assert_int_equal (user.gid, 1001);
    assert_int_equal (user.n_gids, 0);
    assert_false (user.dac_override);
    assert_ok (workload_parse_user (&user, "0:0:44:4294967294", &err));
    assert_int_equal (user.uid, 0);
    assert_int_equal (user.n_gids, 2);
    assert_int_equal (user.gids[0], 44);
    assert_true (user.gids[1] == 4294967294U);
}

static void
as_many_groups_as_a_door_sends_fit (void **state)
{
    enum { MOST = WORKLOAD_GIDS_MAX + 8 };
    struct workload_user user;
    struct error err = {0};
    char text[2048] = "1:2", more[16];

    (void) state;
    for (unsigned i = 0; i < MOST; i++) {
        (void) snprintf (more, sizeof more, ":%u", 4294967000U + i);
        strcat (text, more);
    }
    assert_ok (workload_parse_user (&user, text, &err));
    assert_int_equal (user.n_gids, MOST);
    assert_true (user.gids[MOST - 1] == 4294967000U + MOST - 1);
    strcat (text, ":7");
    assert_refused (workload_parse_user (&user, text, &err), "--user wants UID:GID[:GID...]");
}

/* Whoever is read wrongly here is checked as root, or, with (uid_t) -1, as whoever we are.  */
static void
what_is_no_list_of_ids_is_refused (void **state)
{
    static const char *const texts[] = {
        "",
        "1",
        "1:",
        ":1",
        "1:2:",
        "1::2",
        "a:1",
        "1:a",
        "-1:0",
        "0:-1",
        "+1:0",
        " 1:0",
        "1: 0",
        "1:0 ",
        "1:0,5",
        "0x1:0",
        "1:2:3:",
        "4294967295:0",
        "0:4294967295",
        "0:0:4294967295",
        "4294967296:0",
        "0:4294967296",
        "18446744073709551616:0",
        "99999999999999999999999:0",
        "1.5:0",
        "root:root",
    };
    struct workload_user user = {.uid = 77};
    struct error err = {0};

    (void) state;
    for (size_t i = 0; i < countof (texts); i++) {
        if (workload_parse_user (&user, texts[i], &err) == 0)
            fail_msg ("\"%s\" was taken, as %u:%u", texts[i], user.uid, user.gid);
        assert_int_equal (user.uid, 77);
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (ids_are_read_in_their_order),
        cmocka_unit_test (as_many_groups_as_a_door_sends_fit),
        cmocka_unit_test (what_is_no_list_of_ids_is_refused),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
