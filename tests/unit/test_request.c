#include "tests/unit/testing.h"

#include "oci/request.h"

static struct request
request_of (const char *name, const char *value)
{
    struct request req;
    struct error err = {0};

    request_init (&req);
    assert_ok (request_set (&req, SOURCE_LABEL, name, value, &err));
    return req;
}

/* Refused, with these words in the message, and the request as it was.  */
static void
assert_bad (const char *name, const char *value, const char *words)
{
    struct request req, before;
    struct error err = {0};

    request_init (&req);
    before = req;
    if (request_set (&req, SOURCE_LABEL, name, value, &err) == 0)
        fail_msg ("%s=%s was taken", name, value);
    assert_contains (err.message, words);
    assert_contains (err.message, name);
    assert_memory_equal (&req, &before, sizeof req);
}

static void
the_defaults_are_those_of_the_design (void **state)
{
    struct request req;

    (void) state;
    request_init (&req);
    assert_false (req.enable);
    assert_false (req.card);
    assert_int_equal (req.n_selectors, 1);
    assert_int_equal (req.selectors[0].kind, SELECT_ANY);
    assert_int_equal (req.access, ACCESS_SHARED);
    assert_int_equal (req.class, CLASS_INTERACTIVE);
    assert_int_equal (req.slots, 1);
    assert_int_equal (req.share, 0);
    assert_int_equal (req.ready, READY_AUTO);
    assert_int_equal (req.wait_ms, 10000);
    assert_int_equal (req.on_failure, FAILURE_FAIL);
    assert_int_equal (req.owner.kind, OWNER_AUTO);
    for (int i = 0; i < KEY_COUNT; i++) {
        assert_string_equal (req.text[i], "");
        assert_int_equal (req.source[i], SOURCE_DEFAULT);
    }
}

static void
every_word_of_the_table_means_what_it_says (void **state)
{
    (void) state;
    assert_true (request_of ("dri.enable", "true").enable);
    assert_false (request_of ("dri.enable", "false").enable);
    assert_false (request_of ("dri.nodes", "render").card);
    assert_true (request_of ("dri.nodes", "render,card").card);
    assert_int_equal (request_of ("dri.access", "shared").access, ACCESS_SHARED);
    assert_int_equal (request_of ("dri.access", "exclusive").access, ACCESS_EXCLUSIVE);
    assert_int_equal (request_of ("dri.access", "monitor").access, ACCESS_MONITOR);
    assert_int_equal (request_of ("dri.class", "interactive").class, CLASS_INTERACTIVE);
    assert_int_equal (request_of ("dri.class", "realtime").class, CLASS_REALTIME);
    assert_int_equal (request_of ("dri.class", "batch").class, CLASS_BATCH);
    assert_int_equal (request_of ("dri.ready", "auto").ready, READY_AUTO);
    assert_int_equal (request_of ("dri.ready", "off").ready, READY_OFF);
    assert_int_equal (request_of ("dri.ready", "node").ready, READY_NODE);
    assert_int_equal (request_of ("dri.ready", "driver").ready, READY_DRIVER);
    assert_int_equal (request_of ("dri.ready", "vaapi").ready, READY_VAAPI);
    assert_int_equal (request_of ("dri.on-failure", "fail").on_failure, FAILURE_FAIL);
    assert_int_equal (request_of ("dri.on-failure", "start-without").on_failure, FAILURE_START_WITHOUT);
    assert_int_equal (request_of ("dri.on-failure", "defer").on_failure, FAILURE_DEFER);
}

static void
numbers_share_and_wait_have_their_limits (void **state)
{
    (void) state;
    assert_int_equal (request_of ("dri.slots", "1").slots, 1);
    assert_int_equal (request_of ("dri.slots", "1000").slots, 1000);
    assert_int_equal (request_of ("dri.share", "1%").share, 1);
    assert_int_equal (request_of ("dri.share", "40%").share, 40);
    assert_int_equal (request_of ("dri.share", "100%").share, 100);
    assert_int_equal (request_of ("dri.wait", "0s").wait_ms, 0);
    assert_int_equal (request_of ("dri.wait", "1s").wait_ms, 1000);
    assert_int_equal (request_of ("dri.wait", "60s").wait_ms, 60000);
    assert_int_equal (request_of ("dri.wait", "1ms").wait_ms, 1);
    assert_int_equal (request_of ("dri.wait", "60000ms").wait_ms, 60000);
}

static void
every_kind_of_selector_is_known (void **state)
{
    static const struct {
        const char *word;
        enum selector_kind kind;
        const char *text;
    } cases[] = {
        {"any", SELECT_ANY, "any"},
        {"all", SELECT_ALL, "all"},
        {"pci:0000:00:02.0", SELECT_PCI, "0000:00:02.0"},
        {"pci:FFFF:ff:1f.7", SELECT_PCI, "FFFF:ff:1f.7"},
        {"pci:10000:e1:00.0", SELECT_PCI, "10000:e1:00.0"},
        {"driver:i915", SELECT_DRIVER, "i915"},
        {"vendor:intel", SELECT_VENDOR, "intel"},
        {"8086:46d1", SELECT_ID, "8086:46d1"},
        {"renderD129", SELECT_NODE, "renderD129"},
        {"arc", SELECT_NAME, "arc"},
        {"anything", SELECT_NAME, "anything"},
        {"gpu-0_b.1", SELECT_NAME, "gpu-0_b.1"},
    };

    (void) state;
    for (size_t i = 0; i < countof (cases); i++) {
        struct request req = request_of ("dri.gpu", cases[i].word);

        assert_int_equal (req.n_selectors, 1);
        assert_int_equal (req.selectors[0].kind, cases[i].kind);
        assert_string_equal (req.selectors[0].text, cases[i].word);
        assert_string_equal (req.selectors[0].text + req.selectors[0].prefix, cases[i].text);
    }
    assert_int_equal (request_of ("dri.gpu", "8086:46d1").selectors[0].vendor, 0x8086);
    assert_int_equal (request_of ("dri.gpu", "8086:46D1").selectors[0].device, 0x46d1);
}

static void
selectors_keep_the_order_of_preference (void **state)
{
    struct request req = request_of ("dri.gpu", "arc, driver:i915,,any");

    (void) state;
    assert_int_equal (req.n_selectors, 3);
    assert_string_equal (req.selectors[0].text, "arc");
    assert_string_equal (req.selectors[1].text, "driver:i915");
    assert_int_equal (req.selectors[2].kind, SELECT_ANY);
    assert_string_equal (req.text[KEY_GPU], "arc, driver:i915,,any");
    assert_int_equal (request_of ("dri.gpu", "a,b,c,d,e,f,g,h").n_selectors, 8);
    assert_bad ("dri.gpu", "a,b,c,d,e,f,g,h,i", "more than 8");
}

static void
owners_are_ids_and_a_mode (void **state)
{
    struct owner owner;

    (void) state;
    assert_int_equal (request_of ("dri.owner", "auto").owner.kind, OWNER_AUTO);
    assert_int_equal (request_of ("dri.owner", "host").owner.kind, OWNER_HOST);
    owner = request_of ("dri.owner", "1000:1001").owner;
    assert_int_equal (owner.kind, OWNER_IDS);
    assert_int_equal (owner.uid, 1000);
    assert_int_equal (owner.gid, 1001);
    assert_int_equal (owner.mode, 0660);
    assert_int_equal (request_of ("dri.owner", "0:0:600").owner.mode, 0600);
    assert_int_equal (request_of ("dri.owner", "0:0:0777").owner.mode, 0777);
    assert_int_equal (request_of ("dri.owner", "0:0:0").owner.mode, 0);
    assert_int_equal (request_of ("dri.owner", "4294967294:4294967294").owner.uid, 4294967294U);
}

static void
require_takes_a_list_of_capabilities (void **state)
{
    (void) state;
    assert_string_equal (request_of ("dri.require", "h264-decode, av1-decode").text[KEY_REQUIRE],
                         "h264-decode, av1-decode");
    assert_bad ("dri.require", "h264_decode", "h264_decode");
    assert_bad ("dri.require", "h264-decode,theora-decode", "theora-decode");
}

static void
a_wrong_value_is_refused_with_the_nearest_or_all (void **state)
{
    static const struct {
        const char *name, *value, *words;
    } cases[] = {
        {"dri.enable", "True", "did you mean \"true\"?"},
        {"dri.enable", "flase", "did you mean \"false\"?"},
        {"dri.enable", "", "valid are \"false\", \"true\""},
        {"dri.enable", "true ", "did you mean \"true\"?"},
        {"dri.enable", "yes", "valid are \"false\", \"true\""},
        {"dri.enable", "TRUE", "did you mean \"true\"?"},
        {"dri.enable", "1", "valid are \"false\", \"true\""},
        {"dri.nodes", "card", "valid are \"render\", \"render,card\""},
        {"dri.nodes", "rendr", "did you mean \"render\"?"},
        {"dri.nodes", "render, card", "did you mean \"render,card\"?"},
        {"dri.nodes", "render;card", "did you mean \"render,card\"?"},
        {"dri.access", "share", "did you mean \"shared\"?"},
        {"dri.access", "exculsive", "did you mean \"exclusive\"?"},
        {"dri.access", "moniter", "did you mean \"monitor\"?"},
        {"dri.class", "real-time", "did you mean \"realtime\"?"},
        {"dri.class", "high", "valid are \"interactive\", \"realtime\", \"batch\""},
        {"dri.class", "bacth", "did you mean \"batch\"?"},
        {"dri.class", "interactiv", "did you mean \"interactive\"?"},
        {"dri.ready", "va-api", "did you mean \"vaapi\"?"},
        {"dri.ready", "of", "did you mean \"off\"?"},
        {"dri.ready", "nodes", "did you mean \"node\"?"},
        {"dri.ready", "drivers", "did you mean \"driver\"?"},
        {"dri.ready", "atuo", "did you mean \"auto\"?"}, /* two letters that changed places are one slip */
        {"dri.ready", "yes", "valid are \"auto\", \"off\", \"node\", \"driver\", \"vaapi\""},
        {"dri.on-failure", "startwithout", "did you mean \"start-without\"?"},
        {"dri.on-failure", "differ", "did you mean \"defer\"?"},
        {"dri.on-failure", "fial", "did you mean \"fail\"?"},
        {"dri.gpu", "", "did you mean \"any\"?"},
        {"dri.gpu", ", ,", "did you mean \"any\"?"},
        {"dri.gpu", "pci:000:00:02.0", "did you mean \"pci:0000:00:02.0\"?"},
        {"dri.gpu", "pci:123456789:00:02.0", "valid are \"any\", \"all\", "},
        {"dri.gpu", "vendor:matrox",
         "valid are \"any\", \"all\", \"pci:0000:00:02.0\", \"driver:i915\", \"vendor:intel\""},
        {"dri.gpu", "pci:00:02.0", "did you mean \"pci:0000:00:02.0\"?"},
        {"dri.gpu", "pci:0000:00:02.8", "did you mean \"pci:0000:00:02.0\"?"},
        {"dri.gpu", "pci:0000:00:02.00", "did you mean \"pci:0000:00:02.0\"?"},
        {"dri.gpu", "pci:000g:00:02.0", "did you mean \"pci:0000:00:02.0\"?"},
        {"dri.gpu",
         "pci:", "valid are \"any\", \"all\", \"pci:0000:00:02.0\", \"driver:i915\", \"vendor:intel\""},
        {"dri.gpu",
         "driver:", "valid are \"any\", \"all\", \"pci:0000:00:02.0\", \"driver:i915\", \"vendor:intel\""},
        {"dri.gpu", "vendor:in/tel", "vendor:intel"},
        {"dri.gpu", "vendr:intel", "did you mean \"vendor:intel\"?"},
        {"dri.gpu", "intel", "did you mean \"vendor:intel\"?"},
        {"dri.gpu", "Amd", "did you mean \"vendor:Amd\"?"},
        {"dri.gpu", "any,nvidia", "did you mean \"vendor:nvidia\"?"},
        {"dri.gpu", "i915", "did you mean \"driver:i915\"?"},
        {"dri.gpu", "xe", "did you mean \"driver:xe\"?"},
        {"dri.gpu", "amdgpu", "did you mean \"driver:amdgpu\"?"},
        {"dri.gpu", "8086:46d",
         "valid are \"any\", \"all\", \"pci:0000:00:02.0\", \"driver:i915\", \"vendor:intel\""},
        {"dri.gpu", "8086:46d11",
         "valid are \"any\", \"all\", \"pci:0000:00:02.0\", \"driver:i915\", \"vendor:intel\""},
        {"dri.gpu", "../card0",
         "valid are \"any\", \"all\", \"pci:0000:00:02.0\", \"driver:i915\", \"vendor:intel\""},
        {"dri.gpu", "any,pci:x",
         "valid are \"any\", \"all\", \"pci:0000:00:02.0\", \"driver:i915\", \"vendor:intel\""},
        {"dri.slots", "0", "from 1 to 1000"},
        {"dri.slots", "1001", "from 1 to 1000"},
        {"dri.slots", "-1", "from 1 to 1000"},
        {"dri.slots", "+1", "from 1 to 1000"},
        {"dri.slots", " 1", "from 1 to 1000"},
        {"dri.slots", "1 ", "from 1 to 1000"},
        {"dri.slots", "1.5", "from 1 to 1000"},
        {"dri.slots", "0x1", "from 1 to 1000"},
        {"dri.slots", "", "from 1 to 1000"},
        {"dri.slots", "99999999999999999999", "from 1 to 1000"},
        {"dri.share", "40", "as in \"40%\""},
        {"dri.share", "0%", "as in \"40%\""},
        {"dri.share", "101%", "as in \"40%\""},
        {"dri.share", "%", "as in \"40%\""},
        {"dri.share", "-5%", "as in \"40%\""},
        {"dri.share", "4 %", "as in \"40%\""},
        {"dri.share", "", "as in \"40%\""},
        {"dri.wait", "10", "as in \"10s\""},
        {"dri.wait", "61s", "as in \"10s\""},
        {"dri.wait", "60001ms", "as in \"10s\""},
        {"dri.wait", "s", "as in \"10s\""},
        {"dri.wait", "ms", "as in \"10s\""},
        {"dri.wait", "1m", "as in \"10s\""},
        {"dri.wait", "-1s", "as in \"10s\""},
        {"dri.wait", "", "as in \"10s\""},
        {"dri.role", "two words", "one word"},
        {"dri.role", "x\x1b", "one word"},
        {"dri.owner", "hots", "did you mean \"host\"?"},
        {"dri.owner", "Auto", "did you mean \"auto\"?"},
        {"dri.owner", "1000", "valid are \"auto\", \"host\", \"UID:GID[:MODE]\""},
        {"dri.owner", "1000:", "1000:1000"},
        {"dri.owner", ":1000", "1000:1000"},
        {"dri.owner", "abc:1000", "1000:1000"},
        {"dri.owner", "1000:1000:", "1000:1000"},
        {"dri.owner", "1000:1000:0660:1", "1000:1000"},
        {"dri.owner", "1000:1000:1777", "1000:1000"},
        {"dri.owner", "1000:1000:4755", "1000:1000"},
        {"dri.owner", "1000:1000:68", "1000:1000"},
        {"dri.owner", "4294967295:0", "1000:1000"},
        {"dri.owner", "0:4294967295", "1000:1000"},
        {"dri.owner", "18446744073709551616:0", "1000:1000"},
    };

    (void) state;
    for (size_t i = 0; i < countof (cases); i++)
        assert_bad (cases[i].name, cases[i].value, cases[i].words);
}

static void
a_wrong_key_is_refused_with_the_nearest_or_all (void **state)
{
    static const char all[] = "valid are dri.enable, dri.gpu, dri.nodes, dri.access, dri.class, dri.slots, "
                              "dri.share, dri.require, dri.ready, dri.wait, dri.on-failure, dri.owner, "
                              "dri.role";
    static const struct {
        const char *name, *words;
    } cases[] = {
        {"dri.enabel", "did you mean dri.enable?"},
        {"dri.enabled", "did you mean dri.enable?"},
        {"dri.GPU", "did you mean dri.gpu?"},
        {"dri.gpus", "did you mean dri.gpu?"},
        {"dri.node", "did you mean dri.nodes?"},
        {"dri.acess", "did you mean dri.access?"},
        {"dri.clas", "did you mean dri.class?"},
        {"dri.slot", "did you mean dri.slots?"},
        {"dri.shares", "did you mean dri.share?"},
        {"dri.requires", "did you mean dri.require?"},
        {"dri.raedy", "did you mean dri.ready?"},
        {"dri.wiat", "did you mean dri.wait?"},
        {"dri.onfailure", "did you mean dri.on-failure?"},
        {"dri.on_failure", "did you mean dri.on-failure?"},
        {"dri.user", "did you mean dri.owner?"},
        {"dri.onwer", "did you mean dri.owner?"},
        {"dri.", all},
        {"dri.transcoder", all},
    };

    (void) state;
    for (size_t i = 0; i < countof (cases); i++)
        assert_bad (cases[i].name, "true", cases[i].words);
}

/* A key is compared whole: what follows the room for a name is not cut off first.  */
static void
overlong_names_and_values_are_refused (void **state)
{
    char text[400];

    (void) state;
    assert_bad ("dri.gpu.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "any", "unknown label");
    memset (text, 'a', sizeof text);
    text[255] = '\0';
    assert_bad ("dri.gpu", text, "a word of more than 63 characters");
    text[64] = '\0';
    assert_bad ("dri.gpu", text, "a word of more than 63 characters");
    text[63] = '\0';
    assert_string_equal (request_of ("dri.gpu", text).selectors[0].text, text);
    memset (text, 'a', sizeof text);
    text[256] = '\0';
    assert_bad ("dri.require", text, "256 characters, at most 255");
    text[255] = '\0';
    memset (text, ' ', 255);
    memcpy (text, "vpp,h264-decode", 15);
    assert_string_equal (request_of ("dri.require", text).text[KEY_REQUIRE], text);
}

static void
the_environment_has_the_same_keys (void **state)
{
    static const struct {
        const char *name, *value;
    } cases[KEY_COUNT] = {
        {"DRI_ENABLE", "true"},       {"DRI_GPU", "all"},
        {"DRI_NODES", "render,card"}, {"DRI_ACCESS", "monitor"},
        {"DRI_CLASS", "batch"},       {"DRI_SLOTS", "3"},
        {"DRI_SHARE", "40%"},         {"DRI_REQUIRE", "av1-decode"},
        {"DRI_READY", "off"},         {"DRI_WAIT", "1s"},
        {"DRI_ON_FAILURE", "defer"},  {"DRI_OWNER", "host"},
        {"DRI_ROLE", "camera"},
    };
    struct request req;
    struct error err = {0};

    (void) state;
    request_init (&req);
    for (int i = 0; i < KEY_COUNT; i++) {
        assert_true (request_owns_env (cases[i].name));
        assert_ok (request_set (&req, SOURCE_ENV, cases[i].name, cases[i].value, &err));
        assert_string_equal (req.text[i], cases[i].value);
        assert_int_equal (req.source[i], SOURCE_ENV);
    }
    assert_true (req.enable && req.card && req.slots == 3 && req.share == 40 && req.wait_ms == 1000);
    assert_refused (request_set (&req, SOURCE_ENV, "DRI_ACCESS", "share", &err), "DRI_ACCESS");
}

static void
of_the_environment_only_our_keys_are_ours (void **state)
{
    (void) state;
    assert_false (request_owns_env ("DRI_PRIME"));
    assert_false (request_owns_env ("DRI_PRIME_DEBUG"));
    assert_false (request_owns_env ("DRI_"));
    assert_false (request_owns_env ("DRI"));
    assert_false (request_owns_env (""));
    assert_false (request_owns_env ("LIBGL_DRI_GPU"));
    assert_false (request_owns_env ("dri.gpu"));
    assert_false (request_owns_env ("DRI_GPUS"));
    assert_false (request_owns_env ("DRI_ENABLE_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
    assert_true (request_owns_label ("dri.prime"));
    assert_true (request_owns_label ("dri."));
    assert_false (request_owns_label ("driver.gpu"));
    assert_false (request_owns_label ("io.dri.lease"));
    assert_false (request_owns_label ("DRI.enable"));
    assert_false (request_owns_label ("dri"));
}

/* Whatever the order in which they are read.  */
static void
label_goes_before_annotation_before_environment (void **state)
{
    static const unsigned orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    static const struct {
        enum request_source source;
        const char *name, *value;
    } said[] = {
        {SOURCE_ENV, "DRI_GPU", "from-env"},
        {SOURCE_ANNOTATION, "dri.gpu", "from-annotation"},
        {SOURCE_LABEL, "dri.gpu", "from-label"},
    };
    struct error err = {0};

    (void) state;
    for (size_t i = 0; i < countof (orders); i++)
        for (unsigned most = 0; most < 3; most++) {
            struct request req;

            request_init (&req);
            for (unsigned j = 0; j < 3; j++)
                if (orders[i][j] <= most)
                    assert_ok (request_set (&req, said[orders[i][j]].source, said[orders[i][j]].name,
                                            said[orders[i][j]].value, &err));
            assert_string_equal (req.selectors[0].text, said[most].value);
            assert_string_equal (req.text[KEY_GPU], said[most].value);
            assert_int_equal (req.source[KEY_GPU], said[most].source);
        }
}

static void
a_bad_value_is_refused_even_where_a_label_overrides_it (void **state)
{
    struct request req;
    struct error err = {0};

    (void) state;
    request_init (&req);
    assert_ok (request_set (&req, SOURCE_LABEL, "dri.access", "exclusive", &err));
    assert_refused (request_set (&req, SOURCE_ANNOTATION, "dri.access", "share", &err),
                    "did you mean \"shared\"?");
    assert_ok (request_set (&req, SOURCE_ANNOTATION, "dri.access", "shared", &err));
    assert_int_equal (req.access, ACCESS_EXCLUSIVE);
}

static void
a_second_value_takes_the_place_of_the_first_whole (void **state)
{
    struct request req;
    struct error err = {0};

    (void) state;
    request_init (&req);
    assert_ok (request_set (&req, SOURCE_LABEL, "dri.gpu", "a,b,c", &err));
    assert_ok (request_set (&req, SOURCE_LABEL, "dri.gpu", "d", &err));
    assert_int_equal (req.n_selectors, 1);
    assert_ok (request_set (&req, SOURCE_LABEL, "dri.owner", "1:2:600", &err));
    assert_ok (request_set (&req, SOURCE_LABEL, "dri.owner", "auto", &err));
    assert_int_equal (req.owner.kind, OWNER_AUTO);
}

static void
the_wire_form_holds_what_was_written_and_no_more (void **state)
{
    struct request req = request_of ("dri.gpu", "arc, any");
    struct error err = {0};
    json_t *json;

    (void) state;
    json = request_to_json (&req);
    assert_json (json, "{'gpu': 'arc, any'}");
    json_decref (json);
    assert_ok (request_set (&req, SOURCE_ENV, "DRI_ON_FAILURE", "start-without", &err));
    assert_ok (request_set (&req, SOURCE_ANNOTATION, "dri.enable", "true", &err));
    json = request_to_json (&req);
    assert_json (json, "{'enable': 'true', 'gpu': 'arc, any', 'on-failure': 'start-without'}");
    json_decref (json);
}

static void
the_wire_form_is_not_trusted (void **state)
{
    static const struct {
        const char *json, *words;
    } cases[] = {
        {"{'gpu': 1}", "dri.gpu is not a string"},
        {"{'gpu': null}", "dri.gpu is not a string"},
        {"{'gpu': ['any']}", "dri.gpu is not a string"},
        {"{'gpux': 'any'}", "did you mean dri.gpu?"},
        {"{'dri.gpu': 'any'}", "unknown label dri.dri.gpu"},
        {"{'slots': '4294967297'}", "dri.slots"},
        {"{'owner': '0:0:4755'}", "dri.owner"},
        {"{'on_failure': 'fail'}", "did you mean dri.on-failure?"},
        {"{'gpu': 'any', 'access': 'x'}", "dri.access"},
    };

    (void) state;
    for (size_t i = 0; i < countof (cases); i++) {
        struct request req = {.slots = 77};
        struct error err = {0};
        json_t *json = parse (cases[i].json);

        assert_refused (request_from_json (&req, json, &err), cases[i].words);
        assert_int_equal (req.slots, 77);
        json_decref (json);
    }
}

static const char *const values[KEY_COUNT][5] = {
    [KEY_ENABLE] = {"true", "false"},
    [KEY_GPU] = {"any", "all", "pci:0000:00:02.0, arc", "driver:xe,vendor:amd,8086:46d1,any", "renderD129"},
    [KEY_NODES] = {"render", "render,card"},
    [KEY_ACCESS] = {"shared", "exclusive", "monitor"},
    [KEY_CLASS] = {"interactive", "realtime", "batch"},
    [KEY_SLOTS] = {"1", "7", "1000"},
    [KEY_SHARE] = {"1%", "40%", "100%"},
    [KEY_REQUIRE] = {"h264-decode", "hevc-encode,av1-decode"},
    [KEY_READY] = {"auto", "off", "node", "driver", "vaapi"},
    [KEY_WAIT] = {"0s", "10s", "1500ms"},
    [KEY_ON_FAILURE] = {"fail", "start-without", "defer"},
    [KEY_OWNER] = {"auto", "host", "1000:1001", "0:44:0666"},
    [KEY_ROLE] = {"camera", "A.b_c-1"},
};

static void
assert_same_request (const struct request *a, const struct request *b)
{
    assert_int_equal (a->enable, b->enable);
    assert_int_equal (a->card, b->card);
    assert_int_equal (a->access, b->access);
    assert_int_equal (a->class, b->class);
    assert_int_equal (a->slots, b->slots);
    assert_int_equal (a->share, b->share);
    assert_int_equal (a->ready, b->ready);
    assert_int_equal (a->wait_ms, b->wait_ms);
    assert_int_equal (a->on_failure, b->on_failure);
    assert_int_equal (a->owner.kind, b->owner.kind);
    assert_int_equal (a->owner.uid, b->owner.uid);
    assert_int_equal (a->owner.gid, b->owner.gid);
    assert_int_equal (a->owner.mode, b->owner.mode);
    assert_int_equal (a->n_selectors, b->n_selectors);
    for (unsigned i = 0; i < a->n_selectors; i++) {
        assert_int_equal (a->selectors[i].kind, b->selectors[i].kind);
        assert_int_equal (a->selectors[i].vendor, b->selectors[i].vendor);
        assert_int_equal (a->selectors[i].device, b->selectors[i].device);
        assert_int_equal (a->selectors[i].prefix, b->selectors[i].prefix);
        assert_string_equal (a->selectors[i].text, b->selectors[i].text);
    }
    for (int i = 0; i < KEY_COUNT; i++) {
        assert_string_equal (a->text[i], b->text[i]);
        assert_int_equal (a->source[i], b->source[i]);
    }
}

static void
any_request_survives_the_wire (void **state)
{
    struct rng rng = rng_start (__func__);

    (void) state;
    for (unsigned i = 0; i < 3000; i++) {
        struct request req, back;
        struct error err = {0};
        json_t *json;

        request_init (&req);
        for (unsigned n = rng_below (&rng, 20); n > 0; n--) {
            enum request_key key = (enum request_key) rng_below (&rng, KEY_COUNT);
            const char *value = values[key][rng_below (&rng, 5)];

            if (value)
                assert_ok (request_set (&req, SOURCE_LABEL, request_key_name (key), value, &err));
        }
        json = request_to_json (&req);
        assert_ok (request_from_json (&back, json, &err));
        assert_same_request (&req, &back);
        json_decref (json);
    }
}

static void
names_are_those_that_users_write (void **state)
{
    (void) state;
    for (int i = 0; i < KEY_COUNT; i++) {
        struct request req = request_of (request_key_name ((enum request_key) i), values[i][0]);

        assert_int_equal (req.source[i], SOURCE_LABEL);
    }
    assert_string_equal (request_key_name (KEY_ON_FAILURE), "dri.on-failure");
    assert_string_equal (request_source_name (SOURCE_ENV), "environment");
    assert_string_equal (request_source_name (SOURCE_LABEL), "label");
    assert_string_equal (access_name (ACCESS_MONITOR), "monitor");
    assert_string_equal (class_name (CLASS_REALTIME), "realtime");
    assert_string_equal (ready_name (READY_VAAPI), "vaapi");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (the_defaults_are_those_of_the_design),
        cmocka_unit_test (every_word_of_the_table_means_what_it_says),
        cmocka_unit_test (numbers_share_and_wait_have_their_limits),
        cmocka_unit_test (every_kind_of_selector_is_known),
        cmocka_unit_test (selectors_keep_the_order_of_preference),
        cmocka_unit_test (owners_are_ids_and_a_mode),
        cmocka_unit_test (require_takes_a_list_of_capabilities),
        cmocka_unit_test (a_wrong_value_is_refused_with_the_nearest_or_all),
        cmocka_unit_test (a_wrong_key_is_refused_with_the_nearest_or_all),
        cmocka_unit_test (overlong_names_and_values_are_refused),
        cmocka_unit_test (the_environment_has_the_same_keys),
        cmocka_unit_test (of_the_environment_only_our_keys_are_ours),
        cmocka_unit_test (label_goes_before_annotation_before_environment),
        cmocka_unit_test (a_bad_value_is_refused_even_where_a_label_overrides_it),
        cmocka_unit_test (a_second_value_takes_the_place_of_the_first_whole),
        cmocka_unit_test (the_wire_form_holds_what_was_written_and_no_more),
        cmocka_unit_test (the_wire_form_is_not_trusted),
        cmocka_unit_test (any_request_survives_the_wire),
        cmocka_unit_test (names_are_those_that_users_write),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
