#include "tests/unit/testing.h"

#include "oci/grant.h"

#define LEASE "0123456789abcdef0123456789abcdef"

static const char good[] = "{'lease': '" LEASE "', 'directory': '/run/leases/x',"
                           " 'nodes': [{'name': 'renderD128', 'major': 226, 'minor': 128, 'drm': true}],"
                           " 'gids': [44], 'gpus': 'igpu', 'reason': ''}";

static json_t *
grant_to_json (const struct grant *g)
{
    struct writer w = {.text = NULL};
    json_t *json;

    grant_write (&w, g);
    json = json_loadb (w.text, w.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null (json);
    free (w.text);
    return json;
}

static void
a_grant_survives_the_wire (void **state)
{
    struct grant g = {
        .lease = LEASE,
        .directory = "/run/\"le\\ases\"/größe",
        .nodes = {{"renderD129", 226, 129, true}, {"card1", 226, 1, true}, {"renderD128", 10, 229, false}},
        .n_nodes = 3,
        .gids = {44, 4294967294U},
        .n_gids = 2,
        .gpus = "igpu,arc",
        .reason = "no GPU fits dri.gpu \"x\"\n",
        .bound = true,
    };
    struct grant back;
    struct error err = {0};
    json_t *json = grant_to_json (&g);

    (void) state;
    assert_ok (grant_from_json (&back, json, &err));
    assert_memory_equal (&g, &back, sizeof g);
    json_decref (json);
}

static void
a_full_grant_survives_the_wire (void **state)
{
    struct grant g = {.lease = LEASE, .directory = "/", .n_nodes = GRANT_NODES_MAX, .n_gids = GRANT_GIDS_MAX},
                 back;
    struct error err = {0};
    json_t *json;

    (void) state;
    for (unsigned i = 0; i < GRANT_NODES_MAX; i++)
        (void) snprintf (g.nodes[i].name, sizeof g.nodes[i].name, "renderD%u", i);
    json = grant_to_json (&g);
    assert_ok (grant_from_json (&back, json, &err));
    assert_memory_equal (&g, &back, sizeof g);
    (void) json_array_append (json_object_get (json, "nodes"),
                              json_array_get (json_object_get (json, "nodes"), 0));
    assert_refused (grant_from_json (&back, json, &err), "not a grant");
    json_decref (json);
    g.n_nodes = 0;
    json = grant_to_json (&g);
    (void) json_array_append_new (json_object_get (json, "gids"), json_integer (1));
    assert_refused (grant_from_json (&back, json, &err), "not a grant");
    json_decref (json);
}

/* The door edits config.json by it: a path that escapes, a group that is none, must not get there.  */
static void
what_is_no_grant_is_refused (void **state)
{
    static const struct {
        const char *name, *value;
    } cases[] = {
        {"lease", "null"},
        {"lease", "''"},
        {"lease", "'0123456789abcdef0123456789abcde'"},
        {"lease", "'0123456789abcdef0123456789abcdef0'"},
        {"lease", "'0123456789ABCDEF0123456789abcdef'"},
        {"lease", "'../3456789abcdef0123456789abcdef'"},
        {"directory", "'run/x'"},
        {"directory", "7"},
        {"nodes", "[null]"},
        {"nodes", "[{}]"},
        {"nodes", "[{'name': '', 'major': 226, 'minor': 128, 'drm': true}]"},
        {"nodes", "[{'name': '../x', 'major': 226, 'minor': 128, 'drm': true}]"},
        {"nodes", "[{'name': '.', 'major': 226, 'minor': 128, 'drm': true}]"},
        {"nodes", "[{'name': 'a/b', 'major': 226, 'minor': 128, 'drm': true}]"},
        {"nodes", "[{'name': 'aaaaaaaaaaaaaaaaaaaaaaaa', 'major': 226, 'minor': 128, 'drm': true}]"},
        {"nodes", "[{'name': 'x', 'major': -1, 'minor': 128, 'drm': true}]"},
        {"nodes", "[{'name': 'x', 'major': 226, 'minor': -1, 'drm': true}]"},
        {"nodes", "[{'name': 'x', 'major': '226', 'minor': 128, 'drm': true}]"},
        {"nodes", "[{'name': 'x', 'major': 226, 'minor': 128}]"},
        {"gids", "['44']"},
        {"gids", "[null]"},
        {"gids", "[-1]"},
        {"gids", "[4294967295]"},
        {"gids", "[4294967340]"},
        {"gpus", "null"},
        {"reason", "7"},
    };
    struct grant g = {.n_nodes = 77};
    struct error err = {0};

    (void) state;
    for (size_t i = 0; i < countof (cases); i++) {
        json_t *json = parse (good);

        (void) json_object_set_new (json, cases[i].name, parse (cases[i].value));
        if (grant_from_json (&g, json, &err) == 0)
            fail_msg ("%s: %s was taken", cases[i].name, cases[i].value);
        assert_int_equal (g.n_nodes, 77);
        json_decref (json);
    }
    assert_int_equal (grant_from_json (&g, NULL, &err), -1);
}

static void
every_member_is_needed (void **state)
{
    static const char *const names[] = {"lease", "directory", "nodes", "gids", "gpus", "reason"};
    struct error err = {0};
    struct grant g;
    json_t *json = parse (good);

    (void) state;
    assert_ok (grant_from_json (&g, json, &err));
    assert_int_equal (g.nodes[0].minor, 128);
    assert_int_equal (g.gids[0], 44);
    json_decref (json);
    for (size_t i = 0; i < countof (names); i++) {
        json = parse (good);
        (void) json_object_del (json, names[i]);
        assert_refused (grant_from_json (&g, json, &err), "not a grant");
        json_decref (json);
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (a_grant_survives_the_wire),
        cmocka_unit_test (a_full_grant_survives_the_wire),
        cmocka_unit_test (what_is_no_grant_is_refused),
        cmocka_unit_test (every_member_is_needed),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
