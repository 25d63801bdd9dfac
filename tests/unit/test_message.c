#include "tests/unit/testing.h"

#include "broker/message.h"

static int
parse_call (struct message_call *call, const char *text, struct error *err)
{
    return message_parse_call (call, text, strlen (text), err);
}

static void
a_message_ends_at_its_nul (void **state)
{
    (void) state;
    assert_int_equal (message_length ("", 0), -1);
    assert_int_equal (message_length ("{}", 2), -1);
    assert_int_equal (message_length ("{}", 3), 2);
    assert_int_equal (message_length ("{}\0{}", 6), 2);
    assert_int_equal (message_length ("\0{}", 4), 0);
}

static void
a_call_is_taken_apart (void **state)
{
    struct message_call call;
    struct error err = {0};

    (void) state;
    assert_ok (parse_call (
        &call, "{\"method\":\"io.dri.Broker.Acquire\",\"parameters\":{\"a\":[1]},\"more\":true}", &err));
    assert_string_equal (call.method, "io.dri.Broker.Acquire");
    assert_json (call.parameters, "{'a': [1]}");
    assert_true (call.more);
    assert_false (call.oneway);
    message_call_finish (&call);
    assert_null (call.parameters);
    assert_ok (parse_call (&call, "{\"oneway\":true,\"method\":\"a.B\",\"unknown\":7}", &err));
    assert_true (call.oneway);
    assert_false (call.more);
    message_call_finish (&call);
}

static void
parameters_are_always_an_object (void **state)
{
    static const char *const texts[] = {
        "{\"method\":\"a.B\"}",
        "{\"method\":\"a.B\",\"parameters\":null}",
        "{\"method\":\"a.B\",\"parameters\":{}}",
    };
    struct message_call call;
    struct error err = {0};

    (void) state;
    for (size_t i = 0; i < countof (texts); i++) {
        assert_ok (parse_call (&call, texts[i], &err));
        assert_json (call.parameters, "{}");
        message_call_finish (&call);
    }
}

/* A record of the journal is made of it: one line, and nothing but the parameters.  */
static void
parameters_are_had_as_one_line (void **state)
{
    static const struct {
        const char *text, *line;
    } cases[] = {
        {"{\"method\":\"a.B\"}", "{}"},
        {"{\"method\":\"a.B\",\"parameters\":null}", "{}"},
        {"{\"parameters\":{},\"method\":\"a.B\"}", "{}"},
        {"\n{ \"method\" :\t\"a.B\" , \"parameters\" : {\n\"a\":\r\n[1, {}]} \n}\n", "{ \"a\":  [1, {}]}"},
        {"{\"x\":{\"parameters\":{\"a\":1}},\"method\":\"a.B\",\"parameters\":{\"a\":2}}", "{\"a\":2}"},
        {"{\"x\":[[],\"}]\"],\"parameters\":{\"a\":\"}\\\"}\\\\\"},\"method\":\"a.B\"}",
         "{\"a\":\"}\\\"}\\\\\"}"},
        {"{\"x\":\"\\\",\\\"parameters\\\":{}\",\"method\":\"a.B\",\"parameters\":{\"a\":2}}", "{\"a\":2}"},
        {"{\"x\":-1.5e3,\"y\":true ,\"method\":\"a.B\",\"parameters\":{\"a\":\"\\n\"}}", "{\"a\":\"\\n\"}"},
        {"{\"method\":\"a.B\",\"\\u0070arameters\":{\"a\":\n2}}", "{\"a\":2}"},
    };
    struct message_call call;
    struct error err = {0};

    (void) state;
    for (size_t i = 0; i < countof (cases); i++) {
        char *line;

        assert_ok (parse_call (&call, cases[i].text, &err));
        line = message_parameters_line (&call);
        assert_string_equal (line, cases[i].line);
        free (line);
        message_call_finish (&call);
    }
}

static void
what_is_no_call_is_refused (void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "not JSON"},
        {"x", "not JSON"},
        {"{\"method\":\"a.B\"", "not JSON"},
        {"{\"method\":\"a.B\"} {}", "not JSON"},
        {"{\"method\":\"\xff\"}", "not JSON"},
        {"{\"method\":\"a.B\",\"method\":\"a.C\"}", "not JSON"},
        {"{\"method\":\"a.B\\u0000\"}", "not JSON"},
        {"{\"method\":\"a.B\",\"parameters\":{\"n\":99999999999999999999}}", "not JSON"},
        {"[]", "no method"},
        {"{}", "no method"},
        {"{\"method\":null}", "no method"},
        {"{\"method\":7}", "no method"},
        {"{\"method\":[\"a.B\"]}", "no method"},
        {"{\"method\":\"a.B\",\"parameters\":[]}", "parameters are no object"},
        {"{\"method\":\"a.B\",\"parameters\":\"x\"}", "parameters are no object"},
        {"{\"method\":\"a.B\",\"parameters\":false}", "parameters are no object"},
    };
    struct message_call call;
    struct error err = {0};

    (void) state;
    for (size_t i = 0; i < countof (cases); i++)
        assert_refused (parse_call (&call, cases[i].text, &err), cases[i].words);
}

static void
a_method_fits_or_is_refused (void **state)
{
    struct message_call call;
    struct error err = {0};
    char text[256];

    (void) state;
    (void) snprintf (text, sizeof text, "{\"method\":\"%0127d\"}", 0);
    assert_ok (parse_call (&call, text, &err));
    assert_int_equal (strlen (call.method), 127);
    message_call_finish (&call);
    (void) snprintf (text, sizeof text, "{\"method\":\"%0128d\"}", 0);
    assert_refused (parse_call (&call, text, &err), "no method");
}

static void
nesting_has_an_end (void **state)
{
    static char text[MESSAGE_BYTES_MAX];
    struct message_call call;
    struct error err = {0};

    (void) state;
    memset (text, '[', sizeof text);
    assert_int_equal (message_parse_call (&call, text, sizeof text, &err), -1);
    for (size_t i = 0; i + 5 < sizeof text; i += 5)
        memcpy (text + i, "{\"a\":", 5);
    assert_int_equal (message_parse_call (&call, text, sizeof text, &err), -1);
}

static void
replies_and_calls_end_with_their_nul (void **state)
{
    size_t len;
    char *text;

    (void) state;
    text = message_format_reply (NULL, json_pack ("{s:i}", "a", 1), &len);
    assert_string_equal (text, "{\"parameters\":{\"a\":1}}");
    assert_int_equal (len, strlen (text) + 1);
    assert_int_equal (message_length (text, len), (long) len - 1);
    free (text);
    text = message_format_reply ("io.dri.Broker.Refused", NULL, &len);
    assert_string_equal (text, "{\"error\":\"io.dri.Broker.Refused\",\"parameters\":{}}");
    free (text);
    text = message_format_reply (NULL, NULL, &len);
    assert_string_equal (text, "{\"parameters\":{}}");
    free (text);
}

static void
a_call_comes_back_as_it_was_made (void **state)
{
    struct message_call call;
    struct error err = {0};
    size_t len;
    char *text = message_format_call ("io.dri.Broker.Release", json_pack ("{s:s}", "lease", "\n\"ü"), &len);

    (void) state;
    assert_int_equal (message_length (text, len), (long) len - 1);
    assert_ok (message_parse_call (&call, text, len - 1, &err));
    assert_string_equal (call.method, "io.dri.Broker.Release");
    assert_string_equal (json_string_value (json_object_get (call.parameters, "lease")), "\n\"ü");
    message_call_finish (&call);
    free (text);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (a_message_ends_at_its_nul),
        cmocka_unit_test (a_call_is_taken_apart),
        cmocka_unit_test (parameters_are_always_an_object),
        cmocka_unit_test (parameters_are_had_as_one_line),
        cmocka_unit_test (what_is_no_call_is_refused),
        cmocka_unit_test (a_method_fits_or_is_refused),
        cmocka_unit_test (nesting_has_an_end),
        cmocka_unit_test (replies_and_calls_end_with_their_nul),
        cmocka_unit_test (a_call_comes_back_as_it_was_made),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
