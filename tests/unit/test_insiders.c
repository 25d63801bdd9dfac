/* As whom the processes of a container run, and what they may open.  */
#include "tests/unit/testing.h"

#include "broker/drictl/insiders.h"

#define STATUS(ids, groups, caps)                                                                            \
    "Name:\tffmpeg\nUmask:\t0022\nState:\tS (sleeping)\nUid:\t" ids "\nGid:\t" ids                           \
    "\nFDSize:\t64\nGroups:\t" groups "\nCapInh:\t0000000000000000\nCapEff:\t" caps "\n"

static struct insider insider;

static void
read_status (const char *status)
{
    assert_true (insider_parse (&insider, status));
}

static void
test_parse (void **state)
{
    (void) state;
    read_status (STATUS ("1\t2\t3\t1000", "5 992 ", "00000000a80425fb"));
    assert_string_equal (insider.name, "ffmpeg");
    assert_int_equal (insider.uid, 1000);
    assert_int_equal (insider.gid, 1000);
    assert_int_equal (insider.n_gids, 2);
    assert_int_equal (insider.gids[1], 992);
    assert_true (insider.dac_override);

    read_status (STATUS ("0\t0\t0\t0", " ", "00000000a80425f9"));
    assert_int_equal (insider.n_gids, 0);
    assert_false (insider.dac_override);

    assert_false (insider_parse (&insider, "Name:\tx\nUid:\t0\t0\t0\t0\n"));
    assert_false (insider_parse (&insider, ""));
}

static void
test_may_open (void **state)
{
    (void) state;
    read_status (STATUS ("1\t2\t3\t1000", "5 992 ", "0"));
    assert_true (insider_may_open (&insider, 1000, 0, 0600, true));
    assert_true (insider_may_open (&insider, 0, 1000, 0060, true));
    assert_true (insider_may_open (&insider, 0, 992, 0660, true));
    assert_true (insider_may_open (&insider, 0, 0, 0666, true));
    assert_false (insider_may_open (&insider, 0, 0, 0660, true));
    assert_false (insider_may_open (&insider, 0, 992, 0640, true));
    /* The owner's bits are all that count for the owner.  */
    assert_false (insider_may_open (&insider, 1000, 992, 0066, true));

    read_status (STATUS ("0\t0\t0\t0", "", "2"));
    assert_true (insider_may_open (&insider, 1000, 1000, 0, true));
    assert_false (insider_may_open (&insider, 1000, 1000, 0660, false));
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_parse),
        cmocka_unit_test (test_may_open),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
