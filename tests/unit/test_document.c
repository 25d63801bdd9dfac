#include "tests/unit/testing.h"

#include "oci/document.h"

/* Load and dump in the compact form. The caller's to free; NULL where the text is refused.  */
static char *
through (const char *text, size_t len)
{
    struct error err = {0};
    struct document doc;
    char *out, *copy;
    size_t n;

    if (document_load (&doc, text, len, &err) < 0) {
        assert_true (err.message[0]);
        return NULL;
    }
    assert_ok (document_dump (&doc, JSON_COMPACT, &out, &n, &err));
    document_finish (&doc);
    copy = strndup (out, n);
    assert_int_equal (strlen (copy), n);
    free (out);
    return copy;
}

/* Loaded with these names only. The caller's to free; NULL where the text is refused.  */
static char *
through_members (const char *text, size_t len)
{
    static const char *const names[] = {"linux", "list", NULL};
    struct error err = {0};
    struct document doc;
    char *out, *copy;
    size_t n;

    if (document_load_members (&doc, text, len, names, &err) < 0) {
        assert_true (err.message[0]);
        return NULL;
    }
    assert_ok (document_dump (&doc, JSON_COMPACT, &out, &n, &err));
    document_finish (&doc);
    copy = strndup (out, n);
    free (out);
    return copy;
}

static void
assert_kept (const char *text)
{
    char *out = through (text, strlen (text));

    assert_non_null (out);
    assert_string_equal (out, text);
    free (out);
}

static void
assert_invalid (const char *text)
{
    char *out = through (text, strlen (text));

    if (out)
        fail_msg ("%s was taken, as %s", text, out);
}

static const char *const numbers[] = {
    "18446744073709551615",
    "-0",
    "1e400",
    "1.10",
    "0.1e-7",
    "0",
    "1",
    "-1",
    "10",
    "-10",
    "999999999999999999",
    "-999999999999999999",
    "1000000000000000000",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "1E5",
    "1e+5",
    "1e-5",
    "0.0",
    "-0.0",
    "0e0",
    "1.0",
    "1.00",
    "123456789012345678901234567890",
    "3.141592653589793238462643383279",
    "1e-400",
    "100000000000000000000000000000e-20",
};

static void
numbers_are_kept_to_the_letter (void **state)
{
    char text[256];

    (void) state;
    for (size_t i = 0; i < countof (numbers); i++) {
        (void) snprintf (text, sizeof text, "{\"a\":%s,\"b\":[%s,%s],\"c\":\"%s\"}", numbers[i], numbers[i],
                         numbers[i], numbers[i]);
        assert_kept (text);
    }
}

static void
plain_integers_are_integers_for_who_reads_them (void **state)
{
    static const char text[] =
        "{\"uid\":1000,\"big\":999999999999999999,\"low\":-999999999999999999,\"zero\":0}";
    struct error err = {0};
    struct document doc;

    (void) state;
    assert_ok (document_load (&doc, text, strlen (text), &err));
    assert_int_equal (json_integer_value (json_object_get (doc.root, "uid")), 1000);
    assert_true (json_integer_value (json_object_get (doc.root, "big")) == 999999999999999999);
    assert_true (json_integer_value (json_object_get (doc.root, "low")) == -999999999999999999);
    assert_true (json_is_integer (json_object_get (doc.root, "zero")));
    document_finish (&doc);
}

/* A number that is ours to keep only is none for who reads an id: 1e400 is not 0.  */
static void
other_numbers_are_no_integers (void **state)
{
    static const char text[] = "{\"a\":1e400,\"b\":18446744073709551615,\"c\":1.0,\"d\":-0}";
    struct error err = {0};
    struct document doc;
    const char *name;
    json_t *value;

    (void) state;
    assert_ok (document_load (&doc, text, strlen (text), &err));
    json_object_foreach (doc.root, name, value)
        assert_false (json_is_number (value));
    document_finish (&doc);
}

static void
an_edit_leaves_the_rest_as_it_was (void **state)
{
    static const char text[] = "{\"z\":1.10,\"a\":[18446744073709551615],\"m\":{\"x\":-0}}";
    struct error err = {0};
    struct document doc;
    char *out;
    size_t len;

    (void) state;
    assert_ok (document_load (&doc, text, strlen (text), &err));
    (void) json_array_append_new (json_object_get (doc.root, "a"), json_integer (7));
    (void) json_object_set_new (doc.root, "new", json_string ("1.10"));
    assert_ok (document_dump (&doc, JSON_COMPACT, &out, &len, &err));
    document_finish (&doc);
    assert_int_equal (
        len, strlen ("{\"z\":1.10,\"a\":[18446744073709551615,7],\"m\":{\"x\":-0},\"new\":\"1.10\"}"));
    assert_memory_equal (out, "{\"z\":1.10,\"a\":[18446744073709551615,7],\"m\":{\"x\":-0},\"new\":\"1.10\"}",
                         len);
    free (out);
}

static void
order_and_unknown_fields_are_kept (void **state)
{
    (void) state;
    assert_kept (
        "{\"z\":1,\"a\":{\"q\":null,\"b\":true,\"Q\":false},\"\":[],\"vendor.ext\":{\"k\":[{},[[]]]}}");
}

static void
strings_are_kept (void **state)
{
    (void) state;
    assert_kept ("{\"a\":\"\\u0000\",\"b\":\"x\\u0000\\u0000y\"}");
    assert_kept ("{\"a\":\"\\\"1.10\\\"\",\"b\":\"\\\\\",\"c\":\"\\\\\\\"\",\"1.10\":\"-0\"}");
    assert_kept ("{\"a\":\"#0123456789abcdef1.10\",\"#0123456789abcdef\":\"#\"}");
    assert_kept ("{\"a\":\"F\xc3\xbc\xc3\x9f\x65 \xf0\x9f\x90\xb3\",\"b\":\"\\u001F\\n\"}");
    assert_kept ("{\"a\":\"\\\\\",\"b\":1e400,\"c\":\"\\\\\\\\\",\"d\":2e400}");
}

/* Two documents at once have two tags: none is known in advance.  */
static void
each_document_has_a_tag_of_its_own (void **state)
{
    struct error err = {0};
    struct document a, b;

    (void) state;
    assert_ok (document_load (&a, "{}", 2, &err));
    assert_ok (document_load (&b, "{}", 2, &err));
    assert_string_not_equal (a.tag, b.tag);
    assert_int_equal (strlen (a.tag), 17);
    document_finish (&a);
    document_finish (&b);
}

/* As Go's encoding/json has it, which is what wrote the file.  */
static void
the_last_of_duplicate_keys_counts (void **state)
{
    static const char text[] = "{\"a\":1,\"b\":2,\"a\":1.10}";
    char *out = through (text, strlen (text));

    (void) state;
    assert_string_equal (out, "{\"a\":1.10,\"b\":2}");
    free (out);
}

static void
white_space_is_no_part_of_a_document (void **state)
{
    static const char text[] = " \n{ \"a\" :\t[ 1.10 ,-0\r\n] , \"b\" : 18446744073709551615 } \n";
    char *out = through (text, strlen (text));

    (void) state;
    assert_string_equal (out, "{\"a\":[1.10,-0],\"b\":18446744073709551615}");
    free (out);
}

static void
what_is_no_json_is_refused (void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "{",
        "[]",
        "1",
        "1.10",
        "\"x\"",
        "null",
        "{}x",
        "{}1.10",
        "{\"a\":}",
        "{\"a\":01}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":+1}",
        "{\"a\":--1}",
        "{\"a\":1e}",
        "{\"a\":1e+}",
        "{\"a\":00.5}",
        "{\"a\":-01.5}",
        "{\"a\":1.2.3}",
        "{\"a\":1.5 1.5}",
        "{\"a\":0x10}",
        "{\"a\":1.5e400x}",
        "{\"a\":-}",
        "{\"a\":-1.5-}",
        "{\"a\":\"x}",
        "{\"a\":\"x\\\"}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\xed\xa0\x80\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":NaN}",
        "{\"a\":Infinity}",
        "{\"a\":1,}",
        "{\"a\":\"x\"1.10}",
        "{\"a\":1.10\"x\"}",
        "{\"a\":tru1.10}",
        "{1:2}",
        "{1.10:2}",
        "{\"a\":1,-0:2}",
        "{\"a\":{1e400:2}}",
    };

    (void) state;
    for (size_t i = 0; i < countof (texts); i++)
        assert_invalid (texts[i]);
}

static void
errors_name_line_and_column (void **state)
{
    struct error err = {0};
    struct document doc = {.root = NULL};

    (void) state;
    assert_refused (document_load (&doc, "{\n\"a\": x}", 9, &err), "line 2, column 6");
    assert_refused (document_load (&doc, "[]", 2, &err), "not an object");
    assert_null (doc.root);
}

static void
deep_nesting_is_refused_not_followed (void **state)
{
    enum { DEPTH = 1000000 };
    char *text = malloc (DEPTH + 6);

    (void) state;
    memcpy (text, "{\"a\":", 5);
    memset (text + 5, '[', DEPTH);
    text[5 + DEPTH] = '\0';
    assert_invalid (text);
    free (text);
}

/* Memory behind the text is poisoned by ASan where it is the end of an allocation.  */
static void
truncated_anywhere_it_is_refused (void **state)
{
    static const char text[] =
        "{\"ociVersion\":\"1.0\",\"process\":{\"rlimits\":[{\"hard\":18446744073709551615,"
        "\"soft\":-0}],\"env\":[\"A=\\\"\\\\\",\"B=\\u0000\"]},\"x\":[1.10,0.1e-7,null,true]}";

    (void) state;
    for (size_t len = 0; len < strlen (text); len++) {
        char *copy = malloc (len ? len : 1), *out;

        memcpy (copy, text, len);
        out = through (copy, len);
        assert_null (out);
        out = through_members (copy, len);
        assert_null (out);
        free (copy);
    }
    assert_kept (text);
}

/* --- any document --- */

struct sink {
    char text[1 << 16];
    size_t len;
};

static void
add (struct sink *out, const char *text)
{
    size_t len = strlen (text);

    if (out->len + len < sizeof out->text) {
        memcpy (out->text + out->len, text, len + 1);
        out->len += len;
    }
}

static void
add_random_number (struct rng *rng, struct sink *out)
{
    char text[80];
    size_t n = 0;

    if (rng_below (rng, 3) == 0) {
        add (out, numbers[rng_below (rng, countof (numbers))]);
        return;
    }
    if (rng_below (rng, 2))
        text[n++] = '-';
    text[n++] = (char) ('1' + rng_below (rng, 9));
    for (unsigned i = rng_below (rng, 25); i > 0; i--)
        text[n++] = (char) ('0' + rng_below (rng, 10));
    text[n] = '\0';
    add (out, text);
    if (rng_below (rng, 3) == 0)
        add (out, rng_below (rng, 2) ? ".50" : ".123456789012345678901");
    if (rng_below (rng, 3) == 0)
        add (out, rng_below (rng, 2) ? "e-7" : "E+400");
}

static void
add_random_string (struct rng *rng, struct sink *out)
{
    /* In the letters that jansson writes.  */
    static const char *const pieces[] = {
        "a",
        "1.10",
        "-0",
        "\\\"",
        "\\\\",
        "\\u0000",
        "\\n",
        "#",
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\xc3\xbc",
        "/",
        "\xf0\x9f\x90\xb3",
        "#0123456789abcdef",
        " ",
        "\\t",
        "e",
        "18446744073709551615",
    };

    add (out, "\"");
    for (unsigned i = rng_below (rng, 6); i > 0; i--)
        add (out, pieces[rng_below (rng, countof (pieces))]);
    add (out, "\"");
}

static void
add_random (struct rng *rng, struct sink *out, unsigned depth)
{
    static const char *const words[] = {"true", "false", "null"};
    unsigned kind = rng_below (rng, depth > 4 ? 3 : 5), n = rng_below (rng, 5);
    char key[16];

    if (kind == 0) {
        add_random_number (rng, out);
    } else if (kind == 1) {
        add_random_string (rng, out);
    } else if (kind == 2) {
        add (out, words[rng_below (rng, 3)]);
    } else {
        add (out, kind == 3 ? "[" : "{");
        for (unsigned i = 0; i < n; i++) {
            (void) snprintf (key, sizeof key, "%s\"%u.%u\":", i ? "," : "", i, rng_below (rng, 1000));
            add (out, kind == 4 ? key : i ? "," : "");
            add_random (rng, out, depth + 1);
        }
        add (out, kind == 3 ? "]" : "}");
    }
}

static void
any_compact_document_comes_out_byte_for_byte (void **state)
{
    struct rng rng = rng_start (__func__);
    static struct sink out;

    (void) state;
    for (unsigned i = 0; i < 5000; i++) {
        out.len = 0;
        add (&out, "{\"root\":");
        add_random (&rng, &out, 0);
        add (&out, "}");
        assert_true (out.len + 1000 < sizeof out.text);
        assert_kept (out.text);
    }
}

static void
members_that_nobody_reads_are_kept_to_the_letter (void **state)
{
    static const char text[] =
        "{ \"seccomp\" : {\"a\" : [ 1.10, \"\\u0041}\\\"]\" ],\t\"a\":{}, \"linux\": [ 01 ] },\n"
        "\"linux\":{ \"deep\" :[ 18446744073709551615 , {} ], \"list\": [ { \"x\": [ ], \"n\": -0 }, [ 1 ] ] "
        "},"
        "\"plain\" : \"seccomp\", \"last\":{ } }";
    char *out = through_members (text, strlen (text));

    (void) state;
    assert_non_null (out);
    assert_string_equal (
        out, "{\"seccomp\":{\"a\" : [ 1.10, \"\\u0041}\\\"]\" ],\t\"a\":{}, \"linux\": [ 01 ] },"
             "\"linux\":{\"deep\":[ 18446744073709551615 , {} ],\"list\":[{\"x\":[ ],\"n\":-0},[1]]},"
             "\"plain\":\"seccomp\",\"last\":{ }}");
    free (out);
}

static void
members_that_are_named_are_read (void **state)
{
    static const char text[] = "{\"linux\":{\"list\":[7]},\"linu\":{},\"linuxx\":[],\"\":{},\"s\":\"linux\"}";
    static const char *const names[] = {"linux", "list", NULL};
    struct error err = {0};
    struct document doc;
    json_t *list;
    char *out;
    size_t len;

    (void) state;
    assert_ok (document_load_members (&doc, text, strlen (text), names, &err));
    list = json_object_get (json_object_get (doc.root, "linux"), "list");
    assert_int_equal (json_integer_value (json_array_get (list, 0)), 7);
    assert_ok (json_array_append_new (list, json_string ("@0+1")));
    assert_true (json_is_string (json_object_get (doc.root, "linuxx")));
    assert_true (json_is_string (json_object_get (doc.root, "")));
    assert_ok (document_dump (&doc, JSON_COMPACT, &out, &len, &err));
    document_finish (&doc);
    assert_memory_equal (out, "{\"linux\":{\"list\":[7,\"@0+1\"]},\"linu\":{},", 38);
    assert_int_equal (len, strlen (text) + strlen (",\"@0+1\""));
    free (out);
}

/* A name with an escape may be any: a document that hides "linux" so is read as any parser would.  */
static void
an_escaped_name_hides_nothing (void **state)
{
    static const char text[] = "{\"lin\\u0075x\":{\"list\":[ 1 ]}}";
    char *out = through_members (text, strlen (text));

    (void) state;
    assert_string_equal (out, "{\"linux\":{\"list\":[1]}}");
    free (out);
}

/* Where it cannot be told where a member ends, jansson has to see all of it.  */
static void
unread_members_end_where_they_end (void **state)
{
    static const char *const texts[] = {
        "{\"a\":[}",         "{\"a\":{]}",          "{\"a\":[{]}}",      "{\"a\":[1",
        "{\"a\":{\"b\":\"}", "{\"a\":[ /* x */ ]}", "{\"a\":[] // ]\n}", "{\"a\":[]]}",
        "{\"a\":{}\"b\":1}", "{\"a\" [1]}",         "{\"a\":",           "[{\"a\":[]}]",
        "{\"a\":[],}",       "{{\"a\":[]}:1}",      "{\"a\":[]",
    };
    static const char *const names[] = {"linux", NULL};
    struct error err = {0};
    struct document doc;

    (void) state;
    for (size_t i = 0; i < countof (texts); i++)
        if (through_members (texts[i], strlen (texts[i])))
            fail_msg ("%s was taken", texts[i]);
    assert_refused (document_load_members (&doc, "{\"a\":[\n\n],\n\"b\": x}", 17, names, &err),
                    "line 4, column 6");
}

/* Around the depth where the brackets are no longer counted.  */
static void
unread_members_may_be_deep (void **state)
{
    (void) state;
    for (unsigned depth = 60; depth < 70; depth++) {
        char text[70 * 6 + 16] = "{\"a\":", *end = text + 5, *out;

        for (unsigned i = 0; i < depth; i++)
            end = stpcpy (end, "{\"x\":");
        end = stpcpy (end, "1.10");
        for (unsigned i = 0; i <= depth; i++)
            end = stpcpy (end, "}");
        out = through_members (text, strlen (text));
        assert_string_equal (out, text);
        free (out);
        end[-2] = ']';
        assert_null (through_members (text, strlen (text)));
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (numbers_are_kept_to_the_letter),
        cmocka_unit_test (plain_integers_are_integers_for_who_reads_them),
        cmocka_unit_test (other_numbers_are_no_integers),
        cmocka_unit_test (an_edit_leaves_the_rest_as_it_was),
        cmocka_unit_test (order_and_unknown_fields_are_kept),
        cmocka_unit_test (strings_are_kept),
        cmocka_unit_test (each_document_has_a_tag_of_its_own),
        cmocka_unit_test (the_last_of_duplicate_keys_counts),
        cmocka_unit_test (white_space_is_no_part_of_a_document),
        cmocka_unit_test (what_is_no_json_is_refused),
        cmocka_unit_test (errors_name_line_and_column),
        cmocka_unit_test (deep_nesting_is_refused_not_followed),
        cmocka_unit_test (members_that_nobody_reads_are_kept_to_the_letter),
        cmocka_unit_test (members_that_are_named_are_read),
        cmocka_unit_test (an_escaped_name_hides_nothing),
        cmocka_unit_test (unread_members_end_where_they_end),
        cmocka_unit_test (unread_members_may_be_deep),
        cmocka_unit_test (truncated_anywhere_it_is_refused),
        cmocka_unit_test (any_compact_document_comes_out_byte_for_byte),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
