#include "tests/unit/testing.h"

#include "oci/config.h"

/* The configuration with this text (single quotes) in its file.  */
static int
load (struct config *config, const char *text, struct error *err)
{
    const char *path = in_folder ("config.json");

    if (text)
        put_json (path, text);
    assert_int_equal (setenv ("DRI_BROKER_CONFIG", path, 1), 0);
    return config_load (config, err);
}

static void
assert_defaults (const struct config *config)
{
    struct config defaults;

    config_init (&defaults);
    assert_memory_equal (config, &defaults, sizeof defaults);
}

static void
the_defaults_are_those_of_the_design (void **state)
{
    struct config config;

    (void) state;
    config_init (&config);
    assert_int_equal (config.n_runtimes, 2);
    assert_string_equal (config.runtimes[0], "runc");
    assert_string_equal (config.runtimes[1], "crun");
    assert_int_equal (config.n_gpus, 0);
    assert_true (config.slots >= 1);
    assert_false (config.image_requests);
    assert_int_equal (config.activate_timeout_ms, 60000);
    assert_int_equal (config.max_wait_ms, 60000);
    assert_string_equal (config.docker_socket, "/run/docker.sock");
    assert_string_equal (config.docker_root, "/var/lib/docker");
    assert_string_equal (config.containerd_root, "/var/lib/containerd");
}

/* dri-runtime refuses what opted in where there is a message: there must be none.  */
static void
without_a_file_there_are_defaults_and_no_word_of_error (void **state)
{
    struct config config;
    struct error err = {0};

    (void) state;
    assert_ok (load (&config, NULL, &err));
    assert_defaults (&config);
    assert_string_equal (err.message, "");
    assert_int_equal (err.status, 0);
}

static void
every_key_is_taken (void **state)
{
    struct config config;
    struct error err = {0};

    (void) state;
    assert_ok (load (&config,
                     "{'runtimes': ['/usr/bin/crun', 'youki'], 'slots': 3, 'image-requests': true,"
                     " 'activate-timeout': 5, 'max-wait': 7, 'docker-socket': '/s', 'docker-root': '/d',"
                     " 'containerd-root': '/c', 'users': [1000, 4294967294], 'groups': [44],"
                     " 'gpus': [{'match': 'driver:i915', 'name': 'igpu', 'slots': 1000}, {'match': 'any'}]}",
                     &err));
    assert_int_equal (config.n_runtimes, 2);
    assert_string_equal (config.runtimes[0], "/usr/bin/crun");
    assert_string_equal (config.runtimes[1], "youki");
    assert_int_equal (config.slots, 3);
    assert_true (config.image_requests);
    assert_int_equal (config.activate_timeout_ms, 5000);
    assert_int_equal (config.max_wait_ms, 7000);
    assert_string_equal (config.docker_socket, "/s");
    assert_string_equal (config.docker_root, "/d");
    assert_string_equal (config.containerd_root, "/c");
    assert_int_equal (config.users.n, 2);
    assert_int_equal (config.users.ids[0], 1000);
    assert_int_equal (config.users.ids[1], 4294967294U);
    assert_int_equal (config.groups.n, 1);
    assert_int_equal (config.groups.ids[0], 44);
    assert_int_equal (config.n_gpus, 2);
    assert_string_equal (config.gpus[0].match, "driver:i915");
    assert_string_equal (config.gpus[0].name, "igpu");
    assert_int_equal (config.gpus[0].slots, 1000);
    assert_string_equal (config.gpus[1].match, "any");
    assert_string_equal (config.gpus[1].name, "");
    assert_int_equal (config.gpus[1].slots, 0);
}

static void
every_word_of_time_and_throttling_has_its_own_place (void **state)
{
    struct config config;
    struct error err = {0};

    (void) state;
    assert_ok (load (&config,
                     "{'ageing': 9, 'throttle': {'parking': false, 'period-ms': 200, 'slice-ms': 40,"
                     " 'frozen-ms': 900, 'threshold': 55, 'target': 66, 'interactive-weight': 7,"
                     " 'batch-weight': 3}}",
                     &err));
    assert_int_equal (config.ageing_ms, 9000);
    assert_true (config.throttle.on);
    assert_false (config.throttle.parking);
    assert_int_equal (config.throttle.period_ms, 200);
    assert_int_equal (config.throttle.slice_ms, 40);
    assert_int_equal (config.throttle.frozen_ms, 900);
    assert_int_equal (config.throttle.threshold, 55);
    assert_int_equal (config.throttle.target, 66);
    assert_int_equal (config.throttle.interactive_weight, 7);
    assert_int_equal (config.throttle.batch_weight, 3);
    assert_ok (load (&config, "{'throttle': false}", &err));
    assert_false (config.throttle.on);
}

static void
throttling_out_of_bounds_is_refused (void **state)
{
    static const struct {
        const char *text, *word;
    } cases[] = {
        {"{'ageing': 0}", "ageing"},
        {"{'ageing': 3601}", "ageing"},
        {"{'throttle': 1}", "throttle"},
        {"{'throttle': {'period-ms': 19}}", "period-ms"},
        {"{'throttle': {'period-ms': 1001}}", "period-ms"},
        {"{'throttle': {'slice-ms': 0}}", "slice-ms"},
        {"{'throttle': {'slice-ms': 26}}", "a quarter of period-ms"},
        {"{'throttle': {'frozen-ms': 10001}}", "frozen-ms"},
        {"{'throttle': {'frozen-ms': 399}}", "least four times that"},
        {"{'throttle': {'threshold': 9}}", "threshold"},
        {"{'throttle': {'target': 100}}", "target"},
        {"{'throttle': {'threshold': 97}}", "threshold below target"},
        {"{'throttle': {'interactive-weight': 0}}", "interactive-weight"},
        {"{'throttle': {'batch-weight': 1001}}", "batch-weight"},
        {"{'throttle': {'weight': 1}}", "unknown key"},
    };
    struct config config;

    (void) state;
    for (size_t i = 0; i < countof (cases); i++) {
        struct error err = {0};

        if (load (&config, cases[i].text, &err) == 0)
            fail_msg ("%s was taken", cases[i].text);
        if (!strstr (err.message, cases[i].word))
            fail_msg ("%s: %s", cases[i].text, err.message);
        assert_defaults (&config);
    }
}

static void
an_empty_object_changes_nothing (void **state)
{
    struct config config;
    struct error err = {0};

    (void) state;
    assert_ok (load (&config, "{}", &err));
    assert_defaults (&config);
    assert_ok (load (&config, "{'image-requests': false, 'gpus': []}", &err));
    assert_defaults (&config);
}

static void
a_bad_file_is_named_with_its_key_and_leaves_the_defaults (void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"[]", "not an object"},
        {"{'runtime': ['runc']}", "unknown key \"runtime\"; did you mean \"runtimes\"?"},
        {"{'runtimes': []}", "\"runtimes\""},
        {"{'runtimes': 'runc'}", "\"runtimes\""},
        {"{'runtimes': ['a', 7]}", "\"runtimes\""},
        {"{'runtimes': ['a', '']}", "\"runtimes\""},
        {"{'runtimes': ['bin/crun']}", "\"bin/crun\" is neither a name nor an absolute path"},
        {"{'runtimes': ['./crun']}", "neither a name nor an absolute path"},
        {"{'runtimes': ['1','2','3','4','5','6','7','8','9']}", "1 to 8"},
        {"{'slots': 0}", "\"slots\" wants a number from 1 to 1000"},
        {"{'slots': 1001}", "\"slots\""},
        {"{'slots': -1}", "\"slots\""},
        {"{'slots': '3'}", "\"slots\""},
        {"{'slots': 1.5}", "\"slots\""},
        {"{'slots': 4294967297}", "\"slots\""},
        {"{'image-requests': 1}", "\"image-requests\" is true or false"},
        {"{'image-requests': 'true'}", "\"image-requests\" is true or false"},
        {"{'activate-timeout': 0}", "\"activate-timeout\" wants a number from 1 to 3600"},
        {"{'activate-timeout': 3601}", "\"activate-timeout\""},
        {"{'max-wait': 61}", "\"max-wait\" wants a number from 1 to 60"},
        {"{'docker-socket': 1}", "\"docker-socket\""},
        {"{'docker-root': ''}", "\"docker-root\""},
        {"{'docker-root': 7}", "\"docker-root\""},
        {"{'containerd-root': null}", "\"containerd-root\""},
        {"{'users': 1000}", "\"users\" wants a list of at most 64 ids"},
        {"{'users': ['alice']}", "\"users\" wants numbers"},
        {"{'users': [-1]}", "\"users\" wants numbers"},
        {"{'groups': [4294967295]}", "\"groups\" wants numbers"},
        {"{'groups': [1.5]}", "\"groups\" wants numbers"},
        {"{'gpus': {}}", "\"gpus\" wants a list"},
        {"{'gpus': [{}]}", "has no \"match\""},
        {"{'gpus': [7]}", "has no \"match\""},
        {"{'gpus': [{'match': ''}]}", "\"gpus.match\""},
        {"{'gpus': [{'match': 'any', 'slots': 0}]}", "\"gpus.slots\""},
        {"{'gpus': [{'match': 'any', 'nam': 'x'}]}", "unknown key \"gpus.nam\" (known: match, name, slots)"},
        {"{'slots': 3, 'bad': 1}", "unknown key \"bad\""},
    };
    struct config config;
    struct error err = {0};

    (void) state;
    for (size_t i = 0; i < countof (cases); i++) {
        assert_refused (load (&config, cases[i].text, &err), cases[i].words);
        assert_contains (err.message, "/config.json");
        assert_defaults (&config);
    }
}

static void
duplicate_keys_and_broken_json_are_refused (void **state)
{
    static const char *const texts[] = {"", "{", "{\"slots\":1,\"slots\":2}", "{\"slots\":\xff}", "{} x"};
    struct config config;
    struct error err = {0};

    (void) state;
    for (size_t i = 0; i < countof (texts); i++) {
        put (in_folder ("config.json"), texts[i]);
        assert_refused (load (&config, NULL, &err), "invalid JSON at line 1");
        assert_defaults (&config);
    }
}

static void
a_text_fits_or_is_refused (void **state)
{
    struct config config;
    struct error err = {0};
    char text[400], json[512];

    (void) state;
    memset (text, 'x', sizeof text);
    text[0] = '/';
    text[128] = '\0';
    (void) snprintf (json, sizeof json, "{'docker-root': '%s'}", text);
    assert_refused (load (&config, json, &err), "at most 127 characters");
    text[127] = '\0';
    (void) snprintf (json, sizeof json, "{'docker-root': '%s'}", text);
    assert_ok (load (&config, json, &err));
    assert_string_equal (config.docker_root, text);
}

static void
more_gpus_than_we_hold_are_refused (void **state)
{
    struct config config;
    struct error err = {0};
    char text[1024] = "{'gpus': [{'match': 'any'}", full[1100];

    (void) state;
    for (unsigned i = 1; i < CONFIG_GPUS_MAX; i++)
        strcat (text, ",{'match': 'any'}");
    (void) snprintf (full, sizeof full, "%s]}", text);
    assert_ok (load (&config, full, &err));
    assert_int_equal (config.n_gpus, CONFIG_GPUS_MAX);
    (void) snprintf (full, sizeof full, "%s,{'match': 'any'}]}", text);
    assert_refused (load (&config, full, &err), "at most 16");
}

static void
what_cannot_be_read_is_an_error (void **state)
{
    struct config config;
    struct error err = {0};

    (void) state;
    assert_int_equal (mkdir (in_folder ("config.json"), 0755), 0);
    assert_refused (load (&config, NULL, &err), "not a regular file");
    assert_defaults (&config);
}

static void
the_socket_is_told_by_the_environment (void **state)
{
    (void) state;
    assert_int_equal (unsetenv ("DRI_BROKER_SOCKET"), 0);
    assert_string_equal (config_socket (), "/run/dri-broker/broker.sock");
    assert_int_equal (setenv ("DRI_BROKER_SOCKET", "/x", 1), 0);
    assert_string_equal (config_socket (), "/x");
}

static void
the_socket_for_users_stands_beside_it (void **state)
{
    char path[32];
    struct error err = {0};

    (void) state;
    assert_int_equal (setenv ("DRI_BROKER_SOCKET", "/x/broker.sock", 1), 0);
    assert_ok (config_user_socket (path, sizeof path, &err));
    assert_string_equal (path, "/x/broker-user.sock");
    assert_int_equal (setenv ("DRI_BROKER_SOCKET", "/x/y", 1), 0);
    assert_ok (config_user_socket (path, sizeof path, &err));
    assert_string_equal (path, "/x/y-user.sock");
    assert_refused (config_user_socket (path, 14, &err), "/x/y");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (the_defaults_are_those_of_the_design),
        unit_test_in_folder (without_a_file_there_are_defaults_and_no_word_of_error),
        unit_test_in_folder (every_key_is_taken),
        unit_test_in_folder (every_word_of_time_and_throttling_has_its_own_place),
        unit_test_in_folder (throttling_out_of_bounds_is_refused),
        unit_test_in_folder (an_empty_object_changes_nothing),
        unit_test_in_folder (a_bad_file_is_named_with_its_key_and_leaves_the_defaults),
        unit_test_in_folder (duplicate_keys_and_broken_json_are_refused),
        unit_test_in_folder (a_text_fits_or_is_refused),
        unit_test_in_folder (more_gpus_than_we_hold_are_refused),
        unit_test_in_folder (what_cannot_be_read_is_an_error),
        cmocka_unit_test (the_socket_is_told_by_the_environment),
        cmocka_unit_test (the_socket_for_users_stands_beside_it),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
