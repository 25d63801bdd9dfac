/* The output of an image's vainfo: what it lists, and what else an image may make of it.  */
#include "tests/unit/testing.h"

#include "hook/vainfo.h"

static struct vainfo info;

static void
take (const char *text)
{
    vainfo_parse (&info, text, strlen (text));
}

static bool
lists (const char *word)
{
    struct require require;
    struct error err = {0};

    assert_return_code (require_parse (&require, word, &err), 0);
    return vainfo_lists (&info, &require.list[0]);
}

static void
what_vainfo_prints_is_understood (void **state)
{
    (void) state;
    take ("libva info: VA-API version 1.17.0\n"
          "libva info: va_openDriver() returns 0\n"
          "vainfo: VA-API version: 1.17 (libva 2.12.0)\n"
          "vainfo: Driver version: Intel iHD driver for Intel(R) Gen Graphics - 23.1.1 ()\n"
          "vainfo: Supported profile and entrypoints\n"
          "      VAProfileNone                   : VAEntrypointVideoProc\n"
          "      VAProfileH264High               :\tVAEntrypointVLD\n"
          "      VAProfileH264High               :\tVAEntrypointEncSliceLP\n"
          "      VAProfileHEVCMain10             :\tVAEntrypointVLD\n"
          "      VAProfileJPEGBaseline           :\tVAEntrypointEncPicture");
    assert_int_equal (info.n_pairs, 5);
    assert_string_equal (info.vendor, "Intel iHD driver for Intel(R) Gen Graphics - 23.1.1 ()");
    assert_string_equal (info.complaint, "");
    assert_true (lists ("vpp") && lists ("h264-decode") && lists ("h264-encode-vbr")
                 && lists ("hevc10-decode"));
    assert_true (lists ("jpeg-encode"));
    assert_false (lists ("hevc-decode") || lists ("hevc10-encode") || lists ("av1-decode")
                  || lists ("jpeg-decode"));
}

static void
a_failure_is_quoted_by_its_first_line (void **state)
{
    (void) state;
    take ("libva info: Trying to open /usr/lib/dri/iHD_drv_video.so\n"
          "libva error: /usr/lib/dri/iHD_drv_video.so init failed\n"
          "vaInitialize failed with error code 18 (invalid parameter),exit\n");
    assert_int_equal (info.n_pairs, 0);
    assert_string_equal (info.complaint, "libva error: /usr/lib/dri/iHD_drv_video.so init failed");
}

static void
what_is_made_up_has_bounds (void **state)
{
    static char text[200000];
    size_t len = 0;

    (void) state;
    for (unsigned i = 0; i < 2000; i++)
        len += (size_t) snprintf (text + len, sizeof text - len, "VAProfileH264High : VAEntrypointVLD\n");
    take (text);
    assert_int_equal (info.n_pairs, VAINFO_PAIRS_MAX);
    memset (text, 'V', sizeof text);
    vainfo_parse (&info, text, sizeof text);
    assert_int_equal (info.n_pairs, 0);
    take ("vainfo: Driver version: \x1b]0;x\x07\xff\n");
    assert_string_equal (info.vendor, "?]0;x??");
    vainfo_parse (&info, "VAProfile\0 : VAEntrypointVLD\n\0error", 35);
    assert_int_equal (info.n_pairs, 0);
    vainfo_parse (&info, NULL, 0);
    assert_int_equal (info.n_pairs, 0);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (what_vainfo_prints_is_understood),
        cmocka_unit_test (a_failure_is_quoted_by_its_first_line),
        cmocka_unit_test (what_is_made_up_has_bounds),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
