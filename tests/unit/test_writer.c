#include "tests/unit/testing.h"

#include "oci/writer.h"

static void
assert_written (struct writer *w, const char *wanted)
{
    writer_raw (w, "", 1);
    assert_string_equal (w->text, wanted);
    free (w->text);
    *w = (struct writer){.text = NULL};
}

static void
numbers_are_whole (void **state)
{
    struct writer w = {.text = NULL};

    (void) state;
    writer_number (&w, 0);
    assert_written (&w, "0");
    writer_number (&w, 4294967295);
    assert_written (&w, "4294967295");
    writer_number (&w, INT64_MAX);
    assert_written (&w, "9223372036854775807");
    writer_number (&w, INT64_MIN);
    assert_written (&w, "-9223372036854775808");
}

/* Whatever a client or a configuration put there: it stays a string, on its line.  */
static void
strings_come_back (void **state)
{
    static const char *const texts[] = {
        "", "a b", "\"", "\\", "x\",\"op\":\"release", "\n\r\t\b\x01\x1f\x7f", "größe \xe2\x80\xa8",
    };
    struct writer w = {.text = NULL};

    (void) state;
    for (size_t i = 0; i < countof (texts); i++) {
        json_t *json;

        writer_string (&w, texts[i]);
        assert_null (memchr (w.text, '\n', w.len));
        json = json_loadb (w.text, w.len, JSON_DECODE_ANY, NULL);
        assert_string_equal (json_string_value (json), texts[i]);
        json_decref (json);
        free (w.text);
        w = (struct writer){.text = NULL};
    }
}

static void
what_is_no_text_is_null (void **state)
{
    struct writer w = {.text = NULL};

    (void) state;
    writer_string (&w, "\xff");
    assert_written (&w, "null");
    writer_string (&w, "gr\xc3");
    assert_written (&w, "null");
}

static void
long_texts_fit (void **state)
{
    struct writer w = {.text = NULL};
    char text[5000];

    (void) state;
    memset (text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 50; i++)
        writer_string (&w, text);
    assert_int_equal (w.len, 50 * (sizeof text + 1));
    assert_int_equal (w.text[0], '"');
    assert_int_equal (w.text[w.len - 1], '"');
    assert_memory_equal (w.text + w.len - sizeof text, text, sizeof text - 1);
    free (w.text);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (numbers_are_whole),
        cmocka_unit_test (strings_come_back),
        cmocka_unit_test (what_is_no_text_is_null),
        cmocka_unit_test (long_texts_fit),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
