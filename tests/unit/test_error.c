#include "tests/unit/testing.h"

/* jansson takes no string that is not UTF-8: a message that cannot be put in JSON never reaches its reader.
 */
static void
assert_utf8 (const char *text)
{
    json_t *json = json_string (text);

    if (!json)
        fail_msg ("not UTF-8: %s", text);
    json_decref (json);
}

static void
a_message_ends_with_its_cause (void **state)
{
    struct error err;

    (void) state;
    assert_int_equal (error_set (&err, ENOENT, "open %s", "/x"), -1);
    assert_string_equal (err.message, "open /x: No such file or directory");
    assert_int_equal (err.status, ENOENT);
}

static void
without_a_system_call_there_is_no_cause (void **state)
{
    struct error err;

    (void) state;
    assert_int_equal (error_set (&err, 0, "no value \"%s\"", "x"), -1);
    assert_string_equal (err.message, "no value \"x\"");
    assert_int_equal (err.status, 0);
}

static void
context_stands_before_the_message_and_the_status_stays (void **state)
{
    struct error err;

    (void) state;
    error_set (&err, EACCES, "open a");
    assert_int_equal (error_wrap (&err, "lease %d", 7), -1);
    assert_int_equal (error_wrap (&err, "web"), -1);
    assert_string_equal (err.message, "web: lease 7: open a: Permission denied");
    assert_int_equal (err.status, EACCES);
}

/* Around the end of the buffer the lengths are computed with care, or not.  */
static void
an_overlong_message_is_cut_and_terminated (void **state)
{
    struct {
        struct error err;
        char guard[16];
    } at;
    char text[2048];

    (void) state;
    for (size_t len = sizeof at.err.message - 40; len < sizeof at.err.message + 40; len++) {
        memset (&at, '#', sizeof at);
        memset (text, 'x', len);
        text[len] = '\0';
        assert_int_equal (error_set (&at.err, ENOENT, "%s", text), -1);
        assert_true (strlen (at.err.message) < sizeof at.err.message);
        assert_int_equal (strspn (at.err.message, "x"),
                          len < sizeof at.err.message ? len : sizeof at.err.message - 1);
        assert_memory_equal (at.guard, "################", 16);
    }
}

static void
an_overlong_context_is_cut_and_terminated (void **state)
{
    struct {
        struct error err;
        char guard[16];
    } at;
    char text[2048];

    (void) state;
    for (size_t len = 0; len < sizeof at.err.message + 40; len++) {
        memset (&at, '#', sizeof at);
        memset (text, 'x', len);
        text[len] = '\0';
        error_set (&at.err, 0, "%0500d", 0);
        assert_int_equal (error_wrap (&at.err, "%s", text), -1);
        assert_true (strlen (at.err.message) < sizeof at.err.message);
        assert_memory_equal (at.err.message, text,
                             len < sizeof at.err.message - 1 ? len : sizeof at.err.message - 1);
        assert_memory_equal (at.guard, "################", 16);
        if (len < 500)
            assert_int_equal (strlen (at.err.message), len + 2 + 500);
    }
}

/* A cut in the middle of a character, or a path of raw bytes, must not make the message unprintable in JSON:
 * it goes to containerd's log and over varlink.  */
static void
a_message_is_always_utf8 (void **state)
{
    struct error err;
    char text[2048];

    (void) state;
    for (size_t lead = 0; lead < 8; lead++) {
        memset (text, 'x', lead);
        text[lead] = '\0';
        for (size_t i = 0; i < 300; i++)
            strcat (text, "\xf0\x9f\x90\xb3");
        error_set (&err, 0, "no value \"%.60s\"; did you mean \"true\"?", text);
        assert_utf8 (err.message);
        assert_contains (err.message, "did you mean \"true\"?");
        error_set (&err, 0, "%s", text);
        assert_utf8 (err.message);
        error_wrap (&err, "%.61s", text);
        assert_utf8 (err.message);
    }
    error_set (&err, ENOENT, "open /tmp/\xff\xc3(\xed\xa0\x80\xc0\x80\xf4\x90\x80\x80");
    assert_utf8 (err.message);
    assert_contains (err.message, "open /tmp/");
    assert_contains (err.message, ": No such file or directory");
}

static void
good_utf8_is_not_touched (void **state)
{
    static const char *const texts[] = {"Füße",         "容器",         "🐳",
                                        "\xef\xbf\xbd", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"};
    struct error err;

    (void) state;
    for (size_t i = 0; i < countof (texts); i++) {
        error_set (&err, 0, "%s", texts[i]);
        assert_string_equal (err.message, texts[i]);
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (a_message_ends_with_its_cause),
        cmocka_unit_test (without_a_system_call_there_is_no_cause),
        cmocka_unit_test (context_stands_before_the_message_and_the_status_stays),
        cmocka_unit_test (an_overlong_message_is_cut_and_terminated),
        cmocka_unit_test (an_overlong_context_is_cut_and_terminated),
        cmocka_unit_test (a_message_is_always_utf8),
        cmocka_unit_test (good_utf8_is_not_touched),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
