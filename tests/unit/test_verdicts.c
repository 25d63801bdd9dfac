#include "tests/unit/testing.h"

#include "broker/process.h"
#include "broker/verdicts.h"
#include "oci/file.h"

static struct verdicts verdicts; /* large */

static int
start (void **state)
{
    assert_int_equal (folder_make (state), 0);
    memset (&verdicts, 0, sizeof verdicts);
    verdicts.journal.fd = -1;
    return 0;
}

static int
end (void **state)
{
    verdicts_close (&verdicts);
    return folder_remove (state);
}

#define verdicts_test(test) cmocka_unit_test_setup_teardown (test, start, end)

static struct kept_verdict
verdict (const char *key, const char *device, bool ok)
{
    struct kept_verdict v = {.level = READY_VAAPI, .ok = ok};

    (void) snprintf (v.key, sizeof v.key, "%s", key);
    (void) snprintf (v.device, sizeof v.device, "%s", device);
    (void) snprintf (v.reason, sizeof v.reason, "%s on %.200s", ok ? "works" : "fails", device);
    return v;
}

static void
add (const char *key, const char *device, bool ok)
{
    const struct kept_verdict v = verdict (key, device, ok);

    verdicts_put (&verdicts, &v);
}

static unsigned
count (void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < VERDICTS_MAX; i++)
        n += verdicts.table[i].key[0] != '\0';
    return n;
}

static void
a_verdict_is_of_its_key_and_device (void **state)
{
    const struct kept_verdict *found;

    (void) state;
    assert_null (verdicts_find (&verdicts, "image", "igpu"));
    add ("image", "igpu", true);
    add ("image", "arc", false);
    found = verdicts_find (&verdicts, "image", "igpu");
    assert_non_null (found);
    assert_true (found->ok);
    assert_int_equal (found->level, READY_VAAPI);
    assert_string_equal (found->reason, "works on igpu");
    assert_false (verdicts_find (&verdicts, "image", "arc")->ok);
    assert_null (verdicts_find (&verdicts, "imag", "igpu"));
    assert_null (verdicts_find (&verdicts, "image", "igpu 2"));
    assert_null (verdicts_find (&verdicts, "", ""));
}

static void
a_new_verdict_takes_the_place_of_the_old (void **state)
{
    (void) state;
    add ("image", "igpu", true);
    add ("image", "igpu", false);
    assert_int_equal (count (), 1);
    assert_false (verdicts_find (&verdicts, "image", "igpu")->ok);
}

static void
the_one_that_was_not_asked_for_the_longest_goes (void **state)
{
    char key[32];

    (void) state;
    for (unsigned i = 0; i < VERDICTS_MAX; i++) {
        (void) snprintf (key, sizeof key, "image-%u", i);
        add (key, "igpu", true);
    }
    assert_non_null (verdicts_find (&verdicts, "image-0", "igpu"));
    add ("one-more", "igpu", true);
    assert_int_equal (count (), VERDICTS_MAX);
    assert_non_null (verdicts_find (&verdicts, "image-0", "igpu"));
    assert_null (verdicts_find (&verdicts, "image-1", "igpu"));
    assert_non_null (verdicts_find (&verdicts, "image-2", "igpu"));
    assert_non_null (verdicts_find (&verdicts, "one-more", "igpu"));
}

static void
what_is_forgotten_is_of_one_device (void **state)
{
    (void) state;
    add ("a", "igpu", true);
    add ("b", "igpu", true);
    add ("a", "arc", true);
    assert_int_equal (verdicts_drop (&verdicts, "b", "igpu"), 1);
    assert_null (verdicts_find (&verdicts, "b", "igpu"));
    assert_int_equal (verdicts_drop (&verdicts, "b", "igpu"), 0);
    assert_int_equal (verdicts_drop (&verdicts, NULL, "igpu"), 1);
    assert_int_equal (count (), 1);
    assert_non_null (verdicts_find (&verdicts, "a", "arc"));
}

/* A verdict of some other device, or of any, would let a container start that cannot use its GPU.  */
static void
what_is_not_whole_is_not_kept (void **state)
{
    char device[VERDICT_DEVICE_MAX], key[VERDICT_KEY_MAX + 8];
    struct kept_verdict v;

    (void) state;
    add ("", "igpu", true);
    add ("image", "", true);
    add ("two words", "igpu", true);
    memset (device, 'x', sizeof device - 1);
    device[sizeof device - 1] = '\0';
    add ("image", device, true);
    v = verdict ("image", "igpu", true);
    v.level = READY_AUTO;
    verdicts_put (&verdicts, &v);
    assert_int_equal (count (), 0);

    memset (key, 'k', sizeof key);
    key[VERDICT_KEY_MAX] = '\0';
    assert_false (verdict_key_valid (key));
    key[VERDICT_KEY_MAX - 1] = '\0';
    assert_true (verdict_key_valid (key));
    assert_false (verdict_key_valid (""));
    assert_false (verdict_key_valid ("a\nb"));
    assert_false (verdict_key_valid ("\xc3\xa4"));
}

/* --- the file --- */

static char *
path (void)
{
    return in_folder ("broker.verdicts");
}

static void
reopen (void)
{
    struct error err = {0};

    verdicts_close (&verdicts);
    memset (&verdicts, 0, sizeof verdicts);
    assert_ok (verdicts_open (&verdicts, path (), &err));
}

static void
keep (const char *key, const char *device, bool ok)
{
    const struct kept_verdict v = verdict (key, device, ok);
    struct error err = {0};

    assert_ok (verdicts_keep (&verdicts, &v, &err));
}

static void
a_restart_keeps_them (void **state)
{
    struct error err = {0};

    (void) state;
    reopen ();
    keep ("a", "igpu", true);
    keep ("b", "igpu", true);
    keep ("c", "igpu", false);
    keep ("", "igpu", true);
    assert_ok (verdicts_forget (&verdicts, "b", "igpu", &err));
    keep ("d", "arc", true);
    assert_ok (verdicts_forget (&verdicts, NULL, "arc", &err));
    reopen ();
    assert_int_equal (count (), 2);
    assert_true (verdicts_find (&verdicts, "a", "igpu")->ok);
    assert_false (verdicts_find (&verdicts, "c", "igpu")->ok);
    assert_string_equal (verdicts_find (&verdicts, "c", "igpu")->reason, "fails on igpu");
    assert_int_equal (verdicts_find (&verdicts, "c", "igpu")->level, READY_VAAPI);
    /* And a second, from the file that the first one wrote anew.  */
    reopen ();
    assert_int_equal (count (), 2);
}

static void
those_of_another_boot_are_nothing (void **state)
{
    _cleanup_free_ char *text = NULL;
    char boot[BOOT_ID_MAX];
    struct error err = {0};
    size_t len;

    (void) state;
    reopen ();
    keep ("a", "igpu", true);
    verdicts_close (&verdicts);
    process_boot_id (boot);
    assert_int_equal (strlen (boot), 36);
    assert_ok (file_read (path (), 1 << 20, &text, &len, &err));
    assert_non_null (strstr (text, boot));
    memcpy (strstr (text, boot), "00000000", 8);
    put (path (), text);
    reopen ();
    assert_int_equal (count (), 0);
}

static void
a_damaged_file_does_no_harm (void **state)
{
    char boot[BOOT_ID_MAX], text[2048];

    (void) state;
    process_boot_id (boot);
    (void) snprintf (
        text, sizeof text,
        "{\"keep\":{\"key\":\"early\",\"device\":\"d\",\"level\":\"node\",\"ok\":true,"
        "\"reason\":\"\"}}\n"
        "{\"boot\":\"%s\"}\n"
        "no JSON\n"
        "{\"keep\":{\"key\":\"no level\"}}\n"
        "{\"keep\":{\"key\":\"k\",\"device\":\"d\",\"level\":\"off\",\"ok\":true,\"reason\":\"\"}}\n"
        "{\"keep\":{\"key\":1,\"device\":\"d\",\"level\":\"node\",\"ok\":true,\"reason\":\"\"}}\n"
        "{\"forget\":{\"key\":\"x\"}}\n"
        "{\"keep\":{\"key\":\"good\",\"device\":\"d\",\"level\":\"node\",\"ok\":true,"
        "\"reason\":\"\"}}\n"
        "{\"keep\":{\"key\":\"cut",
        boot);
    put (path (), text);
    reopen ();
    assert_int_equal (count (), 1);
    assert_non_null (verdicts_find (&verdicts, "good", "d"));
}

static void
a_full_table_keeps_its_order_over_restarts (void **state)
{
    char key[32];

    (void) state;
    reopen ();
    for (unsigned i = 0; i < VERDICTS_MAX; i++) {
        (void) snprintf (key, sizeof key, "image-%u", i);
        keep (key, "igpu", true);
    }
    keep ("one-more", "igpu", true); /* in the place of the first */
    reopen ();
    reopen ();
    assert_int_equal (count (), VERDICTS_MAX);
    keep ("another", "igpu", true);
    assert_non_null (verdicts_find (&verdicts, "one-more", "igpu"));
    assert_null (verdicts_find (&verdicts, "image-0", "igpu"));
    assert_null (verdicts_find (&verdicts, "image-1", "igpu"));
    assert_non_null (verdicts_find (&verdicts, "image-2", "igpu"));
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        verdicts_test (a_verdict_is_of_its_key_and_device),
        verdicts_test (a_new_verdict_takes_the_place_of_the_old),
        verdicts_test (the_one_that_was_not_asked_for_the_longest_goes),
        verdicts_test (what_is_forgotten_is_of_one_device),
        verdicts_test (what_is_not_whole_is_not_kept),
        verdicts_test (a_restart_keeps_them),
        verdicts_test (those_of_another_boot_are_nothing),
        verdicts_test (a_damaged_file_does_no_harm),
        verdicts_test (a_full_table_keeps_its_order_over_restarts),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
