#include "tests/unit/testing.h"

#include "oci/cdi.h"
#include "oci/cdi_schema.h"
#include "oci/cdi_spec.h"
#include "oci/sources.h"

static struct error err;

/* --- what is generated --- */

static json_t *
generate (const char *gpus)
{
    json_t *list = parse (gpus), *spec = cdi_spec (list, "/usr/bin/dri-hook", "/run/x.sock");

    json_decref (list);
    return spec;
}

#define GPU(name, pci, state)                                                                                \
    "{'name': '" name "', 'pci': " pci ", 'state': '" state "', 'driver': 'i915', 'slots': {'total': 16}}"

static void
assert_names (const json_t *spec, const char *wanted)
{
    json_t *names = json_array ();
    size_t i;
    json_t *device;

    json_array_foreach (json_object_get (spec, "devices"), i, device) {
        (void) json_array_append (names, json_object_get (device, "name"));
    }
    assert_json (names, wanted);
    json_decref (names);
}

static void
assert_no_problem (const json_t *spec)
{
    json_t *problems = cdi_problems (spec);

    assert_json (problems, "[]");
    json_decref (problems);
}

static void
every_gpu_has_its_devices_and_the_spec_is_valid (void **state)
{
    json_t *spec = generate ("[" GPU ("igpu", "'0000:00:02.0'", "present") ", " GPU (
        "vgem", "null", "present") ", " GPU ("gone", "'0000:06:00.0'", "lost") "]");

    (void) state;
    assert_names (spec, "['any', 'all', 'igpu', 'pci:0000:00:02.0', 'vgem']");
    assert_no_problem (spec);
    assert_json (json_object_get (spec, "cdiVersion"), "'0.3.0'");
    json_decref (spec);
}

static void
without_a_gpu_one_can_still_wait_for_one (void **state)
{
    json_t *spec = generate ("[]");

    (void) state;
    assert_names (spec, "['any', 'all']");
    assert_no_problem (spec);
    json_decref (spec);
}

static void
names_that_cdi_does_not_take_are_left_out (void **state)
{
    json_t *spec =
        generate ("[" GPU (".hidden", "'0000:00:02.0'", "present") ", " GPU ("end-", "null", "present") "]");

    (void) state;
    assert_names (spec, "['any', 'all', 'pci:0000:00:02.0']");
    assert_no_problem (spec);
    json_decref (spec);
}

static void
a_digit_in_front_needs_a_later_version (void **state)
{
    json_t *spec = generate ("[" GPU ("4k", "null", "present") "]");

    (void) state;
    assert_json (json_object_get (spec, "cdiVersion"), "'0.5.0'");
    assert_no_problem (spec);
    json_decref (spec);
}

static void
the_hooks_act (void **state)
{
    json_t *spec = generate ("[]"), *device = json_array_get (json_object_get (spec, "devices"), 0);

    (void) state;
    assert_json (device,
                 "{'name': 'any', 'containerEdits': {'hooks': [{'hookName': 'createRuntime',"
                 " 'path': '/usr/bin/dri-hook', 'args': ['dri-hook', 'createRuntime', '--device', 'any'],"
                 " 'env': ['DRI_BROKER_SOCKET=/run/x.sock'], 'timeout': 75}]}}");
    assert_json (json_object_get (spec, "containerEdits"),
                 "{'hooks': [{'hookName': 'poststop', 'path': '/usr/bin/dri-hook',"
                 " 'args': ['dri-hook', 'poststop'], 'env': ['DRI_BROKER_SOCKET=/run/x.sock'],"
                 " 'timeout': 15}]}");
    json_decref (spec);
}

/* --- what is valid --- */

#define SPEC(version, kind, device, edits)                                                                   \
    "{'cdiVersion': '" version "', 'kind': '" kind "', 'devices': [" device "], 'containerEdits': {" edits   \
    "}}"
#define DEVICE "{'name': 'a', 'containerEdits': {'env': ['A=b']}}"

static void
valid_specs_are_valid (void **state)
{
    static const char *const specs[] = {
        SPEC ("0.3.0", "vendor.com/class", DEVICE, ""),
        SPEC ("0.3.0", "v/c", DEVICE, "'hooks': [{'hookName': 'prestart', 'path': '/x'}]"),
        SPEC ("0.4.0", "v-1.de/c_2", DEVICE,
              "'mounts': [{'hostPath': '/a', 'containerPath': '/b', 'type': 'none', 'options': ['bind']}]"),
        SPEC (
            "0.5.0", "v/c", DEVICE,
            "'deviceNodes': [{'path': '/dev/a', 'hostPath': '/dev/b', 'type': 'c', 'major': 226, 'minor': 0,"
            " 'fileMode': 432, 'permissions': 'rw', 'uid': 0, 'gid': 4294967295}]"),
        SPEC ("0.6.0", "v/c.d", DEVICE, ""),
        SPEC ("0.7.0", "v/c", DEVICE,
              "'additionalGids': [44], 'intelRdt': {'closID': 'x', 'enableCMT': true}"),
        SPEC ("1.0.0", "v/c", DEVICE, "'deviceNodes': [{'path': '/a', 'permissions': 'none', 'type': ''}]"),
        SPEC (
            "1.1.0", "v/c", DEVICE,
            "'netDevices': [{'hostInterfaceName': 'e', 'name': 'f'}], 'intelRdt': {'schemata': ['L3:0=f']}"),
        "{'cdiVersion': '0.8.0', 'kind': 'v/c', 'annotations': {'x.y/z': 'a'}, 'devices': [" DEVICE "]}",
        "{'cdiVersion': '0.3.0', 'kind': 'v/c', 'devices':"
        " [{'name': 'pci:0000:00:02.0', 'containerEdits': {'mounts': [{'hostPath': '/', 'containerPath': "
        "'/'}]}}]}",
    };

    (void) state;
    for (size_t i = 0; i < countof (specs); i++) {
        json_t *spec = parse (specs[i]);

        assert_no_problem (spec);
        json_decref (spec);
    }
}

/* Each is wrong in one way, and says so in these words.  */
static void
what_is_wrong_is_said (void **state)
{
    static const struct {
        const char *spec, *problem;
    } cases[] = {
        {"[]", "is no JSON object"},
        {"{'kind': 'v/c', 'devices': [" DEVICE "]}", "has no \"cdiVersion\""},
        {"{'cdiVersion': '0.3.0', 'devices': [" DEVICE "]}", "has no \"kind\""},
        {"{'cdiVersion': '0.3.0', 'kind': 'v/c'}", "has no \"devices\""},
        {SPEC ("0.3.0", "v/c", "", ""), "devices: is empty"},
        {SPEC ("0.2.0", "v/c", DEVICE, ""), "cdiVersion: \"0.2.0\" is no version that engines read"},
        {SPEC ("v0.5.0", "v/c", DEVICE, ""), "cdiVersion: \"v0.5.0\""},
        {SPEC ("2.0.0", "v/c", DEVICE, ""), "cdiVersion: \"2.0.0\""},
        {"{'cdiVersion': 1, 'kind': 'v/c', 'devices': [" DEVICE "]}", "cdiVersion: wants a text"},
        {SPEC ("0.3.0", "vendor.com", DEVICE, ""), "kind: \"vendor.com\" is no kind"},
        {SPEC ("0.3.0", "1v/c", DEVICE, ""), "is no kind"},
        {SPEC ("0.3.0", "v/c/d", DEVICE, ""), "is no kind"},
        {SPEC ("0.3.0", "v/c-", DEVICE, ""), "is no kind"},
        {SPEC ("0.3.0", "/c", DEVICE, ""), "is no kind"},
        {SPEC ("0.3.0", "v/", DEVICE, ""), "is no kind"},
        {SPEC ("0.5.0", "v/c.d", DEVICE, ""),
         "kind: a full stop behind the slash came with cdiVersion 0.6.0"},
        {SPEC ("0.3.0", "v/c", DEVICE ", " DEVICE, ""), "two devices are called \"a\""},
        {SPEC ("0.3.0", "v/c", "{'name': 'a b', 'containerEdits': {'env': ['A=b']}}", ""),
         "devices[0].name: \"a b\" is no name of a device"},
        {SPEC ("0.3.0", "v/c", "{'name': '', 'containerEdits': {'env': ['A=b']}}", ""),
         "is no name of a device"},
        {SPEC ("0.3.0", "v/c", "{'name': 'a:', 'containerEdits': {'env': ['A=b']}}", ""),
         "is no name of a device"},
        {SPEC ("0.4.0", "v/c", "{'name': '4k', 'containerEdits': {'env': ['A=b']}}", ""),
         "a name that begins with a digit came with cdiVersion 0.5.0, and this spec says 0.4.0"},
        {SPEC ("0.3.0", "v/c", "{'name': 'a'}", ""), "devices[0]: has no \"containerEdits\""},
        {SPEC ("0.3.0", "v/c", "{'name': 'a', 'containerEdits': {'env': []}}", ""),
         "devices[0].containerEdits: changes nothing"},
        {SPEC ("0.3.0", "v/c", "{'name': 'a', 'containerEdits': {'env': ['A']}}", ""),
         "devices[0].containerEdits.env[0]: \"A\" is not NAME=VALUE"},
        {SPEC ("0.3.0", "v/c", "'a'", ""), "devices: wants a list of objects"},
        {SPEC ("0.3.0", "v/c", DEVICE, "'env': ['=b']"), "containerEdits.env[0]: \"=b\" is not NAME=VALUE"},
        {SPEC ("0.3.0", "v/c", DEVICE, "'hook': []"), "containerEdits.hook: is no field that CDI has"},
        {SPEC ("0.3.0", "v/c", DEVICE, "'hooks': [{'hookName': 'start', 'path': '/x'}]"),
         "containerEdits.hooks[0].hookName: \"start\" is no hook"},
        {SPEC ("0.3.0", "v/c", DEVICE, "'hooks': [{'hookName': 'prestart'}]"), "hooks[0]: has no \"path\""},
        {SPEC ("0.3.0", "v/c", DEVICE, "'hooks': [{'hookName': 'prestart', 'path': 'x'}]"),
         "\"x\" is no absolute path"},
        {SPEC ("0.3.0", "v/c", DEVICE, "'hooks': [{'hookName': 'prestart', 'path': '/x', 'timeout': 0}]"),
         "timeout: has to be greater than 0"},
        {SPEC ("0.3.0", "v/c", DEVICE, "'hooks': [{'hookName': 'prestart', 'path': '/x', 'args': 'x'}]"),
         "args: wants a list of texts"},
        {SPEC ("0.3.0", "v/c", DEVICE,
               "'mounts': [{'hostPath': '/a', 'containerPath': '/b', 'type': 'none'}]"),
         "mounts[0].type: this field came with cdiVersion 0.4.0"},
        {SPEC ("0.3.0", "v/c", DEVICE, "'mounts': [{'hostPath': '', 'containerPath': '/b'}]"),
         "mounts[0].hostPath: is empty"},
        {SPEC ("0.4.0", "v/c", DEVICE, "'deviceNodes': [{'path': '/a', 'hostPath': '/b'}]"), "0.5.0"},
        {SPEC ("0.3.0", "v/c", DEVICE, "'deviceNodes': [{'path': '/a', 'minor': -1}]"), "minor: is negative"},
        {SPEC ("0.3.0", "v/c", DEVICE, "'deviceNodes': [{'path': '/a', 'minor': '1'}]"),
         "minor: wants a whole number"},
        {SPEC ("0.3.0", "v/c", DEVICE, "'deviceNodes': [{'path': '/a', 'type': 'x'}]"),
         "none of b, c, u and p"},
        {SPEC ("0.3.0", "v/c", DEVICE, "'deviceNodes': [{'path': '/a', 'permissions': 'rx'}]"),
         "not made of r, w and m"},
        {SPEC ("0.3.0", "v/c", DEVICE, "'deviceNodes': [{'path': '/a', 'gid': 4294967296}]"),
         "gid: is not from 0 to 4294967295"},
        {SPEC ("0.6.0", "v/c", DEVICE, "'additionalGids': [44]"), "additionalGids: this field came with"},
        {SPEC ("0.7.0", "v/c", DEVICE, "'additionalGids': [44, -1]"), "additionalGids[1]: is not from 0"},
        {SPEC ("0.7.0", "v/c", DEVICE, "'additionalGIDs': [44]"), "additionalGIDs: is no field"},
        {SPEC ("1.0.0", "v/c", DEVICE, "'netDevices': []"),
         "netDevices: this field came with cdiVersion 1.1.0"},
        {SPEC ("1.1.0", "v/c", DEVICE, "'intelRdt': {'enableMBM': true}"), "enableMBM: is gone"},
        {SPEC ("1.0.0", "v/c", DEVICE, "'intelRdt': {'closID': 'a/b'}"), "is no name of a class of service"},
        {"{'cdiVersion': '0.5.0', 'kind': 'v/c', 'annotations': {'a': 'b'}, 'devices': [" DEVICE "]}",
         "annotations: annotations came with cdiVersion 0.6.0"},
        {"{'cdiVersion': '0.6.0', 'kind': 'v/c', 'annotations': {'a': 1}, 'devices': [" DEVICE "]}",
         "annotations.a: wants a text"},
        {"{'cdiVersion': '0.6.0', 'kind': 'v/c', 'annotations': {'-a': 'b'}, 'devices': [" DEVICE "]}",
         "no key of an annotation"},
    };

    (void) state;
    for (size_t i = 0; i < countof (cases); i++) {
        json_t *spec = parse (cases[i].spec), *problems = cdi_problems (spec);

        if (json_array_size (problems) != 1)
            fail_msg ("%s has %zu problems", cases[i].spec, json_array_size (problems));
        assert_contains (json_string_value (json_array_get (problems, 0)), cases[i].problem);
        json_decref (problems);
        json_decref (spec);
    }
}

static void
the_least_version_is_that_of_what_is_used (void **state)
{
    static const struct {
        const char *spec, *version;
    } cases[] = {
        {SPEC ("1.1.0", "v/c", DEVICE, ""), "0.3.0"},
        {SPEC ("1.1.0", "v/c", DEVICE,
               "'mounts': [{'hostPath': '/a', 'containerPath': '/b', 'type': 'none'}]"),
         "0.4.0"},
        {SPEC ("1.1.0", "v/c", "{'name': '4k', 'containerEdits': {'env': ['A=b']}}", ""), "0.5.0"},
        {SPEC ("1.1.0", "v/c.d", DEVICE, ""), "0.6.0"},
        {SPEC ("1.1.0", "v/c", "{'name': 'a', 'containerEdits': {'additionalGids': [1]}}", ""), "0.7.0"},
        {SPEC ("1.1.0", "v/c.d", DEVICE, "'netDevices': [{'hostInterfaceName': 'e', 'name': 'f'}]"), "1.1.0"},
    };

    (void) state;
    for (size_t i = 0; i < countof (cases); i++) {
        json_t *spec = parse (cases[i].spec);

        assert_string_equal (cdi_least_version (spec), cases[i].version);
        json_decref (spec);
    }
}

/* A problem that cannot be said would be none.  */
static void
names_cut_in_a_character_are_said_too (void **state)
{
    char name[80];
    json_t *spec, *problems;

    (void) state;
    memset (name, 'x', sizeof name);
    for (size_t i = 50; i < 70; i++) {
        (void) snprintf (name + i, sizeof name - i, "ß");
        spec = json_pack ("{s:s s:s s:[{s:s s:{s:[s]}}] s:i}", "cdiVersion", "0.3.0", "kind", "v/c",
                          "devices", "name", name, "containerEdits", "env", "A=b", name, 1);
        problems = cdi_problems (spec);
        assert_int_equal (json_array_size (problems), 2);
        json_decref (problems);
        json_decref (spec);
        name[i] = 'x';
    }
}

/* --- what a container asks by it --- */

static const char *
asked (const char *hooks)
{
    static char device[64];
    json_t *json = parse (hooks);
    const char *found = "?";

    if (cdi_asked (json, &found, &err) < 0)
        found = "several";
    (void) snprintf (device, sizeof device, "%s", found ? found : "none");
    json_decref (json);
    return device;
}

#define HOOK(args)  "{'path': '/x/dri-hook', 'args': [" args "]}"
#define DEVICE_ARGS "'dri-hook', 'createRuntime', '--device', "

static void
the_device_is_that_of_our_hook (void **state)
{
    (void) state;
    assert_string_equal (asked ("{}"), "none");
    assert_string_equal (asked ("{'createRuntime': null}"), "none");
    assert_string_equal (asked ("{'createRuntime': [" HOOK (DEVICE_ARGS "'igpu'") "]}"), "igpu");
    assert_string_equal (
        asked ("{'createRuntime': [{'path': '/other'}, " HOOK (DEVICE_ARGS "'any'") "], 'poststop': []}"),
        "any");
    assert_string_equal (asked ("{'createRuntime': [" HOOK ("'other', 'x', '--device', 'any'") "]}"), "none");
    assert_string_equal (
        asked ("{'createRuntime': [" HOOK ("'dri-hook', 'createRuntime', '--lease', 'x'") "]}"), "none");
    assert_string_equal (
        asked ("{'createRuntime': [" HOOK (DEVICE_ARGS "'a'") ", " HOOK (DEVICE_ARGS "'b'") "]}"), "several");
    assert_contains (err.message, "dri.dev/gpu=a and dri.dev/gpu=b");
}

/* labels, variables of the environment, and the device together  */
static int
take (struct request *req, const char *labels, const char *env, const char *device)
{
    json_t *label_json = parse (labels), *env_json = parse (env), *hooks;
    struct sources from = {.labels = label_json, .env = env_json, .env_counts = true};
    int r;

    hooks = json_pack ("{s:[{s:[s s s s]}]}", "createRuntime", "args", "dri-hook", "createRuntime",
                       CDI_OPTION, device);
    from.hooks = hooks;
    err.message[0] = '\0';
    r = sources_take (req, &from, &err);
    json_decref (hooks);
    json_decref (env_json);
    json_decref (label_json);
    return r;
}

static void
a_device_asks_and_other_keys_count_too (void **state)
{
    struct request req;

    (void) state;
    assert_ok (take (&req, "{}", "[]", "any"));
    assert_true (req.enable);
    assert_int_equal (req.source[KEY_ENABLE], SOURCE_DEVICE);
    assert_int_equal (req.source[KEY_GPU], SOURCE_DEFAULT);

    assert_ok (take (&req, "{'dri.class': 'batch'}", "['DRI_SLOTS=3']", "pci:0000:00:02.0"));
    assert_true (req.enable);
    assert_int_equal (req.class, CLASS_BATCH);
    assert_int_equal (req.slots, 3);
    assert_int_equal (req.selectors[0].kind, SELECT_PCI);
    assert_int_equal (req.source[KEY_GPU], SOURCE_DEVICE);

    /* "any" on either side leaves the choice to the other.  */
    assert_ok (take (&req, "{'dri.gpu': 'arc,igpu', 'dri.enable': 'true'}", "[]", "any"));
    assert_string_equal (req.text[KEY_GPU], "arc,igpu");
    assert_ok (take (&req, "{'dri.gpu': 'any'}", "[]", "arc"));
    assert_string_equal (req.text[KEY_GPU], "arc");
    assert_ok (take (&req, "{'dri.gpu': 'arc'}", "[]", "arc"));
}

static void
a_contradiction_is_refused (void **state)
{
    struct request req;

    (void) state;
    assert_refused (take (&req, "{'dri.enable': 'false'}", "[]", "any"),
                    "the device dri.dev/gpu=any and the label dri.enable=false contradict each other");
    assert_refused (take (&req, "{}", "['DRI_ENABLE=false']", "any"), "environment dri.enable=false");
    assert_refused (take (&req, "{'dri.gpu': 'arc'}", "[]", "igpu"),
                    "the device dri.dev/gpu=igpu and the label dri.gpu=arc contradict each other");
    assert_refused (take (&req, "{}", "['DRI_GPU=arc']", "all"), "environment dri.gpu=arc");
    assert_refused (take (&req, "{}", "[]", "pci:00:02.0"), "pci:00:02.0");
}

/* Where only the device asks, the image's variables would count unseen.  */
static void
a_device_makes_the_image_matter (void **state)
{
    json_t *env = parse ("['PATH=/bin', 'DRI_GPU=arc']"),
           *hooks = parse ("{'createRuntime': [" HOOK (DEVICE_ARGS "'any'") "]}");
    struct sources from = {.env = env};

    (void) state;
    assert_false (sources_want_image (&from));
    from.hooks = hooks;
    assert_true (sources_want_image (&from));
    (void) json_array_remove (env, 1);
    assert_false (sources_want_image (&from));
    json_decref (hooks);
    json_decref (env);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (every_gpu_has_its_devices_and_the_spec_is_valid),
        cmocka_unit_test (without_a_gpu_one_can_still_wait_for_one),
        cmocka_unit_test (names_that_cdi_does_not_take_are_left_out),
        cmocka_unit_test (a_digit_in_front_needs_a_later_version),
        cmocka_unit_test (the_hooks_act),
        cmocka_unit_test (valid_specs_are_valid),
        cmocka_unit_test (what_is_wrong_is_said),
        cmocka_unit_test (the_least_version_is_that_of_what_is_used),
        cmocka_unit_test (names_cut_in_a_character_are_said_too),
        cmocka_unit_test (the_device_is_that_of_our_hook),
        cmocka_unit_test (a_device_asks_and_other_keys_count_too),
        cmocka_unit_test (a_contradiction_is_refused),
        cmocka_unit_test (a_device_makes_the_image_matter),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
