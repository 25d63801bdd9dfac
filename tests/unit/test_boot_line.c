/* The kernel's command line and modprobe.d.  */
#include "testing.h"

#include <string.h>

#include "broker/doctor/boot_line.h"
#include "broker/doctor/modprobe.h"

static void
assert_value (const char *line, const char *key, const char *wanted)
{
    size_t len = 0;
    const char *value = boot_line_value (line, key, &len);

    if (!wanted) {
        assert_null (value);
        return;
    }
    assert_non_null (value);
    assert_int_equal (len, strlen (wanted));
    assert_memory_equal (value, wanted, len);
}

static void
the_last_word_of_a_key_counts (void **state)
{
    (void) state;
    assert_value ("ro quiet iommu=pt", "iommu", "pt");
    assert_value ("iommu=pt iommu=off\n", "iommu", "off");
    assert_value ("ro quiet", "quiet", "");
    assert_value ("ro quiet", "iommu", NULL);
    assert_value ("intel_iommu=on", "iommu", NULL);
    assert_value ("vfio_pci.ids=8086:56a5", "vfio-pci.ids", "8086:56a5");
}

static void
a_quoted_space_parts_no_words_and_two_dashes_end_them (void **state)
{
    (void) state;
    assert_value ("dyndbg=\"file a iommu=off\" ro", "iommu", NULL);
    assert_value ("quiet -- iommu=pt", "iommu", NULL);
    assert_value ("", "iommu", NULL);
}

static void
values_stand_between_commas (void **state)
{
    (void) state;
    assert_true (boot_line_says ("intel_iommu=on,igfx_off", "intel_iommu", "on"));
    assert_true (boot_line_says ("intel_iommu=on,igfx_off", "intel_iommu", "igfx_off"));
    assert_true (boot_line_says ("video=vesafb:off video=efifb:off ro", "video", "vesafb:off"));
    assert_false (boot_line_says ("intel_iommu=once", "intel_iommu", "on"));
    assert_false (boot_line_says ("intel_iommu=o", "intel_iommu", "on"));
    assert_false (boot_line_says ("intel_iommu", "intel_iommu", "on"));
}

static void
the_boot_loader_is_seen_by_what_it_hands_on (void **state)
{
    (void) state;
    assert_int_equal (boot_loader_of ("BOOT_IMAGE=/boot/vmlinuz-6.8 ro", false), BOOT_GRUB);
    assert_int_equal (boot_loader_of ("BOOT_IMAGE=/vmlinuz-6.8 ro", true), BOOT_GRUB_PROXMOX);
    assert_int_equal (boot_loader_of ("initrd=\\EFI\\proxmox\\6.8\\initrd.img-6.8 root=ZFS=rpool", true),
                      BOOT_SYSTEMD);
}

/* --- modprobe.d --- */

static struct modprobe modprobe;

static void
read_text (const char *text)
{
    memset (&modprobe, 0, sizeof modprobe);
    modprobe_add_file (&modprobe, "/etc/modprobe.d/vfio.conf", text);
}

static void
ids_are_read_with_and_without_a_subsystem (void **state)
{
    (void) state;
    read_text ("# options vfio-pci ids=1:1\n"
               "options vfio-pci ids=8086:56a5,8086:4f92:1849:6006 disable_vga=1\n"
               "options vfio_pci ids=10de:1c82\n"
               "options kvm ids=1:2\n");
    assert_int_equal (modprobe.n_ids, 3);
    assert_true (modprobe_id_matches (&modprobe.ids[0], 0x8086, 0x56a5, 0x1849, 1));
    assert_false (modprobe_id_matches (&modprobe.ids[0], 0x8086, 0x56a6, 0x1849, 1));
    assert_true (modprobe_id_matches (&modprobe.ids[1], 0x8086, 0x4f92, 0x1849, 0x6006));
    assert_false (modprobe_id_matches (&modprobe.ids[1], 0x8086, 0x4f92, 0x1849, 0x6007));
    assert_int_equal (modprobe.ids[2].vendor, 0x10de);
    assert_string_equal (modprobe.ids[2].source, "/etc/modprobe.d/vfio.conf");
}

static void
a_line_goes_on_after_a_backslash (void **state)
{
    (void) state;
    read_text ("options vfio-pci \\\n  ids=8086:56a5\n");
    assert_int_equal (modprobe.n_ids, 1);
}

static void
what_is_no_id_is_left_out (void **state)
{
    (void) state;
    read_text ("options vfio-pci ids=,,nonsense,8086,8086:,:56a5,8086:56a5:\n"
               "options vfio-pci\noptions\nids=8086:56a5\n");
    assert_int_equal (modprobe.n_ids, 1);
    assert_int_equal (modprobe.ids[0].device, 0x56a5);
    assert_int_equal (modprobe.ids[0].subvendor, MODPROBE_ANY);
}

static void
rules_are_found_by_either_spelling (void **state)
{
    (void) state;
    read_text ("softdep i915 pre: vfio-pci snd_hda post: foo\nblacklist nouveau\n");
    assert_non_null (modprobe_find (&modprobe, MODPROBE_BEFORE, "i915", "vfio_pci"));
    assert_null (modprobe_find (&modprobe, MODPROBE_BEFORE, "i915", "foo"));
    assert_null (modprobe_find (&modprobe, MODPROBE_BEFORE, "xe", "vfio_pci"));
    assert_non_null (modprobe_find (&modprobe, MODPROBE_BLACKLIST, "nouveau", NULL));
    assert_null (modprobe_find (&modprobe, MODPROBE_BLACKLIST, "i915", NULL));
}

static void
the_command_line_has_rules_as_well (void **state)
{
    (void) state;
    memset (&modprobe, 0, sizeof modprobe);
    modprobe_add_boot_line (&modprobe,
                            "ro vfio-pci.ids=8086:46d1,8086:54c8 modprobe.blacklist=i915,xe quiet\n");
    assert_int_equal (modprobe.n_ids, 2);
    assert_int_equal (modprobe.ids[1].device, 0x54c8);
    assert_non_null (modprobe_find (&modprobe, MODPROBE_BLACKLIST, "i915", NULL));
    assert_non_null (modprobe_find (&modprobe, MODPROBE_BLACKLIST, "xe", NULL));
}

static void
what_the_tables_cannot_hold_is_counted (void **state)
{
    (void) state;
    memset (&modprobe, 0, sizeof modprobe);
    for (unsigned i = 0; i < MODPROBE_RULES_MAX + 2; i++)
        modprobe_add_file (&modprobe, "x", "blacklist a\n");
    for (unsigned i = 0; i < MODPROBE_IDS_MAX + 3; i++)
        modprobe_add_file (&modprobe, "x", "options vfio-pci ids=1:2\n");
    assert_int_equal (modprobe.n_rules, MODPROBE_RULES_MAX);
    assert_int_equal (modprobe.n_ids, MODPROBE_IDS_MAX);
    assert_int_equal (modprobe.ignored, 5);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (the_last_word_of_a_key_counts),
        cmocka_unit_test (a_quoted_space_parts_no_words_and_two_dashes_end_them),
        cmocka_unit_test (values_stand_between_commas),
        cmocka_unit_test (the_boot_loader_is_seen_by_what_it_hands_on),
        cmocka_unit_test (ids_are_read_with_and_without_a_subsystem),
        cmocka_unit_test (a_line_goes_on_after_a_backslash),
        cmocka_unit_test (what_is_no_id_is_left_out),
        cmocka_unit_test (rules_are_found_by_either_spelling),
        cmocka_unit_test (the_command_line_has_rules_as_well),
        cmocka_unit_test (what_the_tables_cannot_hold_is_counted),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
