/* What Swarm is told of, and daemon.json with it: the user's own entries stay, in their place and number.  */
#include "testing.h"

#include "broker/install/daemon_json.h"
#include "broker/drictl/generic_resources.h"

static struct config config;
static struct error err;

static int
start (void **state)
{
    (void) state;
    config_init (&config);
    err = (struct error){0};
    return 0;
}

#define resources_test(test) cmocka_unit_test_setup (test, start)

static void
assert_advertised (const char *gpus, const char *wanted)
{
    _cleanup_json_ json_t *list = parse (gpus);
    _cleanup_json_ json_t *got = generic_resources_of (list, &config, &err);

    if (!got)
        fail_msg ("%s", err.message);
    assert_json (got, wanted);
}

/* gpu0 and its kind follow the order at boot, a PCI address does not.  */
static void
gpus_are_told_by_their_configured_name_or_their_address (void **state)
{
    (void) state;
    (void) snprintf (config.gpus[0].name, sizeof config.gpus[0].name, "arc");
    (void) snprintf (config.gpus[1].name, sizeof config.gpus[1].name, "128");
    (void) snprintf (config.gpus[2].name, sizeof config.gpus[2].name, "my GPU=1");
    config.n_gpus = 3;
    assert_advertised ("[{'name': 'gpu0', 'pci': '0000:00:02.0', 'state': 'present'},"
                       " {'name': 'arc', 'pci': '0000:03:00.0', 'state': 'present'},"
                       " {'name': '128', 'pci': '0000:04:00.0', 'state': 'present'},"
                       " {'name': 'my GPU=1', 'pci': '0000:05:00.0', 'state': 'present'},"
                       " {'name': 'gone', 'pci': '0000:06:00.0', 'state': 'lost'},"
                       " {'name': 'vgem', 'pci': null, 'state': 'present'}]",
                       "['dri=pci:0000:00:02.0', 'dri=arc', 'dri=pci:0000:04:00.0', 'dri=pci:0000:05:00.0',"
                       " 'dri=vgem']");
}

static void
without_a_gpu_there_is_nothing_to_tell (void **state)
{
    static const char *const none[] = {"[]", "[{'name': 'gone', 'state': 'lost'}]", "[{'state': 'present'}]",
                                       "null"};

    (void) state;
    for (size_t i = 0; i < countof (none); i++) {
        _cleanup_json_ json_t *list = parse (none[i]);

        assert_null (generic_resources_of (list, &config, &err));
        assert_contains (err.message, "drictl devices");
    }
}

#define DRI "\"runtimes\":{\"dri\":{\"path\":\"/bin/true\"}}"

static struct text
text (const char *s)
{
    return (struct text){.data = (char *) s, .len = s ? strlen (s) : 0};
}

static int
add (const char *before, const char *original, const char *resources, struct text *after)
{
    _cleanup_json_ json_t *list = resources ? parse (resources) : NULL;
    const struct daemon_json_edit edit = {.runtime = "/bin/true", .resources = list};
    const struct text now = text (before), was = text (original);

    return daemon_json_add (&now, &was, &edit, after, &err);
}

static void
assert_add (const char *before, const char *original, const char *resources, const char *wanted)
{
    _cleanup_text_ struct text after = {0};

    assert_ok (add (before, original, resources, &after));
    assert_string_equal (after.data, wanted);
}

static void
names_are_added_behind_the_users_own (void **state)
{
    static const char own[] = "{\"node-generic-resources\":[\"fpga=4\",\"dri=mine\"]}";

    (void) state;
    assert_add ("{}\n", "{}\n", "['dri=igpu']",
                "{\n  \"runtimes\": {\n    \"dri\": {\n      \"path\": \"/bin/true\"\n    }\n  },\n"
                "  \"node-generic-resources\": [\n    \"dri=igpu\"\n  ]\n}\n");
    assert_add (own, own, "['dri=igpu', 'dri=mine']",
                "{\"node-generic-resources\":[\"fpga=4\",\"dri=mine\",\"dri=igpu\"]," DRI "}");
    assert_add ("{\"node-generic-resources\":null}", "{\"node-generic-resources\":null}", "['dri=igpu']",
                "{\"node-generic-resources\":[\"dri=igpu\"]," DRI "}");
}

/* A GPU that is gone is told of no more; nothing at all changes without --swarm.  */
static void
a_later_install_puts_the_gpus_of_now_in_their_place (void **state)
{
    static const char own[] = "{\"node-generic-resources\":[\"dri=mine\"]}";
    static const char now[] = "{\"node-generic-resources\":[\"dri=mine\",\"dri=old\",\"x=y\"]," DRI "}";

    (void) state;
    assert_add (now, own, "['dri=igpu']",
                "{\"node-generic-resources\":[\"dri=mine\",\"x=y\",\"dri=igpu\"]," DRI "}");
    assert_add (now, own, NULL, now);
    assert_add (now, own, "['dri=old']",
                "{\"node-generic-resources\":[\"dri=mine\",\"x=y\",\"dri=old\"]," DRI "}");
    assert_add ("{ \"node-generic-resources\": [\"dri=igpu\"], " DRI "}", NULL, "['dri=igpu']",
                "{ \"node-generic-resources\": [\"dri=igpu\"], " DRI "}");
}

static void
what_swarm_would_refuse_is_refused_here (void **state)
{
    static const char counted[] = "{\"node-generic-resources\":[\"dri=4\"]}";
    struct text after = {0};

    (void) state;
    assert_refused (add (counted, counted, "['dri=igpu']", &after), "\"dri=4\"");
    assert_ok (add (counted, counted, NULL, &after));
    text_finish (&after);
    assert_refused (add ("{\"node-generic-resources\":\"x\"}", "{}", "['dri=igpu']", &after),
                    "is not a list");
}

static void
assert_remove (const char *now, const char *original, const char *wanted)
{
    _cleanup_text_ struct text after = {0};
    const struct text edited = text (now), was = text (original);

    assert_ok (daemon_json_remove (&edited, original ? &was : NULL, &after, &err));
    assert_string_equal (after.data, wanted);
}

static void
removal_gives_the_original_back_to_the_byte (void **state)
{
    static const char *const originals[] = {
        "{ }\n",
        "{\"node-generic-resources\" : []}",
        "{\"node-generic-resources\": null}",
        "{\"node-generic-resources\": [ \"dri=mine\", \"fpga=4\" ],\n\"a\": 1.0}\n",
    };

    (void) state;
    for (size_t i = 0; i < countof (originals); i++) {
        _cleanup_text_ struct text after = {0};

        assert_ok (add (originals[i], originals[i], "['dri=igpu', 'dri=arc']", &after));
        assert_remove (after.data, originals[i], originals[i]);
    }
}

static void
removal_keeps_what_others_advertise (void **state)
{
    static const char now[] =
        "{\"new\":1,\"node-generic-resources\":[\"fpga=4\",\"dri=mine\",\"dri=igpu\",\"gpu=a\"]," DRI "}";

    (void) state;
    assert_remove (now, "{\"node-generic-resources\":[\"dri=mine\"]}",
                   "{\"new\":1,\"node-generic-resources\":[\"fpga=4\",\"dri=mine\",\"gpu=a\"]}");
    /* With no record of what was there, our kind is ours.  */
    assert_remove (now, NULL, "{\"new\":1,\"node-generic-resources\":[\"fpga=4\",\"gpu=a\"]}");
    assert_remove ("{\"new\":1,\"node-generic-resources\":[\"dri=igpu\"]," DRI "}", "{}", "{\"new\":1}");
    assert_remove ("{\"new\":1,\"node-generic-resources\":[\"dri=igpu\"]," DRI "}",
                   "{\"node-generic-resources\":null}", "{\"new\":1,\"node-generic-resources\":null}");
    assert_remove ("{\"new\":1,\"node-generic-resources\":\"odd\"," DRI "}", "{}",
                   "{\"new\":1,\"node-generic-resources\":\"odd\"}");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        resources_test (gpus_are_told_by_their_configured_name_or_their_address),
        resources_test (without_a_gpu_there_is_nothing_to_tell),
        resources_test (names_are_added_behind_the_users_own),
        resources_test (a_later_install_puts_the_gpus_of_now_in_their_place),
        resources_test (what_swarm_would_refuse_is_refused_here),
        resources_test (removal_gives_the_original_back_to_the_byte),
        resources_test (removal_keeps_what_others_advertise),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
