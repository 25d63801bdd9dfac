#include "tests/unit/testing.h"

#include "oci/container.h"

static void
a_container_is_called_by_its_name_else_its_id (void **state)
{
    struct container c = {.id = "0a1b", .name = "web"};

    (void) state;
    assert_string_equal (container_label (&c), "web");
    c.name[0] = '\0';
    assert_string_equal (container_label (&c), "0a1b");
}

static void
what_the_engine_does_not_tell_is_null (void **state)
{
    struct container c = {.id = "0a1b", .name = "web", .project = "p"};
    json_t *json = container_to_json (&c);

    (void) state;
    assert_json (
        json,
        "{'id': '0a1b', 'name': 'web', 'image': null, 'engine': null, 'project': 'p', 'service': null}");
    json_decref (json);
}

static void
a_container_survives_the_wire (void **state)
{
    struct container c = {.id = "i",
                          .name = "n",
                          .image = "m",
                          .engine = "e",
                          .project = "p",
                          .service = "s"},
                     back;
    struct error err = {0};
    json_t *json = container_to_json (&c);

    (void) state;
    assert_ok (container_from_json (&back, json, &err));
    assert_memory_equal (&c, &back, sizeof c);
    json_decref (json);
}

static void
a_hostile_container_is_refused (void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"null", "container.id is missing"},
        {"[]", "container.id is missing"},
        {"{}", "container.id is missing"},
        {"{'id': ''}", "container.id is missing"},
        {"{'id': null}", "container.id is missing"},
        {"{'id': 7}", "container.id is not a string"},
        {"{'id': 'x', 'name': []}", "container.name is not a string"},
        {"{'id': 'x', 'service': true}", "container.service is not a string"},
    };

    (void) state;
    for (size_t i = 0; i < countof (cases); i++) {
        struct container c = {.id = "before"};
        struct error err = {0};
        json_t *json = parse (cases[i].text);

        assert_refused (container_from_json (&c, json, &err), cases[i].words);
        assert_string_equal (c.id, "before");
        json_decref (json);
    }
}

/* A terminal shows these texts, and messages cut them.  */
static void
long_texts_are_cut_and_odd_letters_replaced (void **state)
{
    struct container c;
    struct error err = {0};
    char text[400];
    json_t *json;

    (void) state;
    memset (text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    json = json_pack ("{s:s s:s s:s}", "id", text, "image", text, "name", "a\xc3\xbc\x1b[2J\x7f\n");
    assert_ok (container_from_json (&c, json, &err));
    assert_int_equal (strlen (c.id), sizeof c.id - 1);
    assert_int_equal (strlen (c.image), sizeof c.image - 1);
    assert_string_equal (c.name, "a???[2J??");
    json_decref (json);
}

static struct workload
full_workload (void)
{
    return (struct workload){
        .uid = 0,
        .gid = 4294967294U,
        .gids = {44, 992},
        .n_gids = 2,
        .drops = true,
        .puid = 1000,
        .pgid = 1001,
        .userns = true,
        .uid_map = {{0, 100000, 65536}, {70000, 1000, 1}},
        .n_uid_map = 2,
        .gid_map = {{0, 0, UINT32_MAX}},
        .n_gid_map = 1,
    };
}

static void
a_workload_survives_the_wire (void **state)
{
    struct workload w = full_workload (), back;
    struct error err = {0};
    json_t *json = workload_to_json (&w);

    (void) state;
    assert_json (json,
                 "{'uid': 0, 'gid': 4294967294, 'gids': [44, 992], 'puid': 1000, 'pgid': 1001,"
                 " 'uid_map': [{'container': 0, 'host': 100000, 'size': 65536}, {'container': 70000, 'host': "
                 "1000, 'size': 1}], 'gid_map': [{'container': 0, 'host': 0, 'size': 4294967295}]}");
    assert_ok (workload_from_json (&back, json, &err));
    assert_memory_equal (&w, &back, sizeof w);
    json_decref (json);
    w = (struct workload){.uid = 1000, .gid = 1000};
    json = workload_to_json (&w);
    assert_json (json, "{'uid': 1000, 'gid': 1000, 'gids': []}");
    assert_ok (workload_from_json (&back, json, &err));
    assert_memory_equal (&w, &back, sizeof w);
    json_decref (json);
}

/* A user namespace without a map is not the same as none: nothing is mapped there.  */
static void
a_user_namespace_without_maps_survives_the_wire (void **state)
{
    struct workload w = {.userns = true}, back;
    struct error err = {0};
    json_t *json = workload_to_json (&w);

    (void) state;
    assert_ok (workload_from_json (&back, json, &err));
    assert_true (back.userns);
    json_decref (json);
}

static void
a_hostile_workload_is_refused (void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"null", "workload.uid"},
        {"[]", "workload.uid"},
        {"{}", "workload.uid"},
        {"{'uid': 0}", "workload.gid"},
        {"{'uid': -1, 'gid': 0}", "workload.uid"},
        {"{'uid': 4294967295, 'gid': 0}", "workload.uid"},
        {"{'uid': 4294967296, 'gid': 0}", "workload.uid"},
        {"{'uid': '0', 'gid': 0}", "workload.uid"},
        {"{'uid': 0.0, 'gid': 0}", "workload.uid"},
        {"{'uid': null, 'gid': 0}", "workload.uid"},
        {"{'uid': 0, 'gid': 0, 'gids': [1, -1]}", "workload.gids"},
        {"{'uid': 0, 'gid': 0, 'gids': [null]}", "workload.gids"},
        {"{'uid': 0, 'gid': 0, 'puid': 1}", "workload.pgid"},
        {"{'uid': 0, 'gid': 0, 'puid': 'x', 'pgid': 1}", "workload.puid"},
        {"{'uid': 0, 'gid': 0, 'uid_map': [[0, 1]]}", "workload.uid_map"},
        {"{'uid': 0, 'gid': 0, 'uid_map': [7]}", "workload.uid_map"},
        {"{'uid': 0, 'gid': 0, 'uid_map': [{'container': 0, 'host': 4294967295, 'size': 1}]}",
         "workload.uid_map"},
        {"{'uid': 0, 'gid': 0, 'uid_map': [{'container': 0, 'host': 0, 'size': 4294967296}]}",
         "workload.uid_map"},
        {"{'uid': 0, 'gid': 0, 'uid_map': [], 'gid_map': [{'container': -1, 'host': 0, 'size': 1}]}",
         "workload.gid_map"},
    };

    (void) state;
    for (size_t i = 0; i < countof (cases); i++) {
        struct workload w = {.uid = 77};
        struct error err = {0};
        json_t *json = parse (cases[i].text);

        assert_refused (workload_from_json (&w, json, &err), cases[i].words);
        assert_int_equal (w.uid, 77);
        json_decref (json);
    }
}

static void
more_than_the_tables_hold_is_refused (void **state)
{
    struct workload w;
    struct error err = {0};
    json_t *json = parse ("{'uid': 0, 'gid': 0, 'gids': [], 'uid_map': []}");
    json_t *gids = json_object_get (json, "gids"), *map = json_object_get (json, "uid_map");

    (void) state;
    for (unsigned i = 0; i < WORKLOAD_GIDS_MAX; i++)
        (void) json_array_append_new (gids, json_integer (i));
    for (unsigned i = 0; i < ID_MAPS_MAX; i++)
        (void) json_array_append_new (map, parse ("{'container': 0, 'host': 0, 'size': 1}"));
    assert_ok (workload_from_json (&w, json, &err));
    assert_int_equal (w.n_gids, WORKLOAD_GIDS_MAX);
    assert_int_equal (w.n_uid_map, ID_MAPS_MAX);
    (void) json_array_append_new (map, parse ("{'container': 0, 'host': 0, 'size': 1}"));
    assert_refused (workload_from_json (&w, json, &err), "uid_map has more than 16 lines");
    (void) json_array_append_new (gids, json_integer (7));
    assert_refused (workload_from_json (&w, json, &err), "gids has more than 64 entries");
    json_decref (json);
}

static void
ids_are_mapped_by_the_line_that_holds_them (void **state)
{
    static const struct id_map map[] = {{0, 100000, 1000}, {1000, 1000, 1}, {4294967290U, 4294967280U, 5}};

    (void) state;
    assert_int_equal (id_to_host (map, 3, 0), 100000);
    assert_int_equal (id_to_host (map, 3, 999), 100999);
    assert_int_equal (id_to_host (map, 3, 1000), 1000);
    assert_int_equal (id_to_host (map, 3, 1001), -1);
    assert_true (id_to_host (map, 3, 4294967294U) == 4294967284LL);
    assert_int_equal (id_to_host (map, 3, 4294967295U), -1);
    assert_int_equal (id_to_host (map, 1, 1000), -1);
    assert_int_equal (id_to_host (map, 0, 0), -1);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (a_container_is_called_by_its_name_else_its_id),
        cmocka_unit_test (what_the_engine_does_not_tell_is_null),
        cmocka_unit_test (a_container_survives_the_wire),
        cmocka_unit_test (a_hostile_container_is_refused),
        cmocka_unit_test (long_texts_are_cut_and_odd_letters_replaced),
        cmocka_unit_test (a_workload_survives_the_wire),
        cmocka_unit_test (a_user_namespace_without_maps_survives_the_wire),
        cmocka_unit_test (a_hostile_workload_is_refused),
        cmocka_unit_test (more_than_the_tables_hold_is_refused),
        cmocka_unit_test (ids_are_mapped_by_the_line_that_holds_them),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
