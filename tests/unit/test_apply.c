#include "apply_bed.h"

/* --- what is added --- */

static void
an_empty_spec_gets_everything (void **state)
{
    json_t *spec = applied ("{}");
    char text[512];

    (void) state;
    (void) snprintf (text, sizeof text, "[%s]", our_mount);
    assert_member (spec, text, "mounts");
    assert_member (spec, "[" RULE_129 "]", "linux", "resources", "devices");
    assert_member (spec, "[44, 992]", "process", "user", "additionalGids");
    assert_member (spec, "{'io.dri.lease': '" LEASE "', 'io.dri.gids': '44,992'}", "annotations");
    assert_int_equal (json_array_size (spec_get (spec, "hooks", "createRuntime", NULL)), 1);
    assert_int_equal (json_array_size (spec_get (spec, "hooks", "poststop", NULL)), 1);
    assert_int_equal (json_object_size (spec_get (spec, "hooks", NULL)), 2);
    assert_int_equal (json_object_size (spec), 5);
    json_decref (spec);
}

/* A mount on /dev that came later would hide it.  */
static void
our_mount_comes_last (void **state)
{
    json_t *spec = applied ("{'mounts': [{'destination': '/dev'}, {'destination': '/proc'}]}");
    char text[512];

    (void) state;
    (void) snprintf (text, sizeof text, "[{'destination': '/dev'}, {'destination': '/proc'}, %s]", our_mount);
    assert_member (spec, text, "mounts");
    json_decref (spec);
}

/* "rw" without "m": the workload can make no node. One rule a device, aliases have none of their own; last,
 * since a later rule wins.  */
static void
each_device_has_one_rule_after_the_others (void **state)
{
    json_t *spec;

    (void) state;
    grant.nodes[2] = (struct grant_node){"card1", 226, 1, true};
    grant.n_nodes = 3;
    spec = applied ("{'linux': {'resources': {'devices': [{'allow': false, 'access': 'rwm'}]}}}");
    assert_member (spec,
                   "[{'allow': false, 'access': 'rwm'}, " RULE_129
                   ", {'allow': true, 'type': 'c', 'major': 226, 'minor': 1, 'access': 'rw'}]",
                   "linux", "resources", "devices");
    json_decref (spec);
}

static void
groups_are_added_once_and_after_the_users (void **state)
{
    json_t *spec = applied ("{'process': {'user': {'uid': 7, 'additionalGids': [5, 44]}}}");

    (void) state;
    assert_member (spec, "{'uid': 7, 'additionalGids': [5, 44, 992]}", "process", "user");
    json_decref (spec);
}

static void
a_grant_without_groups_is_marked_without (void **state)
{
    json_t *spec;

    (void) state;
    grant.n_gids = 0;
    spec = applied ("{'process': {'user': {'uid': 7}}}");
    assert_member (spec, "{'uid': 7}", "process", "user");
    assert_member (spec, "''", "annotations", "io.dri.gids");
    json_decref (spec);
}

static void
a_grant_without_nodes_mounts_an_empty_directory_and_opens_nothing (void **state)
{
    json_t *spec;

    (void) state;
    grant.n_nodes = grant.n_gids = 0;
    spec = applied ("{'linux': {'resources': {'devices': []}}}");
    assert_int_equal (json_array_size (spec_get (spec, "mounts", NULL)), 1);
    assert_member (spec, "[]", "linux", "resources", "devices");
    json_decref (spec);
}

/* A user's: his runtime can do neither.  */
static void
a_grant_without_a_directory_is_mounted_by_the_hook (void **state)
{
    bool attaches = false;
    json_t *spec, *arg;
    size_t i;

    (void) state;
    grant.directory[0] = '\0';
    spec = applied ("{'mounts': [{'destination': '/dev/dri'}, {'destination': '/x'}], 'linux': {}}");
    assert_member (spec, "[{'destination': '/x'}]", "mounts");
    assert_null (spec_get (spec, "linux", "resources", NULL));
    json_array_foreach (
        spec_get (json_array_get (spec_get (spec, "hooks", "createRuntime", NULL), 0), "args", NULL), i, arg)
        attaches |= strcmp (json_string_value (arg), "--attach") == 0;
    assert_true (attaches);
    json_decref (spec);
}

/* --- once and twice --- */

static void
assert_twice_is_once (const char *text)
{
    json_t *once = applied (text), *twice = json_deep_copy (once);
    char *a, *b;

    assert_ok (apply_grant (twice, &grant, &req, &workload, &hook, &err));
    a = json_dumps (once, JSON_COMPACT);
    b = json_dumps (twice, JSON_COMPACT);
    assert_string_equal (a, b);
    free (a);
    free (b);
    json_decref (once);
    json_decref (twice);
}

static void
twice_is_once (void **state)
{
    (void) state;
    assert_twice_is_once ("{}");
    assert_twice_is_once (users_dri);
    assert_twice_is_once (privileged);
    assert_twice_is_once ("{'hooks': {'createRuntime': [{'path': '/a'}], 'poststop': [{'path': '/b'}]}}");
    hook.path = NULL;
    assert_twice_is_once (users_dri);
}

/* Stand-ins have other majors than DRM's, and an alias the numbers of its node.  */
static void
twice_is_once_with_stand_ins_and_aliases_in_any_order (void **state)
{
    struct rng rng = rng_start (__func__);

    (void) state;
    for (unsigned i = 0; i < 500; i++) {
        grant.n_nodes = rng_below (&rng, 8);
        for (unsigned j = 0; j < grant.n_nodes; j++)
            grant.nodes[j] =
                (struct grant_node){"x", rng_below (&rng, 2) ? 226 : 10, rng_below (&rng, 3), true};
        assert_twice_is_once ("{'linux': {'resources': {'devices': ["
                              "{'allow': true, 'type': 'c', 'major': 10, 'minor': 1, 'access': 'rw'},"
                              "{'allow': false, 'access': 'rwm'}]}}}");
    }
}

static void
the_second_lease_takes_the_place_of_the_first (void **state)
{
    json_t *spec = applied ("{}"), *fresh;

    (void) state;
    (void) strcpy (grant.lease, "ffffffffffffffffffffffffffffffff");
    (void) strcpy (grant.directory, "/run/leases/f");
    assert_ok (apply_grant (spec, &grant, &req, &workload, &hook, &err));
    fresh = applied ("{}");
    assert_true (json_equal (spec, fresh));
    json_decref (spec);
    json_decref (fresh);
}

/* --- what is not ours --- */

static void
unknown_fields_their_order_and_numbers_survive (void **state)
{
    static const char text[] = "{\"z\":1.10,\"ociVersion\":\"1.0\",\"process\":{\"x\":-0,\"user\":{\"y\":"
                               "1e400,\"uid\":0},\"rlimits\":"
                               "[{\"hard\":18446744073709551615}],\"a\":null},\"linux\":{\"k\":[],"
                               "\"resources\":{\"memory\":{\"limit\":"
                               "9223372036854775808}},\"seccomp\":{\"q\":\"\\u0000\"}},\"annotations\":{"
                               "\"o\":\"1\"},\"hooks\":{\"f\":[]}}";
    /* Ours taken out again.  */
    static const char *const ours[][3] = {
        {"mounts"},
        {"process", "user", "additionalGids"},
        {"linux", "resources", "devices"},
        {"annotations", "io.dri.lease"},
        {"annotations", "io.dri.gids"},
        {"hooks", "createRuntime"},
        {"hooks", "poststop"},
    };
    struct document doc;
    char *out;
    size_t len;

    (void) state;
    assert_ok (document_load (&doc, text, strlen (text), &err));
    assert_ok (apply_grant (doc.root, &grant, &req, &workload, &hook, &err));
    for (size_t i = 0; i < countof (ours); i++) {
        json_t *parent = doc.root;
        unsigned last = 0;

        while (last < 2 && ours[i][last + 1])
            parent = json_object_get (parent, ours[i][last++]);
        assert_int_equal (json_object_del (parent, ours[i][last]), 0);
    }
    assert_ok (document_dump (&doc, JSON_COMPACT, &out, &len, &err));
    assert_int_equal (len, strlen (text));
    assert_memory_equal (out, text, len);
    free (out);
    document_finish (&doc);
}

static void
a_dev_that_is_shared_with_the_host_is_refused (void **state)
{
    static const struct {
        const char *mount;
        bool refused;
    } cases[] = {
        {"{'destination': '/dev', 'options': ['rbind', 'rshared']}", true},
        {"{'destination': '/dev/', 'options': ['bind', 'shared']}", true},
        {"{'destination': '/', 'options': ['rshared']}", true},
        {"{'destination': '/dev', 'options': ['rbind', 'rslave']}", false},
        {"{'destination': '/data', 'options': ['rshared']}", false},
        {"{'destination': '/dev'}", false},
    };
    char text[256];

    (void) state;
    for (size_t i = 0; i < countof (cases); i++) {
        json_t *spec;

        (void) snprintf (text, sizeof text, "{'mounts': [%s]}", cases[i].mount);
        spec = parse (text);
        if (cases[i].refused)
            assert_refused (apply_grant (spec, &grant, &req, &workload, &hook, &err), "shared with the host");
        else
            assert_ok (apply_grant (spec, &grant, &req, &workload, &hook, &err));
        json_decref (spec);
    }
}

static void
a_malformed_spec_is_refused_and_named (void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"{'mounts': {}}", "mounts"},
        {"{'mounts': 'x'}", "mounts"},
        {"{'linux': []}", "linux.resources.devices"},
        {"{'linux': {'resources': 7}}", "linux.resources.devices"},
        {"{'linux': {'resources': {'devices': {}}}}", "linux.resources.devices"},
        {"{'process': []}", "process.user"},
        {"{'process': {'user': 'root'}}", "process.user"},
        {"{'process': {'user': {'additionalGids': {}}}}", "process.user"},
        {"{'annotations': []}", "annotations"},
        {"{'hooks': []}", "hooks"},
        {"{'hooks': {'createRuntime': {}}}", "hooks"},
        {"{'hooks': {'poststop': 'x'}}", "hooks"},
        {"[]", "mounts"},
    };

    (void) state;
    for (size_t i = 0; i < countof (cases); i++) {
        json_t *spec = parse (cases[i].text);

        if (apply_grant (spec, &grant, &req, &workload, &hook, &err) == 0)
            fail_msg ("%s was taken", cases[i].text);
        assert_contains (err.message, cases[i].words);
        json_decref (spec);
    }
}

/* null is what Go writes for a list that is none.  */
static void
null_is_as_good_as_missing (void **state)
{
    json_t *spec = applied ("{'mounts': null, 'linux': null, 'process': {'user': {'additionalGids': null}},"
                            " 'annotations': null, 'hooks': null}");
    json_t *fresh = applied ("{}");

    (void) state;
    assert_true (json_equal (spec, fresh));
    json_decref (spec);
    json_decref (fresh);
}

static void
odd_entries_are_survived (void **state)
{
    json_t *spec =
        applied ("{'mounts': [7, null, {}, {'destination': 7}], 'linux': {'devices': [[], 'x', {}],"
                 " 'resources': {'devices': [null, {'major': 'x', 'allow': true}, {'allow': 'yes',"
                 " 'major': 226}]}}, 'hooks': {'createRuntime': [null, {'args': 7}, {'args': [7]}]}}");

    (void) state;
    assert_int_equal (json_array_size (json_object_get (spec, "mounts")), 5);
    assert_int_equal (json_array_size (spec_get (spec, "linux", "devices", NULL)), 3);
    assert_int_equal (json_array_size (spec_get (spec, "linux", "resources", "devices", NULL)), 4);
    assert_int_equal (json_array_size (spec_get (spec, "hooks", "createRuntime", NULL)), 4);
    json_decref (spec);
    apply_nothing (NULL);
}

/* --- exec --- */

static void
assert_gids (const char *process, const char *gids, bool changed, const char *wanted)
{
    json_t *json = parse (process), *spec = applied ("{}");

    (void) json_object_set_new (json_object_get (spec, "annotations"), APPLY_GIDS_ANNOTATION,
                                json_string (gids));
    assert_int_equal (apply_gids (json, spec), changed);
    assert_json (json, wanted);
    json_decref (json);
    json_decref (spec);
}

/* Annotations that an image or a pod brings, with hooks that are not the grant's.  */
static const char *const forged[] = {
    "{'annotations': {'io.dri.gids': '0,6'}}",
    "{'annotations': {'io.dri.gids': '0,6', 'io.dri.lease': '" LEASE "'}}",
    "{'annotations': {'io.dri.gids': '0,6', 'io.dri.lease': '" LEASE "'}, 'hooks': {'createRuntime': ["
    "  {'path': '/dri-hook'}, {'args': ['dri-hook', 'createRuntime']}, {'args': ['dri-hook', 'createRuntime',"
    "   '--lease', '00']}, {'args': ['other', 'createRuntime', '--lease', '" LEASE "']}]}}",
    "{'annotations': {'io.dri.gids': '0,6'}, 'hooks': {'createRuntime': ["
    "  {'args': ['dri-hook', 'createRuntime', '--lease', '" LEASE "']}]}}",
};

static void
marks_that_are_not_ours_are_not_believed (void **state)
{
    (void) state;
    for (size_t i = 0; i < countof (forged); i++) {
        json_t *spec = parse (forged[i]), *process = parse ("{'user': {}}");

        assert_false (apply_is_ours (spec));
        assert_false (apply_gids (process, spec));
        assert_json (process, "{'user': {}}");
        assert_ok (apply_grant (spec, &grant, &req, &workload, &hook, &err));
        assert_true (apply_is_ours (spec));
        assert_member (spec, "{'io.dri.lease': '" LEASE "', 'io.dri.gids': '44,992'}", "annotations");
        apply_nothing (spec);
        assert_member (spec, "{}", "annotations");
        json_decref (spec);
        json_decref (process);
    }
}

static void
an_exec_gets_the_groups_once (void **state)
{
    (void) state;
    assert_gids ("{'user': {'uid': 1}}", "44,992", true, "{'user': {'uid': 1, 'additionalGids': [44, 992]}}");
    assert_gids ("{'user': {'additionalGids': [5, 992]}}", "44,992", true,
                 "{'user': {'additionalGids': [5, 992, 44]}}");
    assert_gids ("{'user': {'additionalGids': [44, 992]}}", "44,992", false,
                 "{'user': {'additionalGids': [44, 992]}}");
    assert_gids ("{'user': {'additionalGids': null}}", "4294967294", true,
                 "{'user': {'additionalGids': [4294967294]}}");
    assert_gids ("{'user': {}}", "", false, "{'user': {}}");
}

static void
an_exec_of_a_stranger_or_a_broken_one_is_left_alone (void **state)
{
    json_t *process = parse ("{'user': {'uid': 1}}"), *none = json_object ();

    (void) state;
    assert_false (apply_gids (process, none));
    assert_false (apply_gids (process, NULL));
    assert_json (process, "{'user': {'uid': 1}}");
    json_decref (process);
    json_decref (none);
    assert_gids ("{}", "44", false, "{}");
    assert_gids ("[]", "44", false, "[]");
    assert_gids ("{'user': 7}", "44", false, "{'user': 7}");
    assert_gids ("{'user': {'additionalGids': 'x'}}", "44", false, "{'user': {'additionalGids': 'x'}}");
    assert_gids ("{'user': {}}", "x", false, "{'user': {}}");
    assert_gids ("{'user': {}}", "44 and", true, "{'user': {'additionalGids': [44]}}");
    assert_gids ("{'user': {}}", "-1", false, "{'user': {}}");
    assert_gids ("{'user': {}}", "4294967340", false, "{'user': {}}");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        apply_test (an_empty_spec_gets_everything),
        apply_test (our_mount_comes_last),
        apply_test (each_device_has_one_rule_after_the_others),
        apply_test (groups_are_added_once_and_after_the_users),
        apply_test (a_grant_without_groups_is_marked_without),
        apply_test (a_grant_without_nodes_mounts_an_empty_directory_and_opens_nothing),
        apply_test (a_grant_without_a_directory_is_mounted_by_the_hook),
        apply_test (twice_is_once),
        apply_test (twice_is_once_with_stand_ins_and_aliases_in_any_order),
        apply_test (the_second_lease_takes_the_place_of_the_first),
        apply_test (unknown_fields_their_order_and_numbers_survive),
        apply_test (a_dev_that_is_shared_with_the_host_is_refused),
        apply_test (a_malformed_spec_is_refused_and_named),
        apply_test (null_is_as_good_as_missing),
        apply_test (odd_entries_are_survived),
        apply_test (an_exec_gets_the_groups_once),
        apply_test (an_exec_of_a_stranger_or_a_broken_one_is_left_alone),
        apply_test (marks_that_are_not_ours_are_not_believed),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
