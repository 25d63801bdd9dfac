#include "tests/unit/testing.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "broker/process.h"

/* A child that does nothing until it is killed.  */
static pid_t
idle_child (const char *name)
{
    int ends[2];
    char ready;
    pid_t child;

    assert_return_code (pipe (ends), errno);
    child = fork ();
    if (child == 0) {
        if (name)
            (void) prctl (PR_SET_NAME, name);
        (void) !write (ends[1], "x", 1);
        for (;;)
            (void) pause ();
    }
    (void) close (ends[1]);
    assert_int_equal (read (ends[0], &ready, 1), 1);
    (void) close (ends[0]);
    return child;
}

static int
hold (pid_t pid, uint64_t start)
{
    uint64_t held = start;
    int fd = process_hold (pid, &held);

    if (fd >= 0 && start == 0)
        assert_int_equal (held, process_start_time (pid));
    return fd;
}

static void
end (pid_t child)
{
    assert_int_equal (kill (child, SIGKILL), 0);
    assert_int_equal (waitpid (child, NULL, 0), child);
}

/* What stat(1) of /proc has no field for is compared with the clock: field 22 is in ticks since boot.  */
static void
a_process_started_when_it_did (void **state)
{
    struct timespec now;
    uint64_t start, ticks = (uint64_t) sysconf (_SC_CLK_TCK);
    pid_t child;

    (void) state;
    assert_int_equal (clock_gettime (CLOCK_BOOTTIME, &now), 0);
    child = idle_child (NULL);
    start = process_start_time (child);
    end (child);
    assert_in_range (start, (uint64_t) now.tv_sec * ticks - ticks, ((uint64_t) now.tv_sec + 5) * ticks);
    assert_int_equal (process_start_time (getpid ()), process_start_time (getpid ()));
    assert_true (process_start_time (getpid ()) > 0);
    assert_true (process_start_time (getpid ()) <= start);
}

/* The name stands in parentheses before the fields, and may be anything.  */
static void
a_name_cannot_lie_about_the_time (void **state)
{
    static const char *const names[] = {
        "a b", ") S 1 1 1", "(((", ")))", "a) R 0 0 0", "\n", ")", "1 2 3 4 5 6 7", ") Z 1 1 1",
    };
    pid_t plain = idle_child (NULL);
    uint64_t before = process_start_time (plain);

    (void) state;
    end (plain);
    for (size_t i = 0; i < countof (names); i++) {
        pid_t child = idle_child (names[i]);
        uint64_t start = process_start_time (child);

        end (child);
        if (start < before || start > before + 60 * (uint64_t) sysconf (_SC_CLK_TCK))
            fail_msg ("\"%s\": %" PRIu64 ", after %" PRIu64, names[i], start, before);
    }
}

static void
a_zombie_or_nobody_has_no_start (void **state)
{
    pid_t child = idle_child (NULL);
    siginfo_t info;

    (void) state;
    assert_int_equal (kill (child, SIGKILL), 0);
    assert_int_equal (waitid (P_PID, (id_t) child, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal (process_start_time (child), 0);
    assert_int_equal (hold (child, 0), -1);
    assert_int_equal (waitpid (child, NULL, 0), child);
    assert_int_equal (process_start_time (child), 0);
    assert_int_equal (process_start_time (-1), 0);
    assert_int_equal (process_start_time (INT_MAX), 0);
}

static void
a_process_is_held_until_it_ends (void **state)
{
    pid_t child = idle_child (NULL);
    struct pollfd at = {.fd = hold (child, process_start_time (child)), .events = POLLIN};

    (void) state;
    assert_true (at.fd >= 0);
    assert_true (fcntl (at.fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal (poll (&at, 1, 0), 0);
    end (child);
    assert_int_equal (poll (&at, 1, 5000), 1);
    (void) close (at.fd);
    child = idle_child (NULL);
    at.fd = hold (child, 0);
    assert_true (at.fd >= 0);
    (void) close (at.fd);
    end (child);
}

/* A pid that was used again is another process, with another start: holding it would keep a dead lease.  */
static void
who_has_the_pid_but_not_the_start_is_not_held (void **state)
{
    pid_t child = idle_child (NULL);
    uint64_t start = process_start_time (child);
    int lowest = dup (0);

    (void) state;
    assert_int_equal (hold (child, start - 1), -1);
    assert_int_equal (hold (child, start + 1), -1);
    assert_int_equal (hold (child, 1), -1);
    end (child);
    assert_int_equal (hold (child, start), -1);
    assert_int_equal (hold (0, 0), -1);
    assert_int_equal (hold (-1, 0), -1);
    /* No descriptor is left behind by any of these.  */
    (void) close (lowest);
    assert_int_equal (dup (0), lowest);
    (void) close (lowest);
}

/* 0: it is known not to be another's.  */
static void
it_is_opened_without_a_start_or_with_the_right_one (void **state)
{
    pid_t child = idle_child (NULL);
    uint64_t start = process_start_time (child);
    int any = process_open (child, 0), its = process_open (child, start);

    (void) state;
    assert_true (any >= 0 && its >= 0);
    (void) close (any);
    (void) close (its);
    errno = 0;
    assert_int_equal (process_open (child, start + 1), -1);
    assert_int_equal (errno, ESRCH);
    end (child);
    assert_int_equal (process_open (child, 0), -1);
    assert_int_equal (errno, ESRCH);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (a_process_started_when_it_did),
        cmocka_unit_test (a_name_cannot_lie_about_the_time),
        cmocka_unit_test (a_zombie_or_nobody_has_no_start),
        cmocka_unit_test (a_process_is_held_until_it_ends),
        cmocka_unit_test (who_has_the_pid_but_not_the_start_is_not_held),
        cmocka_unit_test (it_is_opened_without_a_start_or_with_the_right_one),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
