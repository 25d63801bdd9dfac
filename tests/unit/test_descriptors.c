#include "tests/unit/testing.h"

#include <sys/wait.h>

#include "hook/descriptors.h"

enum { OPENED = 40 };

static bool
is_among (int fd, const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fds[i] == fd)
            return true;
    return false;
}

/* What is left in a child that had OPENED descriptors from 0 on, in one word; its exit status.  */
static int
run_child (const int *kept, size_t n)
{
    pid_t child = fork ();
    int status = 0;

    assert_true (child >= 0);
    if (child == 0) {
        int null = open ("/dev/null", O_RDONLY);

        for (int fd = 0; fd < OPENED; fd++)
            if (fd != null)
                (void) dup2 (null, fd);
        if (descriptors_keep (kept, n) < 0)
            _exit (2);
        for (int fd = 0; fd < 1024; fd++)
            if ((fcntl (fd, F_GETFD) >= 0) != is_among (fd, kept, n))
                _exit (3);
        _exit (0);
    }
    assert_int_equal (waitpid (child, &status, 0), child);
    assert_true (WIFEXITED (status));
    return WEXITSTATUS (status);
}

static void
only_what_is_named_stays_open (void **state)
{
    static const int high[] = {30, 7, -1, 12, 13, 15, 7};
    static const int low[] = {2, 0, 1};
    static const int last[] = {OPENED - 1};

    (void) state;
    assert_int_equal (run_child (high, countof (high)), 0);
    assert_int_equal (run_child (low, countof (low)), 0);
    assert_int_equal (run_child (last, countof (last)), 0);
    assert_int_equal (run_child (NULL, 0), 0);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (only_what_is_named_stays_open),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
