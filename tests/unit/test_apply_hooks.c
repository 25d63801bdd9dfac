#include "apply_bed.h"

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

int
main (void)
{
    const struct CMUnitTest tests[] = {
        apply_test (the_gate_is_told_everything_in_its_arguments),
        apply_test (every_hook_has_an_environment_and_a_timeout),
        apply_test (who_drops_is_tried_as_puid_and_pgid_alone),
        apply_test (a_root_with_an_owner_is_tried_as_that_user),
        apply_test (the_most_groups_fit),
        apply_test (root_keeps_dac_override_where_the_container_has_it),
        apply_test (the_gate_knows_stand_ins_and_what_to_do_on_failure),
        apply_test (hooks_of_others_stay_in_their_order),
        apply_test (a_door_whose_engine_runs_the_hooks_adds_none),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
