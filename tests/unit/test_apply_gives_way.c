#include "apply_bed.h"

/* --- what gives way --- */

static void
what_the_user_put_below_dev_dri_gives_way (void **state)
{
    json_t *spec = applied (users_dri);

    (void) state;
    assert_int_equal (json_array_size (json_object_get (spec, "mounts")), 2);
    assert_json (json_array_get (json_object_get (spec, "mounts"), 0), "{'destination': '/keep'}");
    assert_member (spec, "[{'path': '/dev/kvm'}]", "linux", "devices");
    assert_member (spec,
                   "[{'allow': false, 'access': 'rwm'},"
                   " {'allow': true, 'type': 'c', 'major': 10, 'minor': 232, 'access': 'rwm'},"
                   " {'allow': false, 'type': 'c', 'major': 226, 'minor': 1, 'access': 'rwm'}, " RULE_129 "]",
                   "linux", "resources", "devices");
    json_decref (spec);
}

static void
without_a_gpu_it_gives_way_too_and_nothing_comes (void **state)
{
    json_t *spec = parse (users_dri);

    (void) state;
    apply_nothing (spec);
    assert_json (spec, "{'mounts': [{'destination': '/keep'}],"
                       " 'linux': {'devices': [{'path': '/dev/kvm'}],"
                       "  'resources': {'devices': [{'allow': false, 'access': 'rwm'},"
                       "   {'allow': true, 'type': 'c', 'major': 10, 'minor': 232, 'access': 'rwm'},"
                       "   {'allow': false, 'type': 'c', 'major': 226, 'minor': 1, 'access': 'rwm'}]}}}");
    json_decref (spec);
}

static void
paths_are_compared_by_what_they_mean (void **state)
{
    static const char *const ours[] = {
        "/dev/dri",       "/dev/dri/", "//dev//dri//card0",  "/dev/./dri",
        "/./dev/dri/./x", "dev/dri",   "/dev/dri/by-path/x",
    };
    static const char *const others[] = {
        "/dev",      "/dev/",      "/dev/dri2", "/dev/dr", "/dev/drivers/x", "/devdri",
        "/dev/.dri", "/x/dev/dri", "",          "/",       "/dev/..dri",     "/devices/dri",
    };
    json_t *spec = parse ("{'linux': {'devices': []}}");
    json_t *devices = spec_get (spec, "linux", "devices", NULL);

    (void) state;
    for (size_t i = 0; i < countof (ours); i++) {
        (void) json_array_append_new (devices, json_pack ("{s:s}", "path", ours[i]));
        apply_nothing (spec);
        if (json_array_size (devices) != 0)
            fail_msg ("%s stayed", ours[i]);
    }
    /* All at once, one behind the other.  */
    for (size_t i = 0; i < countof (ours); i++)
        (void) json_array_append_new (devices, json_pack ("{s:s}", "path", ours[i]));
    apply_nothing (spec);
    assert_int_equal (json_array_size (devices), 0);
    for (size_t i = 0; i < countof (others); i++) {
        (void) json_array_append_new (devices, json_pack ("{s:s}", "path", others[i]));
        apply_nothing (spec);
        if (json_array_size (devices) != i + 1)
            fail_msg ("%s went", others[i]);
    }
    json_decref (spec);
}

/* The user's word about all devices stays; the nodes that Docker copied do not.  */
static void
privileged_keeps_its_rule_and_loses_the_nodes (void **state)
{
    json_t *spec = applied (privileged);

    (void) state;
    assert_member (spec, "[{'path': '/dev/kvm'}]", "linux", "devices");
    assert_member (spec, "[{'allow': true, 'access': 'rwm'}, " RULE_129 "]", "linux", "resources", "devices");
    json_decref (spec);
}

/* --- notes --- */

static void
notes_name_what_gives_way (void **state)
{
    json_t *spec = parse (users_dri), *notes = apply_notes (spec), *untouched = parse (users_dri);

    (void) state;
    assert_int_equal (json_array_size (notes), 4);
    assert_contains (json_string_value (json_array_get (notes, 0)), "mount /dev/dri/renderD128 gives way");
    assert_contains (json_string_value (json_array_get (notes, 1)), "mount /dev/dri gives way");
    assert_contains (json_string_value (json_array_get (notes, 2)), "device /dev/dri/card0 gives way");
    assert_contains (json_string_value (json_array_get (notes, 3)), "device /dev/dri/renderD128 gives way");
    assert_true (json_equal (spec, untouched));
    json_decref (notes);
    json_decref (spec);
    json_decref (untouched);
}

static void
privileged_is_one_note_not_one_a_device (void **state)
{
    static const struct {
        const char *rules;
        bool noted;
    } cases[] = {
        {"[{'allow': true, 'access': 'rwm'}]", true},
        {"[{'allow': false, 'access': 'rwm'}, {'allow': true, 'type': 'a', 'access': 'rwm'}]", true},
        {"[{'allow': true, 'access': 'rwm'}, {'allow': false, 'access': 'rwm'}]", false},
        {"[{'allow': true, 'type': 'c', 'access': 'rwm'}]", true},
        {"[{'allow': true, 'type': 'c', 'major': -1, 'minor': -1, 'access': 'rwm'}]", true},
        {"[{'allow': true, 'type': 'c', 'access': 'm'}]", false},
        {"[{'allow': true, 'type': 'b', 'access': 'rwm'}]", false},
        {"[{'allow': true, 'major': 10, 'minor': 229, 'access': 'rwm'}]", false},
        {"[{'allow': false, 'access': 'rwm'}]", false},
        {"[]", false},
    };
    char text[256];

    (void) state;
    for (size_t i = 0; i < countof (cases); i++) {
        json_t *spec, *notes;

        (void) snprintf (text, sizeof text, "{'linux': {'resources': {'devices': %s}}}", cases[i].rules);
        spec = parse (text);
        notes = apply_notes (spec);
        assert_int_equal (json_array_size (notes), cases[i].noted);
        if (cases[i].noted)
            assert_contains (json_string_value (json_array_get (notes, 0)), "privileged");
        json_decref (notes);
        json_decref (spec);
    }
    json_t *spec = parse (privileged), *notes = apply_notes (spec);

    assert_int_equal (json_array_size (notes), 1);
    json_decref (notes);
    json_decref (spec);
}

static void
where_nothing_gives_way_there_is_no_note (void **state)
{
    static const char *const specs[] = {"{}", "[]",
                                        "{'mounts': [{'destination': '/dev'}], 'linux': {'devices': []}}"};

    (void) state;
    for (size_t i = 0; i < countof (specs); i++) {
        json_t *spec = parse (specs[i]), *notes = apply_notes (spec);

        assert_int_equal (json_array_size (notes), 0);
        json_decref (notes);
        json_decref (spec);
    }
    /* Our own mount is none of the user's.  */
    json_t *spec = applied ("{}"), *notes = apply_notes (spec);

    assert_int_equal (json_array_size (notes), 0);
    json_decref (notes);
    json_decref (spec);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        apply_test (what_the_user_put_below_dev_dri_gives_way),
        apply_test (without_a_gpu_it_gives_way_too_and_nothing_comes),
        apply_test (paths_are_compared_by_what_they_mean),
        apply_test (privileged_keeps_its_rule_and_loses_the_nodes),
        apply_test (notes_name_what_gives_way),
        apply_test (privileged_is_one_note_not_one_a_device),
        apply_test (where_nothing_gives_way_there_is_no_note),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
