#include "tests/unit/testing.h"

#include "oci/apply.h"
#include "oci/document.h"
#include "oci/spec.h"

#define LEASE "0123456789abcdef0123456789abcdef"

static struct grant grant;
static struct request req;
static struct workload workload;
static struct apply_hook hook;
static struct error err;

static int
start (void **state)
{
    (void) state;
    grant = (struct grant){
        .lease = LEASE,
        .directory = "/run/leases/" LEASE,
        .nodes = {{"renderD129", 226, 129, true}, {"renderD128", 226, 129, true}},
        .n_nodes = 2,
        .gids = {44, 992},
        .n_gids = 2,
    };
    request_init (&req);
    workload = (struct workload){.uid = 1000, .gid = 1001, .gids = {5, 44}, .n_gids = 2};
    hook = (struct apply_hook){
        .path = "/usr/bin/dri-hook", .socket = "/run/broker.sock", .bundle = "/b", .label = "web"};
    err = (struct error){0};
    return 0;
}

#define apply_test(test) cmocka_unit_test_setup (test, start)

static json_t *
applied (const char *text)
{
    json_t *spec = parse (text);

    assert_ok (apply_grant (spec, &grant, &req, &workload, &hook, &err));
    return spec;
}

/* One member of the edited spec.  */
#define assert_member(spec, wanted, ...) assert_json (spec_get (spec, __VA_ARGS__, NULL), wanted)

static const char our_mount[] =
    "{'destination': '/dev/dri', 'type': 'bind', 'source': '/run/leases/" LEASE "',"
    " 'options': ['bind', 'ro', 'nosuid', 'noexec']}";
#define RULE_129 "{'allow': true, 'type': 'c', 'major': 226, 'minor': 129, 'access': 'rw'}"

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

/* --- hooks --- */

static json_t *
gate (json_t *spec)
{
    return json_array_get (spec_get (spec, "hooks", "createRuntime", NULL), 0);
}

static void
the_gate_is_told_everything_in_its_arguments (void **state)
{
    json_t *spec;

    (void) state;
    req.wait_ms = 2500;
    req.ready = READY_DRIVER;
    spec = applied ("{'root': {'path': 'root'}}");
    assert_json (gate (spec),
                 "{'path': '/usr/bin/dri-hook', 'args': ['dri-hook', 'createRuntime', '--lease', '" LEASE "',"
                 " '--container', 'web', '--bundle', '/b', '--rootfs', 'root', '--ready', 'driver',"
                 " '--on-failure', 'fail', '--wait', '2500', '--user', '1000:1001:5:44:992',"
                 " '--node', 'renderD129=226:129', '--node', 'renderD128=226:129'],"
                 " 'env': ['DRI_BROKER_SOCKET=/run/broker.sock'], 'timeout': 32}");
    assert_member (spec,
                   "[{'path': '/usr/bin/dri-hook', 'args': ['dri-hook', 'poststop', '--lease', '" LEASE
                   "', '--container', 'web'], 'env': ['DRI_BROKER_SOCKET=/run/broker.sock'], 'timeout': 15}]",
                   "hooks", "poststop");
    json_decref (spec);
}

static const char *
option (json_t *spec, const char *name)
{
    const json_t *args = json_object_get (gate (spec), "args");
    size_t i;
    json_t *arg;

    json_array_foreach ((json_t *) args, i, arg) {
        if (strcmp (json_string_value (arg), name) == 0)
            return i + 1 < json_array_size (args) ? json_string_value (json_array_get (args, i + 1)) : "";
    }
    return NULL;
}

/* CVE-2025-23266: a hook without an environment of its own inherits one.  */
static void
every_hook_has_an_environment_and_a_timeout (void **state)
{
    static const char *const stages[] = {"createRuntime", "poststop"};
    json_t *spec = applied ("{}");

    (void) state;
    for (size_t i = 0; i < countof (stages); i++) {
        const json_t *entry = json_array_get (spec_get (spec, "hooks", stages[i], NULL), 0);

        assert_int_equal (json_array_size (json_object_get (entry, "env")), 1);
        assert_true (json_integer_value (json_object_get (entry, "timeout")) > 0);
    }
    json_decref (spec);
}

/* s6 and its like lose the supplementary groups when they drop.  */
static void
who_drops_is_tried_as_puid_and_pgid_alone (void **state)
{
    json_t *spec;

    (void) state;
    workload.drops = true;
    workload.puid = 911;
    workload.pgid = 912;
    spec = applied ("{}");
    assert_string_equal (option (spec, "--user"), "911:912");
    json_decref (spec);
}

/* gosu and its like: who it will be stands in dri.owner alone. It is not looked at where the workload has a
 * user.  */
static void
a_root_with_an_owner_is_tried_as_that_user (void **state)
{
    json_t *spec;

    (void) state;
    req.owner = (struct owner){.kind = OWNER_IDS, .uid = 1000, .gid = 1001, .mode = 0660};
    workload.uid = workload.gid = workload.n_gids = 0;
    spec = applied ("{}");
    assert_string_equal (option (spec, "--user"), "1000:1001");
    json_decref (spec);
    workload.uid = 7;
    spec = applied ("{}");
    assert_memory_equal (option (spec, "--user"), "7:0", 3);
    json_decref (spec);
    workload.uid = 0;
    req.owner.uid = 0;
    spec = applied ("{}");
    assert_memory_equal (option (spec, "--user"), "0:0", 3);
    json_decref (spec);
}

static void
the_most_groups_fit (void **state)
{
    json_t *spec;

    (void) state;
    workload.n_gids = WORKLOAD_GIDS_MAX;
    grant.n_gids = GRANT_GIDS_MAX;
    workload.uid = workload.gid = 4294967294U;
    for (unsigned i = 0; i < WORKLOAD_GIDS_MAX; i++)
        workload.gids[i] = 4294967000U + i;
    for (unsigned i = 0; i < GRANT_GIDS_MAX; i++)
        grant.gids[i] = 4294960000U + i;
    spec = applied ("{}");
    assert_int_equal (strlen (option (spec, "--user")), 10 + (1 + WORKLOAD_GIDS_MAX + GRANT_GIDS_MAX) * 11);
    assert_int_equal (strlen (json_string_value (spec_get (spec, "annotations", "io.dri.gids", NULL))),
                      GRANT_GIDS_MAX * 11 - 1);
    json_decref (spec);
}

static void
root_keeps_dac_override_where_the_container_has_it (void **state)
{
    json_t *spec = applied ("{'process': {'capabilities': {'effective': ['CAP_KILL', 'CAP_DAC_OVERRIDE']}}}");

    (void) state;
    assert_non_null (option (spec, "--dac-override"));
    json_decref (spec);
    spec = applied ("{'process': {'capabilities': {'bounding': ['CAP_DAC_OVERRIDE'], 'effective': [7]}}}");
    assert_null (option (spec, "--dac-override"));
    json_decref (spec);
}

static void
the_gate_knows_stand_ins_and_what_to_do_on_failure (void **state)
{
    json_t *spec;

    (void) state;
    grant.nodes[0].drm = false;
    req.on_failure = FAILURE_START_WITHOUT;
    spec = applied ("{}");
    assert_string_equal (option (spec, "--node"), "renderD129=226:129:stand-in");
    assert_string_equal (option (spec, "--on-failure"), "start-without");
    assert_string_equal (option (spec, "--rootfs"), "rootfs");
    json_decref (spec);
    req.on_failure = FAILURE_DEFER;
    spec = applied ("{}");
    assert_string_equal (option (spec, "--on-failure"), "fail");
    json_decref (spec);
}

static void
hooks_of_others_stay_in_their_order (void **state)
{
    json_t *spec =
        applied ("{'hooks': {'prestart': [{'path': '/nv'}], 'createRuntime': [{'path': '/a'}, {'path': '/b',"
                 " 'args': ['dri-hooks']}, {'path': '/c', 'args': []}]}}");
    const json_t *list = spec_get (spec, "hooks", "createRuntime", NULL);

    (void) state;
    assert_int_equal (json_array_size (list), 4);
    assert_json (json_array_get (list, 0), "{'path': '/a'}");
    assert_json (json_array_get (list, 1), "{'path': '/b', 'args': ['dri-hooks']}");
    assert_member (spec, "[{'path': '/nv'}]", "hooks", "prestart");
    json_decref (spec);
}

static void
a_door_whose_engine_runs_the_hooks_adds_none (void **state)
{
    json_t *spec;

    (void) state;
    hook.path = NULL;
    spec = applied ("{}");
    assert_null (json_object_get (spec, "hooks"));
    assert_non_null (json_object_get (spec, "mounts"));
    json_decref (spec);
}

/* --- what gives way --- */

static const char users_dri[] =
    "{'mounts': [{'destination': '/dev/dri/renderD128', 'source': '/dev/null'}, {'destination': '/keep'},"
    "  {'destination': '/dev/dri'}],"
    " 'linux': {'devices': [{'path': '/dev/dri/card0', 'major': 226}, {'path': '/dev/kvm'},"
    "   {'path': '/dev/dri/renderD128'}],"
    "  'resources': {'devices': [{'allow': false, 'access': 'rwm'},"
    "   {'allow': true, 'type': 'c', 'major': 226, 'minor': 0, 'access': 'rwm'},"
    "   {'allow': true, 'type': 'c', 'major': 10, 'minor': 232, 'access': 'rwm'},"
    "   {'allow': true, 'type': 'c', 'major': 226, 'access': 'rwm'},"
    "   {'allow': false, 'type': 'c', 'major': 226, 'minor': 1, 'access': 'rwm'}]}}}";

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

static const char privileged[] = "{'linux': {'devices': [{'path': '/dev/dri/card0'}, {'path': '/dev/kvm'}],"
                                 " 'resources': {'devices': [{'allow': true, 'access': 'rwm'}]}}}";

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
    json_t *json = parse (process), *annotations = json_pack ("{s:s}", APPLY_GIDS_ANNOTATION, gids);

    assert_int_equal (apply_gids (json, annotations), changed);
    assert_json (json, wanted);
    json_decref (json);
    json_decref (annotations);
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
        apply_test (the_gate_is_told_everything_in_its_arguments),
        apply_test (every_hook_has_an_environment_and_a_timeout),
        apply_test (who_drops_is_tried_as_puid_and_pgid_alone),
        apply_test (a_root_with_an_owner_is_tried_as_that_user),
        apply_test (the_most_groups_fit),
        apply_test (root_keeps_dac_override_where_the_container_has_it),
        apply_test (the_gate_knows_stand_ins_and_what_to_do_on_failure),
        apply_test (hooks_of_others_stay_in_their_order),
        apply_test (a_door_whose_engine_runs_the_hooks_adds_none),
        apply_test (what_the_user_put_below_dev_dri_gives_way),
        apply_test (without_a_gpu_it_gives_way_too_and_nothing_comes),
        apply_test (paths_are_compared_by_what_they_mean),
        apply_test (privileged_keeps_its_rule_and_loses_the_nodes),
        apply_test (notes_name_what_gives_way),
        apply_test (privileged_is_one_note_not_one_a_device),
        apply_test (where_nothing_gives_way_there_is_no_note),
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
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
