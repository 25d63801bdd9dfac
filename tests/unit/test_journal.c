#include "tests/unit/testing.h"

#include <sched.h>
#include <sys/mount.h>

#include "broker/journal.h"

/* What journal_read gave, as "1,2,3": every record of these tests is {"n": N}.  */
struct seen {
    char text[4096];
    unsigned n;
};

static void
see (void *userdata, json_t *record)
{
    struct seen *seen = userdata;
    size_t len = strlen (seen->text);

    (void) snprintf (seen->text + len, sizeof seen->text - len, "%s%" JSON_INTEGER_FORMAT, len ? "," : "",
                     json_integer_value (json_object_get (record, "n")));
    seen->n++;
}

static unsigned
read_back (const char *path, struct seen *seen)
{
    struct error err = {0};
    unsigned skipped = 77;

    *seen = (struct seen){.n = 0};
    assert_ok (journal_read (path, see, seen, &skipped, &err));
    return skipped;
}

static void
assert_records (const char *path, const char *wanted)
{
    struct seen seen;

    assert_int_equal (read_back (path, &seen), 0);
    assert_string_equal (seen.text, wanted);
}

static json_t *
record (int n)
{
    return json_pack ("{s:i}", "n", n);
}

/* Writes as many records as the int at userdata says, numbered from 1.  */
static int
write_some (void *userdata, struct journal *journal, struct error *err)
{
    for (int i = 1; i <= *(int *) userdata; i++)
        if (journal_append (journal, record (i), err) < 0)
            return -1;
    return 0;
}

static const char *
path_of_journal (void)
{
    return in_folder ("journal");
}

static void
begin (struct journal *journal, int n)
{
    struct error err = {0};

    assert_ok (journal_start (journal, path_of_journal (), write_some, &n, &err));
}

static off_t
size_of (const char *path)
{
    struct stat st;

    assert_return_code (stat (path, &st), errno);
    return st.st_size;
}

static void
no_file_is_no_record_and_no_word_of_error (void **state)
{
    struct error err = {0};
    struct seen seen = {.n = 0};
    unsigned skipped = 77;

    (void) state;
    assert_ok (journal_read (in_folder ("none"), see, &seen, &skipped, &err));
    assert_int_equal (skipped, 0);
    assert_int_equal (seen.n, 0);
    assert_string_equal (err.message, "");
}

static void
records_come_back_in_their_order (void **state)
{
    struct journal journal = {.fd = -1};
    struct error err = {0};

    (void) state;
    begin (&journal, 2);
    assert_ok (journal_append (&journal, record (7), &err));
    assert_ok (journal_append (&journal, record (8), &err));
    assert_records (path_of_journal (), "1,2,7,8");
    assert_int_equal (journal.bytes, size_of (path_of_journal ()));
    assert_true (fcntl (journal.fd, F_GETFD) & FD_CLOEXEC);
    journal_close (&journal);
    assert_int_equal (journal.fd, -1);
    journal_close (&journal);
}

static void
a_record_may_be_text_already (void **state)
{
    struct journal journal = {.fd = -1};
    struct writer text = {.text = NULL};
    struct error err = {0};

    (void) state;
    begin (&journal, 1);
    writer_words (&text, "{\"n\":7}");
    assert_ok (journal_append_text (&journal, text, &err));
    assert_ok (journal_append (&journal, record (8), &err));
    assert_records (path_of_journal (), "1,7,8");
    assert_int_equal (journal.bytes, size_of (path_of_journal ()));
    text = (struct writer){.failed = true};
    assert_refused (journal_append_text (&journal, text, &err), "journal");
    assert_records (path_of_journal (), "1,7,8");
    journal_close (&journal);
}

static void
a_record_is_one_line_whatever_it_says (void **state)
{
    struct journal journal = {.fd = -1};
    struct error err = {0};
    struct seen seen;

    (void) state;
    begin (&journal, 0);
    assert_ok (journal_append (&journal, json_pack ("{s:i s:s}", "n", 1, "text", "a\nb\r{\"n\":5}\n"), &err));
    assert_ok (journal_append (&journal, record (2), &err));
    assert_int_equal (read_back (path_of_journal (), &seen), 0);
    assert_string_equal (seen.text, "1,2");
    journal_close (&journal);
}

static void
the_journal_is_roots_alone (void **state)
{
    struct journal journal = {.fd = -1};
    struct stat st;

    (void) state;
    (void) umask (0);
    begin (&journal, 1);
    assert_return_code (stat (path_of_journal (), &st), errno);
    assert_int_equal (st.st_mode & 07777, 0600);
    journal_close (&journal);
}

static void
a_new_start_replaces_all_that_was_there (void **state)
{
    struct journal journal = {.fd = -1};
    struct error err = {0};
    int old;

    (void) state;
    begin (&journal, 5);
    old = journal.fd;
    begin (&journal, 2);
    assert_records (path_of_journal (), "1,2");
    assert_ok (journal_append (&journal, record (9), &err));
    assert_records (path_of_journal (), "1,2,9");
    assert_int_equal (journal.bytes, size_of (path_of_journal ()));
    assert_int_equal (count_entries (folder), 1);
    /* Started again and again it holds one descriptor.  */
    for (unsigned i = 0; i < 50; i++)
        begin (&journal, 1);
    assert_in_range (journal.fd, 0, old + 2);
    journal_close (&journal);
}

/* The broker may be killed between any two bytes.  */
static void
cut_at_any_byte_the_whole_records_come_back (void **state)
{
    static const char text[] = "{\"n\":1}\n{\"n\":2,\"x\":\"\\n\"}\n{\"n\":3}\n";
    static const char *const wanted[] = {"", "1", "1,2", "1,2,3"};

    (void) state;
    for (size_t len = 0; len <= strlen (text); len++) {
        unsigned lines = 0;
        struct seen seen;

        for (size_t i = 0; i < len; i++)
            lines += text[i] == '\n';
        put_bytes (path_of_journal (), text, len);
        (void) read_back (path_of_journal (), &seen);
        assert_string_equal (seen.text, wanted[lines]);
    }
}

/* A record that lost its end was never answered: nobody is missing.  */
static void
a_torn_tail_alone_is_no_damage (void **state)
{
    struct seen seen;

    (void) state;
    put (path_of_journal (), "{\"n\":1}\n{\"n\":2");
    assert_int_equal (read_back (path_of_journal (), &seen), 0);
    put (path_of_journal (), "{\"n\":1}\n{\"n\":2}");
    assert_int_equal (read_back (path_of_journal (), &seen), 0);
    assert_string_equal (seen.text, "1");
}

static void
damaged_lines_are_passed_over_and_counted (void **state)
{
    static const char text[] =
        "{\"n\":1}\n\ngarbage\n[1]\n7\n\"x\"\n{\"n\":2\n\0\0\0\n\xff\xfe\n{\"n\":3} x\n{\"n\":4}\n";
    struct seen seen;

    (void) state;
    put_bytes (path_of_journal (), text, sizeof text - 1);
    assert_int_equal (read_back (path_of_journal (), &seen), 9);
    assert_string_equal (seen.text, "1,4");
}

static void
garbage_of_any_kind_is_survived (void **state)
{
    struct rng rng = rng_start (__func__);
    char text[600];
    struct seen seen;

    (void) state;
    for (unsigned i = 0; i < 2000; i++) {
        size_t len = rng_below (&rng, sizeof text);

        for (size_t j = 0; j < len; j++)
            text[j] = rng_below (&rng, 4) ? "{}[]\"n:1,\n\\u"[rng_below (&rng, 12)] : (char) rng_next (&rng);
        memcpy (text + len / 2, "\n{\"n\":5}\n", len / 2 + 9 < sizeof text ? 9 : 0);
        put_bytes (path_of_journal (), text, len);
        (void) read_back (path_of_journal (), &seen);
    }
}

static void
a_journal_that_is_none_is_an_error (void **state)
{
    struct error err = {0};
    struct seen seen = {.n = 0};
    unsigned skipped;

    (void) state;
    assert_int_equal (mkdir (path_of_journal (), 0700), 0);
    assert_refused (journal_read (path_of_journal (), see, &seen, &skipped, &err), "not a regular file");
}

static int
write_and_fail (void *userdata, struct journal *journal, struct error *err)
{
    (void) userdata;
    (void) journal_append (journal, record (5), err);
    return error_set (err, 0, "it failed");
}

static void
a_start_that_fails_leaves_the_old_journal_in_use (void **state)
{
    struct journal journal = {.fd = -1};
    struct error err = {0};

    (void) state;
    begin (&journal, 2);
    assert_refused (journal_start (&journal, path_of_journal (), write_and_fail, NULL, &err), "it failed");
    assert_int_equal (count_entries (folder), 1);
    assert_ok (journal_append (&journal, record (3), &err));
    assert_records (path_of_journal (), "1,2,3");
    journal_close (&journal);
}

static void
a_start_where_none_can_be_says_why (void **state)
{
    struct journal journal = {.fd = -1};
    struct error err = {.message = "of an earlier failure"};
    char path[300];
    int n = 0;

    (void) state;
    memset (path, 'x', sizeof path);
    path[160] = '\0';
    assert_refused (journal_start (&journal, path, write_some, &n, &err), "File name too long");
    assert_refused (journal_start (&journal, in_folder ("none/journal"), write_some, &n, &err),
                    "No such file");
    /* The rename fails.  */
    put (in_folder ("d/x"), "x");
    (void) strcpy (err.message, "of an earlier failure");
    assert_int_equal (journal_start (&journal, in_folder ("d"), write_some, &n, &err), -1);
    assert_contains (err.message, "/d");
    assert_int_equal (count_entries (folder), 1);
    assert_int_equal (journal.fd, -1);
}

/* Left by a broker that was killed while it wrote it.  */
static void
a_half_written_new_file_is_begun_anew (void **state)
{
    struct journal journal = {.fd = -1};

    (void) state;
    put (in_folder ("journal.new"), "{\"n\":7}\n{\"n\":8}\n{\"n\":9}\n");
    begin (&journal, 1);
    assert_records (path_of_journal (), "1");
    journal_close (&journal);
}

/* A link in the place of the new file would send the records elsewhere.  */
static void
the_new_file_is_not_written_through_a_link (void **state)
{
    struct journal journal = {.fd = -1};
    struct error err = {0};
    int n = 1;

    (void) state;
    put (in_folder ("victim"), "keep");
    assert_int_equal (symlink ("victim", in_folder ("journal.new")), 0);
    assert_int_equal (journal_start (&journal, path_of_journal (), write_some, &n, &err), -1);
    assert_int_equal (size_of (in_folder ("victim")), 4);
}

/* On a full tmpfs: needs root.  */
static void
on_a_full_disk_the_file_stays_as_it_was (void **state)
{
    struct journal journal = {.fd = -1};
    struct error err = {0};
    char big[6000], before[64];
    off_t size;
    int n = 3;

    (void) state;
    assert_return_code (unshare (CLONE_NEWNS), errno);
    assert_return_code (mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), errno);
    assert_return_code (mount ("journal", folder, "tmpfs", 0, "size=8192"), errno);
    begin (&journal, n);
    size = size_of (path_of_journal ());
    memset (big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    (void) snprintf (before, sizeof before, "1,2,3");
    assert_ok (journal_append (&journal, json_pack ("{s:i s:s}", "n", 4, "big", big), &err));
    size = size_of (path_of_journal ());
    assert_refused (journal_append (&journal, json_pack ("{s:i s:s}", "n", 5, "big", big), &err),
                    "No space left");
    assert_contains (err.message, "/journal");
    assert_int_equal (size_of (path_of_journal ()), size);
    assert_int_equal (journal.bytes, size);
    assert_records (path_of_journal (), "1,2,3,4");
    /* What still fits goes on where it was.  */
    assert_ok (journal_append (&journal, record (6), &err));
    assert_records (path_of_journal (), "1,2,3,4,6");
    /* A new one beside it has no room: the old one stays.  */
    n = 2000;
    assert_int_equal (journal_start (&journal, path_of_journal (), write_some, &n, &err), -1);
    assert_int_equal (count_entries (folder), 1);
    assert_ok (journal_append (&journal, record (7), &err));
    assert_records (path_of_journal (), "1,2,3,4,6,7");
    journal_close (&journal);
    assert_return_code (umount2 (folder, MNT_DETACH), errno);
}

static void
a_record_that_is_none_is_refused (void **state)
{
    struct journal journal = {.fd = -1};
    struct error err = {0};

    (void) state;
    begin (&journal, 1);
    /* json_pack of a text that is no UTF-8.  */
    assert_int_equal (journal_append (&journal, NULL, &err), -1);
    assert_records (path_of_journal (), "1");
    journal_close (&journal);
}

/* --- how long it may become --- */

static void
assert_long_after (struct journal *journal, size_t bytes)
{
    journal->bytes = bytes;
    assert_false (journal_is_long (journal));
    journal->bytes++;
    assert_true (journal_is_long (journal));
}

static void
a_journal_is_long_at_twice_what_it_needs_and_a_megabyte (void **state)
{
    struct journal journal = {.fd = -1};

    (void) state;
    assert_long_after (&journal, 1 << 20);
    journal.needed = 3 << 20;
    assert_long_after (&journal, 7 << 20);
}

/* Two hundred leases with much to tell: else each further record would write them all again.  */
static void
what_was_just_started_anew_is_not_long (void **state)
{
    struct journal journal = {.fd = -1};
    size_t bytes;

    (void) state;
    begin (&journal, 200000);
    bytes = journal.bytes;
    assert_true (bytes > 2 << 20);
    assert_long_after (&journal, 2 * bytes + (1 << 20));
    begin (&journal, 1);
    assert_true (journal.bytes < 100);
    assert_long_after (&journal, 2 * journal.bytes + (1 << 20));
    journal_close (&journal);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        unit_test_in_folder (no_file_is_no_record_and_no_word_of_error),
        unit_test_in_folder (records_come_back_in_their_order),
        unit_test_in_folder (a_record_may_be_text_already),
        unit_test_in_folder (a_record_is_one_line_whatever_it_says),
        unit_test_in_folder (the_journal_is_roots_alone),
        unit_test_in_folder (a_new_start_replaces_all_that_was_there),
        unit_test_in_folder (cut_at_any_byte_the_whole_records_come_back),
        unit_test_in_folder (a_torn_tail_alone_is_no_damage),
        unit_test_in_folder (damaged_lines_are_passed_over_and_counted),
        unit_test_in_folder (garbage_of_any_kind_is_survived),
        unit_test_in_folder (a_journal_that_is_none_is_an_error),
        unit_test_in_folder (a_start_that_fails_leaves_the_old_journal_in_use),
        unit_test_in_folder (a_start_where_none_can_be_says_why),
        unit_test_in_folder (a_half_written_new_file_is_begun_anew),
        unit_test_in_folder (the_new_file_is_not_written_through_a_link),
        unit_test_in_folder (on_a_full_disk_the_file_stays_as_it_was),
        unit_test_in_folder (a_record_that_is_none_is_refused),
        cmocka_unit_test (a_journal_is_long_at_twice_what_it_needs_and_a_megabyte),
        unit_test_in_folder (what_was_just_started_anew_is_not_long),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
