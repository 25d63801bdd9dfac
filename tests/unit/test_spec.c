#include "tests/unit/testing.h"

#include "oci/spec.h"

static struct workload
workload_of (const char *text)
{
    struct workload w;
    struct error err = {0};
    json_t *spec = parse (text);

    assert_ok (spec_workload (spec, &w, &err));
    json_decref (spec);
    return w;
}

static void
assert_bad (const char *text, const char *words)
{
    struct workload w = {.uid = 77};
    struct error err = {0};
    json_t *spec = parse (text);

    assert_refused (spec_workload (spec, &w, &err), words);
    assert_int_equal (w.uid, 77);
    json_decref (spec);
}

static void
a_member_of_a_member_is_found_or_not (void **state)
{
    json_t *spec = parse ("{'a': {'b': {'c': 7}}, 'x': 'text', 'n': null}");

    (void) state;
    assert_int_equal (json_integer_value (spec_get (spec, "a", "b", "c", NULL)), 7);
    assert_null (spec_get (spec, "a", "x", "c", NULL));
    assert_null (spec_get (spec, "x", "y", NULL));
    assert_null (spec_get (spec, "n", "y", NULL));
    assert_null (spec_get (NULL, "a", NULL));
    json_decref (spec);
}

static void
the_last_of_a_variable_counts (void **state)
{
    json_t *spec = parse ("{'process': {'env': ['A=1', 'AB=2', 'A=3', 7, 'B', 'C=', 'D=x=y']}}");

    (void) state;
    assert_string_equal (spec_env (spec, "A"), "3");
    assert_string_equal (spec_env (spec, "AB"), "2");
    assert_string_equal (spec_env (spec, "C"), "");
    assert_string_equal (spec_env (spec, "D"), "x=y");
    assert_null (spec_env (spec, "B"));
    assert_null (spec_env (spec, ""));
    json_decref (spec);
    assert_null (spec_env (NULL, "A"));
}

static void
the_root_is_told_as_it_stands (void **state)
{
    json_t *spec = parse ("{'root': {'path': 'rootfs'}}");

    (void) state;
    assert_string_equal (spec_root_path (spec), "rootfs");
    json_decref (spec);
    spec = parse ("{'root': {'path': 7}}");
    assert_null (spec_root_path (spec));
    json_decref (spec);
    assert_null (spec_root_path (NULL));
}

static void
the_user_and_its_groups_are_read (void **state)
{
    struct workload w =
        workload_of ("{'process': {'user': {'uid': 1000, 'gid': 1001, 'additionalGids': [44, 992]}}}");

    (void) state;
    assert_int_equal (w.uid, 1000);
    assert_int_equal (w.gid, 1001);
    assert_int_equal (w.n_gids, 2);
    assert_int_equal (w.gids[0], 44);
    assert_int_equal (w.gids[1], 992);
    assert_false (w.drops);
    assert_false (w.userns);
}

/* As Go leaves out a 0.  */
static void
what_is_missing_is_root (void **state)
{
    static const char *const texts[] = {"{}", "{'process': {}}", "{'process': {'user': {}}}"};

    (void) state;
    for (size_t i = 0; i < countof (texts); i++) {
        struct workload w = workload_of (texts[i]);

        assert_int_equal (w.uid, 0);
        assert_int_equal (w.gid, 0);
        assert_int_equal (w.n_gids, 0);
    }
}

static void
what_is_no_id_is_refused (void **state)
{
    static const char *const values[] = {"-1",  "4294967295", "4294967296", "'0'",
                                         "1.0", "true",       "null",       "[]"};
    char text[128];

    (void) state;
    for (size_t i = 0; i < countof (values); i++) {
        (void) snprintf (text, sizeof text, "{'process': {'user': {'uid': %s}}}", values[i]);
        assert_bad (text, "process.user.uid is not an id");
        (void) snprintf (text, sizeof text, "{'process': {'user': {'gid': %s}}}", values[i]);
        assert_bad (text, "process.user.gid is not an id");
        (void) snprintf (text, sizeof text, "{'process': {'user': {'additionalGids': [0, %s]}}}", values[i]);
        assert_bad (text, "process.user.additionalGids is not an id");
        (void) snprintf (text, sizeof text,
                         "{'linux': {'namespaces': [{'type': 'user'}], 'gidMappings': [{'hostID': %s}]}}",
                         values[i]);
        assert_bad (text, "linux.gidMappings: hostID is not an id");
    }
    assert_int_equal (workload_of ("{'process': {'user': {'uid': 4294967294}}}").uid, 4294967294U);
}

static void
more_groups_or_map_lines_than_we_hold_are_refused (void **state)
{
    char text[4096] = "{'process': {'user': {'additionalGids': [0";
    char full[4096];

    (void) state;
    for (unsigned i = 1; i < WORKLOAD_GIDS_MAX; i++)
        strcat (text, ",1");
    (void) snprintf (full, sizeof full, "%s]}}}", text);
    assert_int_equal (workload_of (full).n_gids, WORKLOAD_GIDS_MAX);
    (void) snprintf (full, sizeof full, "%s,1]}}}", text);
    assert_bad (full, "process.user.additionalGids has more than 64 entries");
    (void) strcpy (text, "{'linux': {'namespaces': [{'type': 'user'}], 'uidMappings': [{}");
    for (unsigned i = 1; i < ID_MAPS_MAX; i++)
        strcat (text, ",{}");
    (void) snprintf (full, sizeof full, "%s]}}", text);
    assert_int_equal (workload_of (full).n_uid_map, ID_MAPS_MAX);
    (void) snprintf (full, sizeof full, "%s,{}]}}", text);
    assert_bad (full, "linux.uidMappings has more than 16 lines");
}

static void
id_maps_count_in_a_user_namespace_only (void **state)
{
    static const char maps[] = "'uidMappings': [{'containerID': 0, 'hostID': 100000, 'size': 65536}], "
                               "'gidMappings': [{'containerID': 1, 'hostID': 200000, 'size': 5}, "
                               "{'containerID': 0, 'hostID': 0, 'size': 4294967295}]";
    char text[512];
    struct workload w;

    (void) state;
    (void) snprintf (text, sizeof text, "{'linux': {'namespaces': [{'type': 'pid'}], %s}}", maps);
    w = workload_of (text);
    assert_false (w.userns);
    assert_int_equal (w.n_uid_map, 0);
    (void) snprintf (text, sizeof text, "{'linux': {'namespaces': [{'type': 'pid'}, {'type': 'user'}], %s}}",
                     maps);
    w = workload_of (text);
    assert_true (w.userns);
    assert_int_equal (w.n_uid_map, 1);
    assert_int_equal (w.uid_map[0].host, 100000);
    assert_int_equal (w.uid_map[0].size, 65536);
    assert_int_equal (w.n_gid_map, 2);
    assert_int_equal (w.gid_map[0].container, 1);
    assert_int_equal (w.gid_map[0].host, 200000);
    /* All ids, as in the first user namespace.  */
    assert_true (w.gid_map[1].size == UINT32_MAX);
}

static void
root_with_ids_in_its_environment_drops_to_them (void **state)
{
    static const struct {
        const char *uid, *env;
        bool drops;
    } cases[] = {
        {"0", "'PUID=1000', 'PGID=1001'", true},
        {"0", "'PUID=0', 'PGID=0'", true},
        {"0", "'PUID=1', 'PUID=1000', 'PGID=1001'", true},
        {"1000", "'PUID=1000', 'PGID=1001'", false},
        {"0", "'PUID=1000'", false},
        {"0", "'PGID=1001'", false},
        {"0", "'PUID=', 'PGID='", false},
        {"0", "'PUID=1000', 'PGID=abc'", false},
        {"0", "'PUID=abc', 'PGID=1001'", false},
        {"0", "'PUID=1000 ', 'PGID=1001'", false},
        {"0", "'PUID=-1', 'PGID=1001'", false},
        {"0", "'PUID=1000', 'PGID=4294967295'", false},
        {"0", "'PUID=18446744073709551616', 'PGID=1001'", false},
        {"0", "'XPUID=1000', 'XPGID=1001'", false},
        {"0", "'USER_ID=1000', 'GROUP_ID=1001', 'SUP_GROUP_IDS='", true},
        {"0", "'USER_ID=5', 'GROUP_ID=5', 'SUP_GROUP_IDS=', 'PUID=1000', 'PGID=1001'", true},
        {"1000", "'USER_ID=1000', 'GROUP_ID=1001', 'SUP_GROUP_IDS='", false},
        {"0", "'USER_ID=1000', 'GROUP_ID=1001'", false},
        {"0", "'USER_ID=1000', 'SUP_GROUP_IDS='", false},
        {"0", "'USER_ID=1000', 'GROUP_ID=x', 'SUP_GROUP_IDS='", false},
        {"0", "'PUID=1000', 'GROUP_ID=1001', 'SUP_GROUP_IDS='", false},
    };
    char text[256];

    (void) state;
    for (size_t i = 0; i < countof (cases); i++) {
        struct workload w;

        (void) snprintf (text, sizeof text, "{'process': {'user': {'uid': %s}, 'env': [%s]}}", cases[i].uid,
                         cases[i].env);
        w = workload_of (text);
        if (w.drops != cases[i].drops)
            fail_msg ("%s: wanted %d", text, cases[i].drops);
        if (w.drops && i != 1) {
            assert_int_equal (w.puid, 1000);
            assert_int_equal (w.pgid, 1001);
        }
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (a_member_of_a_member_is_found_or_not),
        cmocka_unit_test (the_last_of_a_variable_counts),
        cmocka_unit_test (the_root_is_told_as_it_stands),
        cmocka_unit_test (the_user_and_its_groups_are_read),
        cmocka_unit_test (what_is_missing_is_root),
        cmocka_unit_test (what_is_no_id_is_refused),
        cmocka_unit_test (more_groups_or_map_lines_than_we_hold_are_refused),
        cmocka_unit_test (id_maps_count_in_a_user_namespace_only),
        cmocka_unit_test (root_with_ids_in_its_environment_drops_to_them),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
