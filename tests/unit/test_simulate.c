#include "gpu_bed.h"

/* The text goes through a file, since that is what gpus_simulate takes.  */
static int
simulate (struct gpus *gpus, const struct config *config, const char *text, struct error *err)
{
    char *path = in_folder ("gpus.json");

    put (path, text);
    return gpus_simulate (gpus, config, path, err);
}

#define NODE "\"render\":{\"name\":\"renderD128\",\"device\":\"10:229\"}"
#define IGPU                                                                                                 \
    "{\"name\":\"igpu\",\"pci\":\"0000:00:02.0\",\"vendor\":\"0x8086\",\"device\":\"0x46d1\","               \
    "\"driver\":\"i915\",\"model\":\"Alder Lake-N\",\"gid\":992," NODE                                       \
    ",\"card\":{\"name\":\"card0\",\"device\":\"226:0\",\"gid\":44}}"
#define VGEM                                                                                                 \
    "{\"name\":\"vgem\",\"driver\":\"vgem\",\"render\":{\"name\":\"renderD129\",\"device\":\"4095:"          \
    "1048575\"}}"

#define CARD ",\"card\":{\"name\":\"card0\",\"device\":\"226:0\"}"
#define BARE                                                                                                 \
    "{\"name\":\"bare\",\"driver\":\"vgem\",\"gid\":993,\"render\":{\"name\":\"renderD130\",\"device\":\"1:" \
    "3\"}"

static void
a_fixture_is_taken (void **state)
{
    struct config config = {.slots = 16};
    struct gpus gpus = {0};
    const struct gpu *gpu = gpus.table;
    struct error err = {0};

    (void) state;
    if (simulate (&gpus, &config, "{\"gpus\":[" IGPU "," VGEM "," BARE "}]}", &err) < 0)
        fail_msg ("%s", err.message);
    assert_true (gpu[0].simulated && gpu[0].state == GPU_PRESENT);
    assert_string_equal (gpu[0].name, "igpu");
    assert_string_equal (gpu[0].bus, "pci-0000:00:02.0");
    assert_string_equal (gpu[0].model, "Alder Lake-N");
    assert_int_equal (gpu[0].vendor, 0x8086);
    assert_int_equal (gpu[0].device, 0x46d1);
    assert_int_equal (gpu[0].render.major, 10);
    assert_int_equal (gpu[0].render.minor, 229);
    assert_int_equal (gpu[0].render.gid, 992);
    assert_string_equal (gpu[0].card.name, "card0");
    assert_int_equal (gpu[0].card.gid, 44);
    assert_string_equal (gpu[1].bus, "platform-vgem");
    assert_int_equal (gpu[1].render.major, 4095);
    assert_int_equal (gpu[1].render.minor, 1048575);
    assert_string_equal (gpu[1].card.name, "");
    assert_string_equal (gpu[2].card.name, ""); /* two without a card are not two with the same */
    assert_int_equal (simulate (&gpus, &config, "{\"gpus\":[" BARE CARD "}]}", &err), 0);
    assert_string_equal (gpu[2].card.name, "card0");
    assert_int_equal (gpu[2].card.gid, 993);
}

static void
a_fixture_applied_again_keeps_the_places (void **state)
{
    struct config config = {.slots = 16};
    struct gpus gpus = {0};
    struct error err = {0};

    (void) state;
    assert_int_equal (simulate (&gpus, &config, "{\"gpus\":[" IGPU "," VGEM "]}", &err), 0);
    assert_int_equal (simulate (&gpus, &config, "{\"gpus\":[" VGEM "]}", &err), 0);
    assert_int_equal (gpus.table[0].state, GPU_LOST);
    assert_string_equal (gpus.table[0].name, "igpu");
    assert_int_equal (gpus.table[1].state, GPU_PRESENT);
    add_entry (&config, "driver:i915", "media", 3);
    assert_int_equal (simulate (&gpus, &config, "{\"gpus\":[" VGEM "," IGPU "]}", &err), 0);
    assert_string_equal (gpus.table[0].name, "media");
    assert_int_equal (gpus.table[0].slots, 3);
    assert_string_equal (gpus.table[1].name, "vgem");
    assert_int_equal (simulate (&gpus, &config, "{\"gpus\":[]}", &err), 0);
    assert_int_equal (gpus.table[1].state, GPU_LOST);
}

#define ONE(members) "{\"gpus\":[{" members "}]}"
#define BASE         "\"name\":\"a\",\"driver\":\"i915\","
#define PCI          BASE "\"pci\":\"0000:00:02.0\",\"vendor\":\"0x8086\",\"device\":\"0x46d1\","

static const struct {
    const char *text, *wanted;
} bad_fixtures[] = {
    {"{\"gpus\":[", "line 1"},
    {"[]", "not an object"},
    {"{}", "gpus: wants a list"},
    {"{\"gpus\":{}}", "gpus: wants a list"},
    {"{\"gpus\":[],\"slots\":3}", "unknown key \"slots\""},
    {"{\"gpus\":[" VGEM ",7]}", "gpus[1]: not an object"},
    {ONE (BASE NODE ",\"drivers\":\"i915\""), "gpus[0]: unknown key \"drivers\""},
    {ONE (BASE NODE ",\"name\":\"b\""), "duplicate"},
    {ONE ("\"driver\":\"i915\"," NODE), "name: \"\""},
    {ONE ("\"driver\":\"i915\",\"name\":\"any\"," NODE), "name: \"any\""},
    {ONE ("\"driver\":\"i915\",\"name\":\"a b\"," NODE), "name: \"a b\""},
    {ONE ("\"driver\":\"i915\",\"name\":7," NODE), "name: wants a text"},
    {ONE ("\"driver\":\"i915\",\"name\":"
          "\"0123456789012345678901234567890123456789012345678901234567890123\"," NODE),
     "name: more than 63 bytes"},
    {ONE ("\"name\":\"a\"," NODE), "driver is missing"},
    {ONE (BASE "\"pci\":\"00:02.0\"," NODE), "pci: \"00:02.0\" is no address"},
    {ONE (BASE "\"pci\":\"0000:00:02.0 \"," NODE), "is no address"},
    {ONE (BASE "\"pci\":\"0000:00:02.0\"," NODE), "vendor and device are missing"},
    {ONE (BASE "\"vendor\":\"8086\"," NODE), "vendor: wants an id"},
    {ONE (BASE "\"vendor\":\"0x80 6\"," NODE), "vendor: wants an id"},
    {ONE (BASE "\"device\":1234," NODE), "device: wants an id"},
    {ONE (BASE "\"gid\":-1," NODE), "gid: wants"},
    {ONE (BASE "\"gid\":4294967295," NODE), "gid: wants"},
    {ONE (BASE "\"gid\":\"video\"," NODE), "gid: wants"},
    {ONE (PCI "\"card\":{\"name\":\"card0\",\"device\":\"226:0\"}"), "render is missing"},
    {ONE (PCI "\"render\":\"renderD128\""), "render: not an object"},
    {ONE (PCI "\"render\":{\"name\":\"renderD128\"}"), "render: device: wants"},
    {ONE (PCI "\"render\":{\"device\":\"10:229\"}"), "render: name: wants"},
    {ONE (PCI "\"render\":{\"name\":\"renderD128\",\"device\":\"10\"}"), "render: device: wants"},
    {ONE (PCI "\"render\":{\"name\":\"renderD128\",\"device\":\"10:229x\"}"), "render: device: wants"},
    {ONE (PCI "\"render\":{\"name\":\"renderD128\",\"device\":\"-1:2\"}"), "render: device: wants"},
    {ONE (PCI "\"render\":{\"name\":\"renderD128\",\"device\":\"4096:0\"}"), "render: device: wants"},
    {ONE (PCI "\"render\":{\"name\":\"renderD128\",\"device\":\"1:1048576\"}"), "render: device: wants"},
    {ONE (PCI "\"render\":{\"name\":\"card0\",\"device\":\"10:229\"}"), "render: name: wants"},
    {ONE (PCI "\"render\":{\"name\":\"renderD\",\"device\":\"10:229\"}"), "render: name: wants"},
    {ONE (PCI "\"render\":{\"name\":\"renderD1/../x\",\"device\":\"10:229\"}"), "render: name: wants"},
    {ONE (PCI "\"render\":{\"name\":\"renderD128\",\"device\":\"10:229\",\"mode\":1}"),
     "unknown key \"mode\""},
    {ONE (PCI NODE ",\"card\":{\"name\":\"renderD128\",\"device\":\"226:0\"}"), "card: name: wants"},
    {"{\"gpus\":[" VGEM "," VGEM "]}", "gpus[1]: \"vgem\" is that of gpus[0]"},
    {"{\"gpus\":[" IGPU ",{" PCI "\"render\":{\"name\":\"renderD129\",\"device\":\"1:3\"}}]}",
     "gpus[1]: \"pci-0000:00:02.0\" is that of gpus[0]"},
    {"{\"gpus\":[" IGPU "," BARE CARD "}]}", "gpus[1]: \"card0\" is that of gpus[0]"},
    {"{\"gpus\":[" IGPU ",{" BASE NODE "}]}", "gpus[1]: \"renderD128\" is that of gpus[0]"},
};

static void
a_bad_fixture_is_refused_with_its_place (void **state)
{
    struct config config = {.slots = 16};

    (void) state;
    for (size_t i = 0; i < countof (bad_fixtures); i++) {
        struct gpus gpus = {0}, none = {0};
        struct error err = {0};

        if (simulate (&gpus, &config, bad_fixtures[i].text, &err) == 0)
            fail_msg ("taken: %s", bad_fixtures[i].text);
        if (!strstr (err.message, in_folder ("gpus.json")) || !strstr (err.message, bad_fixtures[i].wanted))
            fail_msg ("%s\nsays: %s\nwanted: %s", bad_fixtures[i].text, err.message, bad_fixtures[i].wanted);
        assert_memory_equal (&gpus, &none, sizeof gpus);
    }
}

static void
a_fixture_of_too_many_gpus_is_refused (void **state)
{
    char text[4096] = "{\"gpus\":[0";
    struct config config = {.slots = 16};
    struct gpus gpus = {0};
    struct error err = {0};

    (void) state;
    for (int i = 0; i < GPUS_MAX; i++)
        (void) strcat (text, ",0");
    (void) strcat (text, "]}");
    assert_int_equal (simulate (&gpus, &config, text, &err), -1);
    assert_non_null (strstr (err.message, "at most 16"));
    assert_int_equal (gpus_simulate (&gpus, &config, "/nonexistent/gpus.json", &err), -1);
    assert_non_null (strstr (err.message, "/nonexistent/gpus.json"));
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        unit_test_in_folder (a_fixture_is_taken),
        unit_test_in_folder (a_fixture_applied_again_keeps_the_places),
        unit_test_in_folder (a_bad_fixture_is_refused_with_its_place),
        unit_test_in_folder (a_fixture_of_too_many_gpus_is_refused),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
