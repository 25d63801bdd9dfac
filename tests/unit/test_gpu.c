#include "testing.h"

#include "broker/gpu.h"
#include "broker/hotplug.h"

static struct gpu
pci_gpu (const char *pci, const char *driver, unsigned number)
{
    struct gpu gpu = {.state = GPU_PRESENT, .vendor = 0x8086, .device = 0x46d1};

    (void) snprintf (gpu.pci, sizeof gpu.pci, "%s", pci);
    (void) snprintf (gpu.bus, sizeof gpu.bus, "pci-%s", pci);
    (void) snprintf (gpu.driver, sizeof gpu.driver, "%s", driver);
    (void) snprintf (gpu.render.name, sizeof gpu.render.name, "renderD%u", 128 + number);
    (void) snprintf (gpu.card.name, sizeof gpu.card.name, "card%u", number);
    gpu.render.major = gpu.card.major = 226;
    gpu.render.minor = 128 + number;
    gpu.card.minor = number;
    return gpu;
}

static struct gpu
platform_gpu (const char *bus, unsigned number)
{
    struct gpu gpu = pci_gpu ("", "vgem", number);

    gpu.vendor = gpu.device = 0;
    (void) snprintf (gpu.bus, sizeof gpu.bus, "%s", bus);
    return gpu;
}

static void
update (struct gpus *gpus, const struct config *config, const struct gpu *found, size_t n)
{
    struct error err = {0};

    if (gpus_update (gpus, config, found, n, &err) < 0)
        fail_msg ("%s", err.message);
}

static void
add_entry (struct config *config, const char *match, const char *name, unsigned slots)
{
    struct config_gpu *entry = &config->gpus[config->n_gpus++];

    (void) snprintf (entry->match, sizeof entry->match, "%s", match);
    (void) snprintf (entry->name, sizeof entry->name, "%s", name);
    entry->slots = slots;
}

static bool
fits (const struct gpu *gpu, const char *word)
{
    struct selector selector;
    struct error err = {0};

    if (gpu_selector (&selector, word, &err) < 0)
        fail_msg ("%s", err.message);
    return gpu_matches (gpu, &selector);
}

static void
selectors_match_what_they_name (void **state)
{
    static const struct {
        const char *word;
        bool fits;
    } cases[] = {
        {"any", true},
        {"all", true},
        {"pci:0000:0a:00.0", true},
        {"pci:0000:0A:00.0", true}, /* lspci users and sysfs differ in case */
        {"pci:0000:0a:00.1", false},
        {"driver:i915", true},
        {"driver:i91", false},
        {"driver:i9155", false},
        {"vendor:intel", true},
        {"vendor:Intel", true},
        {"vendor:8086", true},
        {"vendor:amd", false},
        {"vendor:nvidia", false},
        {"vendor:0x8086", true},
        {"vendor:102b", false},
        {"8086:46d1", true},
        {"8086:46D1", true},
        {"8086:46d2", false},
        {"1002:46d1", false},
        {"renderD129", true},
        {"renderD12", false},
        {"renderD1290", false},
        {"card1", false}, /* a name; card nodes are no way to ask */
        {"media", true},
        {"medi", false},
    };
    struct gpu gpu = pci_gpu ("0000:0a:00.0", "i915", 1);

    (void) state;
    (void) strcpy (gpu.name, "media");
    for (size_t i = 0; i < countof (cases); i++)
        if (fits (&gpu, cases[i].word) != cases[i].fits)
            fail_msg ("%s: wanted %d", cases[i].word, cases[i].fits);
}

static void
other_vendors_match (void **state)
{
    struct gpu amd = pci_gpu ("0000:03:00.0", "amdgpu", 0), nvidia = amd;

    (void) state;
    amd.vendor = 0x1002;
    nvidia.vendor = 0x10de;
    assert_true (fits (&amd, "vendor:amd"));
    assert_false (fits (&amd, "vendor:nvidia"));
    assert_true (fits (&nvidia, "vendor:nvidia"));
    assert_true (fits (&nvidia, "vendor:10DE"));
    assert_false (fits (&nvidia, "vendor:intel"));
}

static void
off_the_pci_bus_no_id_matches (void **state)
{
    struct gpu gpu = platform_gpu ("platform-vgem", 0);

    (void) state;
    assert_true (fits (&gpu, "driver:vgem"));
    assert_false (fits (&gpu, "0000:0000"));
    assert_false (fits (&gpu, "vendor:0000"));
}

static void
absent_matches_nothing_and_lost_still_does (void **state)
{
    struct gpu absent = {0}, lost = pci_gpu ("0000:00:02.0", "i915", 0);

    (void) state;
    lost.state = GPU_LOST;
    assert_false (fits (&absent, "any"));
    assert_false (fits (&absent, "all"));
    assert_true (fits (&lost, "any"));
    assert_true (fits (&lost, "driver:i915"));
}

static void
a_gpu_that_returns_takes_its_place_again (void **state)
{
    const struct gpu both[] = {pci_gpu ("0000:00:02.0", "i915", 0), pci_gpu ("0000:03:00.0", "xe", 1)};
    const struct gpu third = pci_gpu ("0000:04:00.0", "amdgpu", 2);
    const struct gpu back[] = {third, pci_gpu ("0000:00:02.0", "i915", 3), both[1]};
    struct config config = {.slots = 16};
    struct gpus gpus = {0};

    (void) state;
    update (&gpus, &config, both, 2);
    assert_string_equal (gpus.table[0].pci, "0000:00:02.0");
    assert_string_equal (gpus.table[1].pci, "0000:03:00.0");
    assert_int_equal (gpus.table[2].state, GPU_ABSENT);

    update (&gpus, &config, &both[1], 1);
    assert_int_equal (gpus.table[0].state, GPU_LOST);
    assert_string_equal (gpus.table[0].name, "gpu0");
    assert_string_equal (gpus.table[0].driver, "i915");
    assert_int_equal (gpus.table[1].state, GPU_PRESENT);
    assert_string_equal (gpus.table[1].name, "gpu1");

    update (&gpus, &config, back, 3);
    assert_int_equal (gpus.table[0].state, GPU_PRESENT);
    assert_string_equal (gpus.table[0].pci, "0000:00:02.0");
    assert_int_equal (gpus.table[0].render.minor, 131);
    assert_int_equal (gpus.table[0].slots, 16);
    assert_string_equal (gpus.table[1].pci, "0000:03:00.0");
    assert_string_equal (gpus.table[2].pci, "0000:04:00.0");
    assert_int_equal (gpus.table[3].state, GPU_ABSENT);
}

/* A stale minor would be a grant of the GPU that came after.  */
static void
a_lost_gpu_has_no_node_numbers (void **state)
{
    const struct gpu gone = pci_gpu ("0000:00:02.0", "i915", 0), next = pci_gpu ("0000:03:00.0", "xe", 0);
    struct config config = {.slots = 16};
    struct gpus gpus = {0};

    (void) state;
    update (&gpus, &config, &gone, 1);
    update (&gpus, &config, NULL, 0);
    assert_int_equal (gpus.table[0].render.major, 0);
    assert_int_equal (gpus.table[0].render.minor, 0);
    assert_int_equal (gpus.table[0].card.major, 0);
    assert_true (fits (&gpus.table[0], "renderD128"));

    update (&gpus, &config, &next, 1);
    assert_false (fits (&gpus.table[0], "renderD128"));
    assert_string_equal (gpus.table[0].card.name, "");
    assert_true (fits (&gpus.table[1], "renderD128"));
    assert_int_equal (gpus.table[1].render.minor, 128);
}

static void
the_same_device_is_known_by_its_address (void **state)
{
    struct gpu pci = pci_gpu ("0000:01:00.0", "amdgpu", 0);
    struct gpu platforms[] = {platform_gpu ("platform-vgem", 1), platform_gpu ("platform-ff9a0000.gpu", 2)};
    struct config config = {.slots = 16};
    struct gpus gpus = {0};

    (void) state;
    update (&gpus, &config, &pci, 1);
    /* udev has come to it since.  */
    (void) strcpy (pci.bus, "platform-fd500000.pcie-pci-0000:01:00.0");
    update (&gpus, &config, &pci, 1);
    assert_int_equal (gpus.table[1].state, GPU_ABSENT);
    assert_string_equal (gpus.table[0].bus, "platform-fd500000.pcie-pci-0000:01:00.0");
    /* Not all that have no PCI address are one.  */
    update (&gpus, &config, platforms, 2);
    assert_int_equal (gpus.table[0].state, GPU_LOST);
    assert_string_equal (gpus.table[1].bus, "platform-vgem");
    assert_string_equal (gpus.table[2].bus, "platform-ff9a0000.gpu");
}

static void
a_full_table_ignores_the_rest (void **state)
{
    struct config config = {.slots = 16};
    struct gpu found[GPUS_MAX + 3];
    struct gpus gpus = {0};
    struct error err;

    (void) state;
    for (unsigned i = 0; i < countof (found); i++) {
        char pci[16];

        (void) snprintf (pci, sizeof pci, "0000:%02x:00.0", i);
        found[i] = pci_gpu (pci, "i915", i);
    }
    assert_int_equal (gpus_update (&gpus, &config, found, countof (found), &err), 0);
    assert_int_equal (gpus.ignored, 3);
    assert_string_equal (gpus.table[GPUS_MAX - 1].pci, "0000:0f:00.0");
    /* The first goes, and its place is not given away: leases may refer to it.  */
    update (&gpus, &config, found + 1, GPUS_MAX);
    assert_int_equal (gpus.ignored, 1);
    assert_int_equal (gpus.table[0].state, GPU_LOST);
    assert_string_equal (gpus.table[0].pci, "0000:00:00.0");
    update (&gpus, &config, found, GPUS_MAX);
    assert_int_equal (gpus.ignored, 0);
}

static void
names_and_slots_come_from_the_configuration (void **state)
{
    const struct gpu found[] = {pci_gpu ("0000:00:02.0", "i915", 0), pci_gpu ("0000:03:00.0", "i915", 1),
                                pci_gpu ("0000:04:00.0", "xe", 2), platform_gpu ("platform-vgem", 3)};
    struct config config = {.slots = 16};
    struct gpus gpus = {0};

    (void) state;
    add_entry (&config, "driver:i915", "iris", 4);
    add_entry (&config, "pci:0000:03:00.0", "second", 9); /* the entry above comes first */
    add_entry (&config, "driver:xe", "arc", 0);
    add_entry (&config, "renderD131", "", 2);
    update (&gpus, &config, found, 4);
    assert_string_equal (gpus.table[0].name, "iris");
    assert_int_equal (gpus.table[0].slots, 4);
    assert_string_equal (gpus.table[1].name, "gpu1");
    assert_int_equal (gpus.table[1].slots, 4);
    assert_string_equal (gpus.table[2].name, "arc");
    assert_int_equal (gpus.table[2].slots, 16);
    assert_string_equal (gpus.table[3].name, "gpu3");
    assert_int_equal (gpus.table[3].slots, 2);

    /* The name does not wander to the other i915 while the first is away.  */
    update (&gpus, &config, found + 1, 3);
    assert_int_equal (gpus.table[0].state, GPU_LOST);
    assert_string_equal (gpus.table[0].name, "iris");
    assert_string_equal (gpus.table[1].name, "gpu1");

    /* Reload with nothing configured.  */
    config = (struct config){.slots = 5};
    update (&gpus, &config, found, 4);
    assert_string_equal (gpus.table[0].name, "gpu0");
    assert_int_equal (gpus.table[0].slots, 5);
}

static void
no_two_gpus_have_the_same_name (void **state)
{
    struct gpu found[] = {pci_gpu ("0000:00:02.0", "i915", 0), pci_gpu ("0000:03:00.0", "xe", 1)};
    struct config config = {.slots = 16};
    struct gpus gpus = {0};

    (void) state;
    add_entry (&config, "driver:xe", "gpu0", 0);
    update (&gpus, &config, found, 2);
    assert_string_equal (gpus.table[0].name, "gpu16");
    assert_string_equal (gpus.table[1].name, "gpu0");

    /* What the administrator says goes before what the fixture says.  */
    (void) strcpy (found[0].given, "gpu0");
    (void) strcpy (found[1].given, "arc");
    update (&gpus, &config, found, 2);
    assert_string_equal (gpus.table[0].name, "gpu16");
    assert_string_equal (gpus.table[1].name, "gpu0");
}

static void
bad_entries_change_nothing (void **state)
{
    static const struct {
        const char *match, *name, *wanted;
    } cases[] = {
        {"pci:02.0", "", "gpus[1].match"},
        {"driver:i915,driver:xe", "", "is a list"},
        {"media", "", "is a name"},
        {"driver:xe", "any", "gpus[1].name"},
        {"driver:xe", "renderD128", "gpus[1].name"},
        {"driver:xe", "my gpu", "gpus[1].name"},
        {"driver:xe", " gpu", "gpus[1].name"},
    };
    const struct gpu found = pci_gpu ("0000:00:02.0", "i915", 0);

    (void) state;
    for (size_t i = 0; i < countof (cases); i++) {
        struct config config = {.slots = 16};
        struct gpus gpus = {0}, before;
        struct error err = {0};

        update (&gpus, &config, &found, 1);
        before = gpus;
        add_entry (&config, "any", "", 8);
        add_entry (&config, cases[i].match, cases[i].name, 0);
        assert_int_equal (gpus_update (&gpus, &config, NULL, 0, &err), -1);
        if (!strstr (err.message, cases[i].wanted))
            fail_msg ("%s / %s: %s", cases[i].match, cases[i].name, err.message);
        assert_memory_equal (&gpus, &before, sizeof gpus);
    }
}

static void
check_json (const struct gpu *gpu, const char *wanted)
{
    _cleanup_json_ json_t *json = gpu_to_json (gpu), *want = json_loads (wanted, 0, NULL);
    _cleanup_free_ char *text = json_dumps (json, 0);

    assert_non_null (want);
    if (!json_equal (json, want))
        fail_msg ("%s\nwanted\n%s", text, wanted);
}

#define NOT_READY                                                                                            \
    "\"ready\":{\"level\":null,\"profiles\":[],\"driver\":null,\"reason\":null,\"expectation\":null}"

static void
json_says_null_for_what_is_not_known (void **state)
{
    struct gpu gpu = pci_gpu ("0000:00:02.0", "i915", 0), vgem = platform_gpu ("platform-vgem", 1);

    (void) state;
    (void) strcpy (gpu.name, "igpu");
    (void) strcpy (gpu.model, "Alder Lake-N");
    gpu.slots = 16;
    gpu.device = 0x00d1;
    check_json (
        &gpu, "{\"name\":\"igpu\",\"pci\":\"0000:00:02.0\",\"driver\":\"i915\",\"vendor\":\"0x8086\","
              "\"device\":\"0x00d1\",\"model\":\"Alder Lake-N\",\"render\":\"renderD128\",\"card\":\"card0\","
              "\"state\":\"present\",\"reason\":null," NOT_READY ","
              "\"slots\":{\"total\":16},\"simulated\":false}");
    (void) strcpy (vgem.name, "gpu1");
    (void) strcpy (vgem.model, "\xff\xfe not UTF-8");
    vgem.card.name[0] = '\0';
    vgem.slots = 1;
    vgem.simulated = true;
    check_json (&vgem, "{\"name\":\"gpu1\",\"pci\":null,\"driver\":\"vgem\",\"vendor\":null,\"device\":null,"
                       "\"model\":null,\"render\":\"renderD129\",\"card\":null,\"state\":\"present\","
                       "\"reason\":null," NOT_READY ",\"slots\":{\"total\":1},"
                       "\"simulated\":true}");
}

static void
json_says_what_the_gpu_can_do (void **state)
{
    struct gpu gpu = pci_gpu ("0000:00:02.0", "i915", 0);
    json_t *json;

    (void) state;
    gpu.ready = (struct gpu_ready){.knowledge = GPU_KNOWN,
                                   .abilities = {.decode = 1U << VIDEO_AV1, .vpp = true},
                                   .level = "vaapi",
                                   .driver = "iHD",
                                   .reason = "VA-API works",
                                   .expectation = "more"};
    json = gpu_to_json (&gpu);
    assert_json (json_object_get (json, "ready"),
                 "{'level':'vaapi','profiles':['vpp','av1-decode'],'driver':'iHD','reason':'VA-API works',"
                 "'expectation':'more'}");
    json_decref (json);
}

/* What was found out of one driver is nothing to the next.  */
static void
what_is_known_holds_as_long_as_the_driver_has_the_device (void **state)
{
    static struct gpus gpus;
    struct gpu found = pci_gpu ("0000:00:02.0", "i915", 0), changed;
    struct config config;
    struct error err = {0};
    char identity[GPU_IDENTITY_MAX], other[GPU_IDENTITY_MAX];

    (void) state;
    config_init (&config);
    found.render.inode = 77;
    (void) strcpy (found.version, "C0FFEE");
    gpu_identity (&found, identity);
    for (unsigned i = 0; i < 7; i++) {
        memset (&gpus, 0, sizeof gpus);
        assert_ok (gpus_update (&gpus, &config, &found, 1, &err));
        assert_int_equal (gpus.table[0].ready.knowledge, GPU_UNKNOWN);
        gpus.table[0].ready.knowledge = GPU_KNOWN;
        gpus.table[0].ready.abilities.vpp = true;
        changed = found;
        changed.render.gid = 4;
        (void) strcpy (changed.model, "more to be read");
        if (i == 1)
            changed.render.inode++;
        if (i == 2)
            changed.render.minor++;
        if (i == 3)
            (void) strcpy (changed.driver, "xe");
        if (i == 4)
            (void) strcpy (changed.version, "BEEF");
        if (i == 5)
            changed.device++;
        if (i == 6) /* away and back */
            assert_ok (gpus_update (&gpus, &config, NULL, 0, &err));
        gpu_identity (&changed, other);
        assert_int_equal (strcmp (identity, other) == 0, i == 0 || i == 6);
        assert_ok (gpus_update (&gpus, &config, &changed, 1, &err));
        assert_int_equal (gpus.table[0].ready.knowledge, i == 0 ? GPU_KNOWN : GPU_UNKNOWN);
        assert_int_equal (gpus.table[0].ready.abilities.vpp, i == 0);
    }
}

static void
json_of_a_lost_gpu_has_a_reason_and_no_nodes (void **state)
{
    struct gpu gpu = pci_gpu ("0000:00:02.0", "i915", 0);
    _cleanup_json_ json_t *json = NULL;

    (void) state;
    gpu.state = GPU_LOST;
    json = gpu_to_json (&gpu);
    assert_string_equal (json_string_value (json_object_get (json, "state")), "lost");
    assert_true (json_is_string (json_object_get (json, "reason")));
    assert_true (json_is_null (json_object_get (json, "render")));
    assert_true (json_is_null (json_object_get (json, "card")));
}

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

static void
a_machine_without_gpus_is_no_error (void **state)
{
    const struct gpu was = pci_gpu ("0000:00:02.0", "i915", 0);
    struct config config = {.slots = 16};
    struct gpus gpus = {0};
    struct error err = {0};

    (void) state;
    update (&gpus, &config, &was, 1);
    if (gpus_scan (&gpus, &config, &err) < 0)
        fail_msg ("%s", err.message);
    if (access ("/dev/dri", F_OK) < 0) {
        assert_int_equal (gpus.table[0].state, GPU_LOST);
        assert_int_equal (gpus.table[1].state, GPU_ABSENT);
    }
}

static void
count_change (void *userdata)
{
    ++*(int *) userdata;
}

static void
hotplug_says_where_it_cannot_listen (void **state)
{
    __attribute__ ((cleanup (sd_event_unrefp))) sd_event *event = NULL;
    struct hotplug hotplug = {0};
    struct error err = {0};
    int changes = 0, r;

    (void) state;
    assert_true (sd_event_new (&event) >= 0);
    r = hotplug_start (&hotplug, event, count_change, &changes, &err);
    if (access ("/run/udev", F_OK) < 0) {
        assert_int_equal (r, -1);
        assert_non_null (strstr (err.message, "udev"));
        assert_null (hotplug.monitor);
    }
    assert_true (sd_event_run (event, 0) >= 0);
    assert_int_equal (changes, 0);
    hotplug_stop (&hotplug);
    hotplug_stop (&hotplug);
    assert_null (hotplug.monitor);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (selectors_match_what_they_name),
        cmocka_unit_test (other_vendors_match),
        cmocka_unit_test (off_the_pci_bus_no_id_matches),
        cmocka_unit_test (absent_matches_nothing_and_lost_still_does),
        cmocka_unit_test (a_gpu_that_returns_takes_its_place_again),
        cmocka_unit_test (a_lost_gpu_has_no_node_numbers),
        cmocka_unit_test (the_same_device_is_known_by_its_address),
        cmocka_unit_test (a_full_table_ignores_the_rest),
        cmocka_unit_test (names_and_slots_come_from_the_configuration),
        cmocka_unit_test (no_two_gpus_have_the_same_name),
        cmocka_unit_test (bad_entries_change_nothing),
        cmocka_unit_test (json_says_null_for_what_is_not_known),
        cmocka_unit_test (json_says_what_the_gpu_can_do),
        cmocka_unit_test (what_is_known_holds_as_long_as_the_driver_has_the_device),
        cmocka_unit_test (json_of_a_lost_gpu_has_a_reason_and_no_nodes),
        unit_test_in_folder (a_fixture_is_taken),
        unit_test_in_folder (a_fixture_applied_again_keeps_the_places),
        unit_test_in_folder (a_bad_fixture_is_refused_with_its_place),
        unit_test_in_folder (a_fixture_of_too_many_gpus_is_refused),
        cmocka_unit_test (a_machine_without_gpus_is_no_error),
        cmocka_unit_test (hotplug_says_where_it_cannot_listen),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
