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
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
