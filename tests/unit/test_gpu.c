#include "gpu_bed.h"

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
        cmocka_unit_test (what_is_known_holds_as_long_as_the_driver_has_the_device),
        cmocka_unit_test (a_machine_without_gpus_is_no_error),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
