/* What the kernel has said of a GPU, found among all else that it says.  */
#include "tests/unit/testing.h"

#include <sys/socket.h>

#include "hook/kernel_log.h"

#define GPU "0000:00:02.0"

static bool
takes (const char *record, char line[KERNEL_LINE_MAX])
{
    return kernel_log_take (record, strlen (record), GPU, line);
}

/* As i915, xe, amdgpu and the firmware loader write them.  */
static void
bad_news_of_the_gpu_is_taken (void **state)
{
    static const char *const lines[] = {
        "i915 " GPU ": [drm] *ERROR* GT0: GuC initialization failed -ENXIO",
        "i915 " GPU ": [drm] *ERROR* GT0: HuC firmware i915/adlp_huc.bin: fetch failed -ENOENT",
        "i915 " GPU ": Direct firmware load for i915/tgl_guc_70.bin failed with error -2",
        "i915 " GPU ": [drm] GPU HANG: ecode 12:1:85dffffb, in ffmpeg [1234]",
        "i915 " GPU ": [drm] Resetting chip for stopped heartbeat on rcs0",
        "xe " GPU ": [drm] *ERROR* GT1: HuC: timed out waiting for MEI GSC",
        "xe " GPU ": [drm] CRITICAL: Xe has declared device " GPU " as wedged.",
        "amdgpu " GPU ": amdgpu: ring vcn_dec_0 timeout, signaled seq=2, emitted seq=4",
    };
    char record[400], line[KERNEL_LINE_MAX];

    (void) state;
    for (size_t i = 0; i < countof (lines); i++) {
        (void) snprintf (record, sizeof record, "3,%zu,123456,-;%s\n SUBSYSTEM=pci\n DEVICE=+pci:" GPU "\n",
                         i, lines[i]);
        assert_true (takes (record, line));
        assert_string_equal (line, lines[i]);
    }
    assert_true (takes ("6,1,1,-;GPU HANG: ecode 9\n DEVICE=+pci:" GPU "\n", line));
    assert_string_equal (line, "GPU HANG: ecode 9");
}

static void
all_else_is_not (void **state)
{
    static const char *const records[] = {
        "",
        ";",
        "x",
        "6,1,1,-",
        "6,1,1,-;i915 " GPU ": [drm] GuC firmware i915/adlp_guc_70.bin version 70.5.1",
        "3,1,1,-;i915 " GPU ": [drm] *ERROR* CPU pipe A FIFO underrun",
        "3,1,1,-;i915 0000:03:00.0: [drm] *ERROR* GuC initialization failed",
        /* A user's, by /dev/kmsg.  */
        "11,1,1,-;i915 " GPU ": [drm] GPU HANG: ecode 12",
        "3,1,1,-;GPU HANG without a device",
    };
    char line[KERNEL_LINE_MAX] = "as it was";

    (void) state;
    for (size_t i = 0; i < countof (records); i++)
        assert_false (takes (records[i], line));
    assert_false (kernel_log_take ("3,1,1,-;GPU HANG", 16, "", line));
    assert_string_equal (line, "as it was");
}

static void
what_is_quoted_is_short_and_printable (void **state)
{
    static char record[8000];
    char line[KERNEL_LINE_MAX];

    (void) state;
    assert_true (takes ("3,1,1,-;" GPU ": GPU HANG \x1b[31m\xff\n", line));
    assert_string_equal (line, GPU ": GPU HANG ?[31m?");
    (void) snprintf (record, sizeof record, "3,1,1,-;" GPU ": GPU HANG %07000d", 0);
    assert_true (takes (record, line));
    assert_int_equal (strlen (line), KERNEL_LINE_MAX - 1);
    memset (record, 'x', sizeof record);
    assert_false (kernel_log_take (record, 100000, GPU, line));
}

/* A socket that keeps messages apart plays /dev/kmsg.  */
static void
the_last_of_them_counts_and_nobody_waits (void **state)
{
    static const char *const records[] = {
        "3,1,1,-;i915 " GPU ": GPU HANG: the first",
        "3,2,2,-;i915 " GPU ": GPU HANG: the last",
        "6,3,3,-;usb 1-1: new device",
    };
    char line[KERNEL_LINE_MAX] = "";
    int ends[2];

    (void) state;
    assert_return_code (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), errno);
    assert_false (kernel_log_last (ends[0], GPU, line));
    for (size_t i = 0; i < countof (records); i++)
        assert_true (write (ends[1], records[i], strlen (records[i])) > 0);
    assert_true (kernel_log_last (ends[0], GPU, line));
    assert_string_equal (line, "i915 " GPU ": GPU HANG: the last");
    (void) close (ends[0]);
    (void) close (ends[1]);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (bad_news_of_the_gpu_is_taken),
        cmocka_unit_test (all_else_is_not),
        cmocka_unit_test (what_is_quoted_is_short_and_printable),
        cmocka_unit_test (the_last_of_them_counts_and_nobody_waits),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
