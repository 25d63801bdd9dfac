/* What comes out of the box is taken apart as hostile.  */
#include "tests/unit/testing.h"

#include "hook/probe_report.h"

static struct report report;

static void
read_text (const char *text)
{
    report_parse (&report, text, strlen (text));
}

static int
finish (void **state)
{
    (void) state;
    report_finish (&report);
    return 0;
}

#define report_test(test) cmocka_unit_test_teardown (test, finish)

static void
what_is_written_is_read (void **state)
{
    char text[4096];
    ssize_t n;
    int ends[2];

    (void) state;
    assert_return_code (pipe (ends), errno);
    report_step (ends[1], "open");
    report_step (ends[1], "drm-version");
    report_finding (ends[1], "drm", parse ("{'driver':'i915','version':'1.6.0'}"));
    report_verdict (ends[1], PROBE_NO_PROFILES, "nothing on %s\n", "it");
    n = read (ends[0], text, sizeof text);
    report_parse (&report, text, (size_t) n);
    assert_false (report.garbled);
    assert_true (report.judged);
    assert_int_equal (report.reason, PROBE_NO_PROFILES);
    assert_string_equal (report.message, "nothing on it?");
    assert_string_equal (report.step, "drm-version");
    assert_json (report.findings, "{'drm':{'driver':'i915','version':'1.6.0'}}");
    assert_int_equal (json_array_size (report.steps), 2);
    assert_true (json_is_real (json_object_get (json_array_get (report.steps, 1), "ms")));
    (void) close (ends[0]);
    (void) close (ends[1]);
}

static void
a_step_that_did_not_end_has_no_time (void **state)
{
    (void) state;
    read_text ("{\"step\":\"open\",\"t\":1000}\n{\"step\":\"start\",\"t\":3500}\n");
    assert_json (report.steps, "[{'step':'open','ms':2.5},{'step':'start','ms':null}]");
    assert_false (report.judged || report.garbled);
}

static void
time_that_runs_backwards_is_not_told (void **state)
{
    (void) state;
    read_text ("{\"step\":\"a\",\"t\":1000}\n{\"step\":\"b\",\"t\":-9223372036854775808}\n"
               "{\"step\":\"c\",\"t\":9223372036854775807}\n");
    assert_json (report.steps, "[{'step':'a','ms':null},{'step':'b','ms':null},{'step':'c','ms':null}]");
}

static void
other_lines_are_garbled (void **state)
{
    static const char *const lines[] = {
        "\n",
        "hello\n",
        "[]\n",
        "7\n",
        "{}\n",
        "{\"reason\":\"ok\"}\n",
        "{\"reason\":\"splendid\",\"message\":\"\"}\n",
        "{\"reason\":7,\"message\":\"\"}\n",
        "{\"step\":[]}\n",
        "{\"drm\":\"i915\"}\n",
        "{\"drm\":{},\"drm\":{}}\n",
        "{\"message\":\"\\ud800\"}\n",
        "\xff\xfe\n",
        "{\"unknown\":{}}\n",
    };

    (void) state;
    for (size_t i = 0; i < countof (lines); i++) {
        read_text (lines[i]);
        if (!report.garbled || report.judged)
            fail_msg ("taken: %s", lines[i]);
        report_finish (&report);
    }
    read_text ("");
}

static void
nothing_comes_after_the_verdict (void **state)
{
    (void) state;
    read_text (
        "{\"reason\":\"hung\",\"message\":\"a\",\"t\":1}\n{\"reason\":\"ok\",\"message\":\"b\",\"t\":2}\n");
    assert_int_equal (report.reason, PROBE_HUNG);
    assert_string_equal (report.message, "a");
    assert_true (report.garbled);
}

static void
a_line_without_end_is_left_out (void **state)
{
    (void) state;
    read_text ("{\"step\":\"a\",\"t\":1}\n{\"reason\":\"ok\",\"message\":\"b\",\"t\":2}");
    assert_false (report.judged || report.garbled);
    assert_string_equal (report.step, "a");
}

static void
findings_keep_known_members_of_their_type (void **state)
{
    (void) state;
    read_text ("{\"vaapi\":{\"vendor\":\"a\\nb\\u001b[2J\",\"version\":1,\"evil\":\"x\",\"profiles\":[{"
               "\"profile\":\"H\","
               "\"max\":[1,2],\"ok\":\"yes\",\"rates\":[\"cqp\",null,1.5,[],{}]},7]}}\n");
    assert_false (report.garbled);
    assert_json (report.findings, "{'vaapi':{'vendor':'a?b?[2J','profiles':[{'profile':'H','max':[1,2],"
                                  "'rates':['cqp',[],{}]},7]}}");
}

static void
nothing_grows_without_bound (void **state)
{
    static char text[256 * 1024];
    const json_t *notes;
    size_t len;

    (void) state;
    /* deep */
    len = (size_t) snprintf (text, sizeof text, "{\"facts\":{\"notes\":");
    memset (text + len, '[', 1000);
    memset (text + len + 1000, ']', 1000);
    (void) strcpy (text + len + 2000, "}}\n");
    read_text (text);
    notes = json_object_get (json_object_get (report.findings, "facts"), "notes");
    for (len = 0; json_array_size (notes) > 0; len++)
        notes = json_array_get (notes, 0);
    assert_true (len < 6);
    report_finish (&report);
    /* long */
    len = (size_t) snprintf (text, sizeof text, "{\"facts\":{\"notes\":[\"");
    memset (text + len, 'x', 5000);
    len += 5000;
    for (unsigned i = 0; i < 5000; i++)
        len += (size_t) snprintf (text + len, sizeof text - len, "%s\"y", i ? "\"," : "\",");
    (void) snprintf (text + len, sizeof text - len, "\"]}}\n");
    read_text (text);
    assert_false (report.garbled);
    notes = json_object_get (json_object_get (report.findings, "facts"), "notes");
    assert_int_equal (json_array_size (notes), 512);
    assert_true (json_string_length (json_array_get (notes, 0)) < 1000);
    report_finish (&report);
    /* many */
    for (len = 0; len < 40000;)
        len +=
            (size_t) snprintf (text + len, sizeof text - len, "{\"step\":\"%u\",\"t\":1}\n", (unsigned) len);
    read_text (text);
    assert_int_equal (json_array_size (report.steps), 64);
    assert_true (report.garbled);
}

static void
any_bytes_are_survived (void **state)
{
    static const char alphabet[] = "{}[]\":,\n\\ut0e.-\x80\xffstepdrmokreason";
    struct rng rng = rng_start ("any_bytes_are_survived");
    char text[300];

    (void) state;
    for (unsigned round = 0; round < 20000; round++) {
        size_t len = rng_below (&rng, sizeof text);

        for (size_t i = 0; i < len; i++)
            text[i] = alphabet[rng_below (&rng, sizeof alphabet)];
        report_parse (&report, text, len);
        report_finish (&report);
    }
    read_text ("");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        report_test (what_is_written_is_read),
        report_test (a_step_that_did_not_end_has_no_time),
        report_test (time_that_runs_backwards_is_not_told),
        report_test (other_lines_are_garbled),
        report_test (nothing_comes_after_the_verdict),
        report_test (a_line_without_end_is_left_out),
        report_test (findings_keep_known_members_of_their_type),
        report_test (nothing_grows_without_bound),
        report_test (any_bytes_are_survived),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
