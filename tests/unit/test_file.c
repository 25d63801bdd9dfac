#include "tests/unit/testing.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "oci/file.h"

static void
assert_text (const char *path, const char *wanted)
{
    struct error err = {0};
    char *text;
    size_t len;

    assert_ok (file_read (path, 1 << 20, &text, &len, &err));
    assert_int_equal (len, strlen (wanted));
    assert_string_equal (text, wanted);
    free (text);
}

static void
a_file_is_read_whole_and_terminated (void **state)
{
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 100000};
    static char data[100000];

    (void) state;
    memset (data, 'x', sizeof data);
    data[17] = '\0'; /* bytes, not a string */
    for (size_t i = 0; i < countof (sizes); i++) {
        struct error err = {0};
        char *text;
        size_t len;

        put_bytes (in_folder ("f"), data, sizes[i]);
        assert_ok (file_read (in_folder ("f"), sizeof data, &text, &len, &err));
        assert_int_equal (len, sizes[i]);
        assert_memory_equal (text, data, len);
        assert_int_equal (text[len], '\0');
        free (text);
    }
}

/* stat says 0 bytes of everything in /proc.  */
static void
a_file_without_a_size_is_read_whole (void **state)
{
    struct error err = {0};
    char *text;
    size_t len;

    (void) state;
    assert_ok (file_read ("/proc/self/mountinfo", 1 << 20, &text, &len, &err));
    assert_true (len > 0 && text[len - 1] == '\n' && strlen (text) == len);
    free (text);
}

static void
at_most_max_bytes_are_read (void **state)
{
    struct error err = {0};
    char *text = NULL;
    size_t len;

    (void) state;
    put (in_folder ("f"), "12345678");
    assert_ok (file_read (in_folder ("f"), 8, &text, &len, &err));
    free (text);
    text = NULL;
    assert_refused (file_read (in_folder ("f"), 7, &text, &len, &err), "has 8 bytes, at most 7");
    assert_int_equal (err.status, EFBIG);
    /* What has no size must be stopped while it is read. Our name and a newline are ten bytes.  */
    assert_int_equal (file_read ("/proc/self/comm", 9, &text, &len, &err), -1);
    assert_int_equal (err.status, EFBIG);
    assert_null (text);
    assert_ok (file_read ("/proc/self/comm", 10, &text, &len, &err));
    assert_string_equal (text, "test_file\n");
    free (text);
}

static void
a_missing_file_is_named (void **state)
{
    struct error err = {0};
    char *text;
    size_t len;

    (void) state;
    assert_refused (file_read (in_folder ("none"), 8, &text, &len, &err), "/none: No such file");
    assert_int_equal (err.status, ENOENT);
}

/* The alarm kills a test that hangs.  */
static void
a_fifo_or_folder_or_device_is_refused_at_once (void **state)
{
    static const char *const names[] = {"fifo", "folder"};
    struct error err = {0};
    char *text;
    size_t len;

    (void) state;
    assert_return_code (mkfifo (in_folder ("fifo"), 0600), errno);
    assert_return_code (mkdir (in_folder ("folder"), 0700), errno);
    (void) alarm (10);
    for (size_t i = 0; i < countof (names); i++) {
        assert_refused (file_read (in_folder ("%s", names[i]), 8, &text, &len, &err), "not a regular file");
        assert_int_equal (err.status, EINVAL);
    }
    assert_refused (file_read ("/dev/zero", 8, &text, &len, &err), "not a regular file");
    (void) alarm (0);
}

static void
a_link_is_followed_when_reading (void **state)
{
    (void) state;
    put (in_folder ("f"), "text");
    assert_return_code (symlink ("f", in_folder ("link")), errno);
    assert_text (in_folder ("link"), "text");
}

static void
replace_keeps_mode_and_owner (void **state)
{
    static const mode_t modes[] = {0600, 0644, 0640, 0777, 0400};
    struct error err = {0};
    struct stat st;

    (void) state;
    for (size_t i = 0; i < countof (modes); i++) {
        put (in_folder ("f"), "old");
        assert_return_code (chmod (in_folder ("f"), modes[i]), errno);
        assert_return_code (chown (in_folder ("f"), i % 2 ? 1234 : 0, i < 3 ? 2345 : 0), errno);
        assert_ok (file_replace (in_folder ("f"), "new", 3, &err));
        assert_text (in_folder ("f"), "new");
        assert_return_code (stat (in_folder ("f"), &st), errno);
        assert_int_equal (st.st_mode & 07777, modes[i]);
        assert_int_equal (st.st_uid, i % 2 ? 1234 : 0);
        assert_int_equal (st.st_gid, i < 3 ? 2345 : 0);
        assert_return_code (unlink (in_folder ("f")), errno);
    }
}

/* New files in a set-gid folder get the folder's group.  */
static void
replace_keeps_the_group_in_a_setgid_folder (void **state)
{
    struct error err = {0};
    struct stat st;

    (void) state;
    put (in_folder ("f"), "old");
    assert_return_code (chown (folder, 0, 2345), errno);
    assert_return_code (chmod (folder, 02755), errno);
    assert_ok (file_replace (in_folder ("f"), "new", 3, &err));
    assert_return_code (stat (in_folder ("f"), &st), errno);
    assert_int_equal (st.st_gid, 0);
}

/* The link becomes a file: what it points to belongs to somebody else.  */
static void
replace_takes_the_place_of_a_link_and_leaves_its_target (void **state)
{
    struct error err = {0};
    struct stat st;

    (void) state;
    put (in_folder ("target"), "old");
    assert_return_code (symlink ("target", in_folder ("f")), errno);
    assert_ok (file_replace (in_folder ("f"), "new", 3, &err));
    assert_return_code (lstat (in_folder ("f"), &st), errno);
    assert_true (S_ISREG (st.st_mode));
    assert_text (in_folder ("f"), "new");
    assert_text (in_folder ("target"), "old");
}

static void
replace_wants_a_file_that_is_there (void **state)
{
    struct error err = {0};

    (void) state;
    assert_refused (file_replace (in_folder ("none"), "new", 3, &err), "/none: No such file");
    assert_int_equal (count_entries (folder), 0);
}

static void
a_failed_replace_leaves_the_old_text_and_nothing_else (void **state)
{
    static char big[100000];
    struct rlimit limit, small;
    struct error err = {0};
    int r;

    (void) state;
    put (in_folder ("f"), "old");
    assert_return_code (getrlimit (RLIMIT_FSIZE, &limit), errno);
    small = limit;
    small.rlim_cur = 50000;
    (void) signal (SIGXFSZ, SIG_IGN);
    assert_return_code (setrlimit (RLIMIT_FSIZE, &small), errno);
    r = file_replace (in_folder ("f"), big, sizeof big, &err);
    assert_return_code (setrlimit (RLIMIT_FSIZE, &limit), errno);
    (void) signal (SIGXFSZ, SIG_DFL);
    assert_int_equal (r, -1);
    assert_int_equal (err.status, EFBIG);
    assert_text (in_folder ("f"), "old");
    assert_int_equal (count_entries (folder), 1);
    /* A folder cannot be replaced by rename.  */
    assert_return_code (mkdir (in_folder ("d"), 0755), errno);
    assert_int_equal (file_replace (in_folder ("d"), "new", 3, &err), -1);
    assert_int_equal (count_entries (folder), 2);
}

static bool done;

static void *
replace_often (void *text)
{
    static char path[PATH_MAX];
    struct error err;

    (void) snprintf (path, sizeof path, "%s/f", folder);
    for (unsigned i = 0; i < 300; i++)
        (void) file_replace (path, (char *) text + (i % 2 ? 0 : 60000), i % 2 ? 60000 : 40000, &err);
    __atomic_store_n (&done, true, __ATOMIC_RELEASE);
    return NULL;
}

static void
a_reader_sees_the_old_text_or_the_new (void **state)
{
    static char text[100001];
    char path[PATH_MAX];
    unsigned reads = 0;
    pthread_t writer;

    (void) state;
    (void) snprintf (path, sizeof path, "%s/f", folder);
    memset (text, 'a', 60000);
    memset (text + 60000, 'b', 40000);
    put_bytes (path, text, 60000);
    done = false;
    assert_int_equal (pthread_create (&writer, NULL, replace_often, text), 0);
    while (!__atomic_load_n (&done, __ATOMIC_ACQUIRE) || reads == 0) {
        struct error err = {0};
        char *now;
        size_t len;

        assert_ok (file_read (path, 1 << 20, &now, &len, &err));
        assert_true ((len == 60000 && strspn (now, "a") == len)
                     || (len == 40000 && strspn (now, "b") == len));
        free (now);
        reads++;
    }
    assert_int_equal (pthread_join (writer, NULL), 0);
}

static char pattern[200000];
static volatile sig_atomic_t interruptions;

static void
interrupt (int number)
{
    (void) number;
    interruptions++;
}

static void *
drain (void *fd)
{
    static char data[sizeof pattern + 1000];
    size_t len = 0;
    ssize_t n;

    while ((n = read (*(int *) fd, data + len, 1000)) > 0 && len < sizeof pattern) {
        (void) usleep (300);
        len += (size_t) n;
    }
    return len == sizeof pattern && memcmp (data, pattern, len) == 0 ? data : NULL;
}

/* A signal cuts a write to a full pipe short, or makes it EINTR: all has to come through all the same.  */
static void
write_all_goes_on_after_an_interruption (void **state)
{
    struct sigaction action = {.sa_handler = interrupt};
    struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    sigset_t alarms;
    pthread_t reader;
    void *result;
    int ends[2];

    (void) state;
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (char) (i % 251);
    assert_return_code (pipe2 (ends, O_CLOEXEC), errno);
    (void) sigemptyset (&alarms);
    (void) sigaddset (&alarms, SIGALRM);
    assert_int_equal (pthread_sigmask (SIG_BLOCK, &alarms, NULL), 0);
    assert_int_equal (pthread_create (&reader, NULL, drain, &ends[0]), 0);
    assert_int_equal (sigaction (SIGALRM, &action, NULL), 0);
    assert_int_equal (pthread_sigmask (SIG_UNBLOCK, &alarms, NULL), 0);
    assert_int_equal (setitimer (ITIMER_REAL, &often, NULL), 0);
    assert_int_equal (write_all (ends[1], pattern, sizeof pattern), 0);
    assert_int_equal (setitimer (ITIMER_REAL, &never, NULL), 0);
    assert_true (interruptions > 0);
    assert_return_code (close (ends[1]), errno);
    assert_int_equal (pthread_join (reader, &result), 0);
    assert_non_null (result);
    assert_return_code (close (ends[0]), errno);
}

static void
a_failed_write_is_told_by_errno (void **state)
{
    (void) state;
    assert_int_equal (write_all (-1, "x", 1), -1);
    assert_int_equal (errno, EBADF);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        unit_test_in_folder (a_file_is_read_whole_and_terminated),
        cmocka_unit_test (a_file_without_a_size_is_read_whole),
        unit_test_in_folder (at_most_max_bytes_are_read),
        unit_test_in_folder (a_missing_file_is_named),
        unit_test_in_folder (a_fifo_or_folder_or_device_is_refused_at_once),
        unit_test_in_folder (a_link_is_followed_when_reading),
        unit_test_in_folder (replace_keeps_mode_and_owner),
        unit_test_in_folder (replace_keeps_the_group_in_a_setgid_folder),
        unit_test_in_folder (replace_takes_the_place_of_a_link_and_leaves_its_target),
        unit_test_in_folder (replace_wants_a_file_that_is_there),
        unit_test_in_folder (a_failed_replace_leaves_the_old_text_and_nothing_else),
        unit_test_in_folder (a_reader_sees_the_old_text_or_the_new),
        cmocka_unit_test (write_all_goes_on_after_an_interruption),
        cmocka_unit_test (a_failed_write_is_told_by_errno),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
