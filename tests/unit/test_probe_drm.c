/* The driver level, on answers of i915, xe and amdgpu that drm_player plays: no GPU has been asked.  */
#include "tests/unit/testing.h"

#include "hook/probe_drm.h"
#include "hook/probe_uapi.h"
#include "tests/fixtures/drm_player.h"

#include <libdrm/amdgpu_drm.h>
#include <libdrm/i915_drm.h>
#if __has_include(<libdrm/xe_drm.h>)
#include <libdrm/xe_drm.h>
#define XE_HEADER 1
#endif

static struct drm_player player;
static int last_fd;

static int
play (int fd, unsigned long request, void *arg)
{
    last_fd = fd;
    return drm_player_ioctl (&player, request, arg);
}

static const struct drm_device device = {.fd = 42, .ioctl = play};

static void
ask (struct drm_facts *facts, const char *answers)
{
    struct error err = {0};

    drm_player_read (&player, answers);
    assert_ok (drm_ask_version (&device, facts, &err));
    drm_ask_facts (&device, facts);
}

static unsigned
engines (const struct drm_facts *facts, const char *class)
{
    for (unsigned i = 0; i < facts->n_engines; i++)
        if (strcmp (facts->engines[i].class, class) == 0)
            return facts->engines[i].count;
    return 0;
}

static void
the_kernel_s_interface_is_that_of_its_headers (void **state)
{
    (void) state;
    assert_int_equal (IOCTL_I915_GETPARAM, DRM_IOCTL_I915_GETPARAM);
    assert_int_equal (IOCTL_I915_QUERY, DRM_IOCTL_I915_QUERY);
    assert_int_equal (sizeof (struct i915_query_item), sizeof (struct drm_i915_query_item));
    assert_int_equal (sizeof (struct i915_engine), sizeof (struct drm_i915_engine_info));
    assert_int_equal (offsetof (struct i915_engines, list),
                      offsetof (struct drm_i915_query_engine_info, engines));
    assert_int_equal (IOCTL_AMDGPU_INFO, DRM_IOCTL_AMDGPU_INFO);
    assert_int_equal (sizeof (struct amdgpu_hw_ip), sizeof (struct drm_amdgpu_info_hw_ip));
    assert_int_equal (offsetof (struct amdgpu_hw_ip, available_rings),
                      offsetof (struct drm_amdgpu_info_hw_ip, available_rings));
    assert_int_equal (offsetof (struct amdgpu_info, type),
                      offsetof (struct drm_amdgpu_info, query_hw_ip.type));
    assert_int_equal (offsetof (struct amdgpu_info, type),
                      offsetof (struct drm_amdgpu_info, query_fw.fw_type));
    /* _IOWR ('d', 0x40, 40 bytes), for where there is no header.  */
    assert_int_equal (IOCTL_XE_DEVICE_QUERY, 0xc0286440);
    assert_int_equal (sizeof (struct xe_engine), 32);
    assert_int_equal (sizeof (struct xe_uc_fw_version), 32);
#ifdef XE_HEADER
    assert_int_equal (IOCTL_XE_DEVICE_QUERY, DRM_IOCTL_XE_DEVICE_QUERY);
    assert_int_equal (sizeof (struct xe_engine), sizeof (struct drm_xe_engine));
    assert_int_equal (sizeof (struct xe_uc_fw_version), sizeof (struct drm_xe_query_uc_fw_version));
#endif
}

static void
a_driver_says_who_it_is (void **state)
{
    struct error err = {0};
    struct drm_facts facts;

    (void) state;
    ask (&facts, "driver=vgem");
    assert_int_equal (last_fd, 42);
    assert_string_equal (facts.driver, "vgem");
    assert_string_equal (facts.version, "1.6.0");
    assert_false (facts.engines_known);
    assert_int_equal (facts.n_engines + facts.n_firmware + facts.n_notes, 0);
    ask (&facts, "driver=a_driver_with_a_name_of_31_char");
    assert_int_equal (strlen (facts.driver), 31);
    drm_player_read (&player, "driver=i915 version-error=5");
    assert_int_equal (drm_ask_version (&device, &facts, &err), -1);
    assert_int_equal (err.status, EIO);
}

/* Every value and every errno of intel_huc_check_status().  */
static void
each_state_of_the_huc_becomes_a_sentence (void **state)
{
    static const struct {
        int huc;
        const char *status, *note, *remedy;
    } cases[] = {
        {1, "running", NULL, NULL},
        {2, "clear-media", NULL, NULL},
        {0, "not-running", "not authenticated", "dmesg"},
        {-ENODEV, "none", "i915 reports ENODEV:", "nothing is to be done"},
        {-EOPNOTSUPP, "disabled", "i915 reports EOPNOTSUPP:", "i915.enable_guc=2"},
        {-ENOPKG, "missing",
         "i915 reports ENOPKG:", "install firmware-misc-nonfree / linux-firmware and reboot"},
        {-ENOEXEC, "invalid", "i915 reports ENOEXEC:", "install firmware-misc-nonfree / linux-firmware anew"},
        {-ENOMEM, "no-memory", "i915 reports ENOMEM:", "reboot"},
        {-EIO, "failed", "i915 reports EIO:", "dmesg"},
        {-EINVAL, "unknown", "Invalid argument", "update"},
    };

    (void) state;
    for (size_t i = 0; i < countof (cases); i++) {
        struct drm_facts facts;
        char answers[64];

        (void) snprintf (answers, sizeof answers, "driver=i915 huc=%d", cases[i].huc);
        ask (&facts, answers);
        assert_int_equal (facts.n_firmware, 1);
        assert_string_equal (facts.firmware[0].name, "huc");
        assert_string_equal (facts.firmware[0].status, cases[i].status);
        assert_int_equal (facts.n_notes, cases[i].note ? 1 : 0);
        if (cases[i].note) {
            assert_contains (facts.notes[0], cases[i].note);
            assert_contains (facts.notes[0], cases[i].remedy);
            assert_true (strlen (facts.notes[0]) < sizeof facts.notes[0] - 1);
        }
    }
}

static void
engines_of_intel_are_counted (void **state)
{
    static const char *const drivers[] = {"i915", "xe"};

    (void) state;
    for (unsigned i = 0; i < 2; i++) {
        struct drm_facts facts;
        char answers[64];

        (void) snprintf (answers, sizeof answers, "driver=%s video=2 huc=%d", drivers[i], 1 - (int) i);
        ask (&facts, answers);
        assert_true (facts.engines_known);
        assert_true (facts.video);
        assert_int_equal (engines (&facts, "render"), 1);
        assert_int_equal (engines (&facts, "copy"), 1);
        assert_int_equal (engines (&facts, "video"), 2);
        assert_int_equal (facts.n_notes, 0);

        (void) snprintf (answers, sizeof answers, "driver=%s video=0 huc=%d", drivers[i], 1 - (int) i);
        ask (&facts, answers);
        assert_true (facts.engines_known);
        assert_false (facts.video);
        assert_int_equal (engines (&facts, "video"), 0);
        assert_int_equal (facts.n_notes, 1);
        assert_contains (facts.notes[0], "reports no video engine");
    }
}

/* A kernel with a bug is not to crash us.  */
static void
more_engines_than_were_sent_are_not_read (void **state)
{
    struct drm_facts facts;

    (void) state;
    ask (&facts, "driver=i915 video=1 claimed=1000000");
    assert_int_equal (engines (&facts, "video"), 1);
    ask (&facts, "driver=xe video=1 claimed=1000000 huc=0");
    assert_int_equal (engines (&facts, "video"), 1);
}

static void
firmware_of_xe_is_told_by_its_version (void **state)
{
    struct drm_facts facts;

    (void) state;
    ask (&facts, "driver=xe huc=0");
    assert_int_equal (facts.n_firmware, 2);
    assert_string_equal (facts.firmware[0].name, "guc");
    assert_string_equal (facts.firmware[0].version, "70.36.1");
    assert_string_equal (facts.firmware[1].name, "huc");
    assert_string_equal (facts.firmware[1].status, "running");
    assert_string_equal (facts.firmware[1].version, "9.36.1");
    assert_int_equal (facts.n_notes, 0);

    ask (&facts, "driver=xe huc=-19"); /* ENODEV */
    assert_string_equal (facts.firmware[1].status, "not-running");
    assert_int_equal (facts.n_notes, 1);
    assert_contains (facts.notes[0], "xe reports ENODEV: no HuC firmware is running; install");

    ask (&facts, "driver=xe huc=-22"); /* EINVAL: a kernel without this query */
    assert_string_equal (facts.firmware[1].status, "unknown");
    assert_int_equal (facts.n_notes, 0);
}

static void
amdgpu_tells_of_its_video_blocks (void **state)
{
    struct drm_facts facts;

    (void) state;
    ask (&facts, "driver=amdgpu video=2");
    assert_true (facts.video);
    assert_int_equal (facts.n_engines, 2);
    assert_int_equal (engines (&facts, "vcn-dec"), 2);
    assert_int_equal (engines (&facts, "vcn-enc"), 2);
    assert_int_equal (facts.n_firmware, 1);
    assert_string_equal (facts.firmware[0].name, "vcn");
    assert_string_equal (facts.firmware[0].version, "0x0211f002");
    assert_int_equal (facts.n_notes, 0);

    /* One from before VCN.  */
    ask (&facts, "driver=amdgpu video=0 uvd=1");
    assert_true (facts.video);
    assert_int_equal (facts.n_engines, 2);
    assert_int_equal (engines (&facts, "uvd"), 1);
    assert_int_equal (engines (&facts, "vce"), 1);
    assert_int_equal (facts.n_firmware, 2);
    assert_string_equal (facts.firmware[0].name, "uvd");
    assert_string_equal (facts.firmware[1].name, "vce");
    assert_string_equal (facts.firmware[1].version, "0x01823000");
    assert_int_equal (facts.n_notes, 0);

    ask (&facts, "driver=amdgpu video=0");
    assert_true (facts.engines_known);
    assert_false (facts.video);
    assert_int_equal (facts.n_engines, 0);
    assert_int_equal (facts.n_notes, 1);
    assert_contains (facts.notes[0], "amdgpu reports no video engine");
}

/* Each ioctl fails, with each errno that is likely.  */
static int failing;

static int
fail_or_play (int fd, unsigned long request, void *arg)
{
    if (request == DRM_IOCTL_VERSION)
        return play (fd, request, arg);
    errno = failing;
    return -1;
}

static void
a_driver_that_answers_nothing_more_is_no_error (void **state)
{
    static const int errors[] = {EPERM, EACCES, EINVAL, ENOTTY, ENODEV, EIO, ENOMEM, EFAULT};
    static const char *const drivers[] = {"i915", "xe", "amdgpu"};
    const struct drm_device silent = {.fd = 1, .ioctl = fail_or_play};

    (void) state;
    for (size_t d = 0; d < countof (drivers); d++)
        for (size_t i = 0; i < countof (errors); i++) {
            struct error err = {0};
            struct drm_facts facts;
            char answers[64];

            (void) snprintf (answers, sizeof answers, "driver=%s", drivers[d]);
            drm_player_read (&player, answers);
            failing = errors[i];
            assert_ok (drm_ask_version (&silent, &facts, &err));
            drm_ask_facts (&silent, &facts);
            assert_false (facts.engines_known);
            assert_int_equal (facts.n_engines, 0);
        }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (the_kernel_s_interface_is_that_of_its_headers),
        cmocka_unit_test (a_driver_says_who_it_is),
        cmocka_unit_test (each_state_of_the_huc_becomes_a_sentence),
        cmocka_unit_test (engines_of_intel_are_counted),
        cmocka_unit_test (more_engines_than_were_sent_are_not_read),
        cmocka_unit_test (firmware_of_xe_is_told_by_its_version),
        cmocka_unit_test (amdgpu_tells_of_its_video_blocks),
        cmocka_unit_test (a_driver_that_answers_nothing_more_is_no_error),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
