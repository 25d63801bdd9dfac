/* dri.require: every word of the grammar, and the words next to it.  */
#include "tests/unit/testing.h"

#include "oci/require.h"

static const char *const videos[] = {"mpeg2",  "vc1", "jpeg", "h264",   "hevc", "hevc10",
                                     "hevc12", "vp8", "vp9",  "vp9-10", "av1",  "av1-10"};
static const char *const rates[] = {"", "-cqp", "-cbr", "-vbr", "-icq", "-qvbr", "-avbr"};

static void
parse_one (struct capability *c, const char *text)
{
    struct error err = {0};
    struct require require;

    assert_ok (require_parse (&require, text, &err));
    assert_int_equal (require.n, 1);
    *c = require.list[0];
    assert_string_equal (c->text, text);
}

static void
every_word_is_understood (void **state)
{
    struct capability c;
    char text[64];

    (void) state;
    assert_int_equal (countof (videos), VIDEO_COUNT);
    assert_int_equal (countof (rates), RATE_COUNT);
    parse_one (&c, "vpp");
    assert_int_equal (c.task, TASK_VPP);
    for (unsigned v = 0; v < VIDEO_COUNT; v++) {
        (void) snprintf (text, sizeof text, "%s-decode", videos[v]);
        parse_one (&c, text);
        assert_int_equal (c.task, TASK_DECODE);
        assert_int_equal (c.video, v);
        assert_int_equal (c.rate, RATE_ANY);
        for (unsigned r = 0; r < RATE_COUNT; r++) {
            (void) snprintf (text, sizeof text, "%s-encode%s", videos[v], rates[r]);
            parse_one (&c, text);
            assert_int_equal (c.task, TASK_ENCODE);
            assert_int_equal (c.video, v);
            assert_int_equal (c.rate, r);
        }
    }
}

static void
a_list_keeps_its_order_and_has_each_once (void **state)
{
    struct error err = {0};
    struct require require;

    (void) state;
    assert_ok (require_parse (&require, " vpp ,h264-decode, vpp,  hevc10-encode-vbr ", &err));
    assert_int_equal (require.n, 3);
    assert_string_equal (require.list[0].text, "vpp");
    assert_string_equal (require.list[1].text, "h264-decode");
    assert_string_equal (require.list[2].text, "hevc10-encode-vbr");
    assert_ok (require_parse (&require, "", &err));
    assert_int_equal (require.n, 0);
    assert_ok (require_parse (&require, "  ", &err));
    assert_int_equal (require.n, 0);
}

static void
what_is_no_capability_is_refused_by_its_name (void **state)
{
    static const char *const texts[] = {
        "h264",
        "decode",
        "h265-decode",
        "H264-decode",
        "h264-decode-vbr",
        "h264-transcode",
        "h264-encode-",
        "h264-encode-vbrx",
        "h264-encode-vb",
        "h264-decodes",
        "vpp-decode",
        "vppx",
        "hevc8-decode",
        "hevc 10-decode",
        "vp910-decode",
        "hevc10",
        "-decode",
        "h264--decode",
        "hevc10-encode-qvbr-and-more",
        "none",
        "h264_decode",
    };
    struct require require = {.n = 77};
    struct error err = {0};

    (void) state;
    for (size_t i = 0; i < countof (texts); i++) {
        char quoted[64];

        (void) snprintf (quoted, sizeof quoted, "\"%s\" is no capability", texts[i]);
        assert_refused (require_parse (&require, texts[i], &err), quoted);
        assert_contains (err.message, "hevc10");
        assert_int_equal (require.n, 77);
    }
    assert_refused (require_parse (&require, "vpp,,h264-decode", &err), "\"\" is no capability");
    assert_refused (require_parse (&require, "vpp,", &err), "\"\" is no capability");
    assert_refused (require_parse (&require, ",", &err), "\"\" is no capability");
}

static void
a_long_list_is_refused (void **state)
{
    struct error err = {0};
    struct require require;
    char text[1024] = "vpp";

    (void) state;
    for (unsigned v = 0; v < VIDEO_COUNT; v++)
        (void) snprintf (text + strlen (text), sizeof text - strlen (text), ",%s-decode", videos[v]);
    assert_ok (require_parse (&require, text, &err));
    (void) snprintf (text + strlen (text), sizeof text - strlen (text), ",vp8-encode,av1-encode,hevc-encode");
    assert_ok (require_parse (&require, text, &err));
    assert_int_equal (require.n, REQUIRE_MAX);
    (void) snprintf (text + strlen (text), sizeof text - strlen (text), ",vpp");
    assert_ok (require_parse (&require, text, &err));
    (void) snprintf (text + strlen (text), sizeof text - strlen (text), ",h264-encode");
    assert_refused (require_parse (&require, text, &err), "more than 16");
}

static void
an_overlong_word_is_cut_in_the_message (void **state)
{
    struct error err = {0};
    struct require require;
    char text[5000];

    (void) state;
    memset (text, 'h', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_refused (require_parse (&require, text, &err), "is no capability");
    assert_true (strlen (err.message) < 500);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (every_word_is_understood),
        cmocka_unit_test (a_list_keeps_its_order_and_has_each_once),
        cmocka_unit_test (what_is_no_capability_is_refused_by_its_name),
        cmocka_unit_test (a_long_list_is_refused),
        cmocka_unit_test (an_overlong_word_is_cut_in_the_message),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
