#include "tests/unit/testing.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "oci/below.h"

static int
open_folder (void)
{
    int fd = open (in_folder ("."), O_PATH | O_DIRECTORY | O_CLOEXEC);

    assert_true (fd >= 0);
    return fd;
}

static void
make_folder (const char *name)
{
    assert_int_equal (mkdir (in_folder ("%s", name), 0755), 0);
}

static void
a_link_does_not_lead_out (void **state)
{
    int root = open_folder (), fd;

    (void) state;
    put (in_folder ("own"), "x");
    assert_int_equal (symlink ("/../../own", in_folder ("link")), 0);
    fd = open_below (root, "link", O_RDONLY, RESOLVE_IN_ROOT);
    assert_true (fd >= 0);
    assert_int_equal (fcntl (fd, F_GETFD), FD_CLOEXEC);
    close (fd);
    assert_int_equal (open_below (root, "link", O_RDONLY, RESOLVE_BENEATH), -1);
    assert_int_equal (errno, EXDEV);
    assert_int_equal (open_below (root, "none", O_RDONLY, RESOLVE_IN_ROOT), -1);
    assert_int_equal (errno, ENOENT);
    close (root);
}

/* Without another try some in ten thousand fail, where there are two CPUs.  */
static void
what_is_renamed_elsewhere_meanwhile_is_no_failure (void **state)
{
    int root = open_folder (), busy[2];
    pid_t child;

    (void) state;
    make_folder ("a");
    make_folder ("b");
    put (in_folder ("f"), "x");
    assert_int_equal (pipe2 (busy, O_CLOEXEC), 0);
    child = fork ();
    assert_true (child >= 0);
    if (child == 0) {
        char from[PATH_MAX], to[PATH_MAX];

        (void) prctl (PR_SET_PDEATHSIG, SIGKILL);
        (void) snprintf (from, sizeof from, "%s", in_folder ("b"));
        (void) snprintf (to, sizeof to, "%s", in_folder ("c"));
        if (write (busy[1], "", 1) != 1)
            _exit (1);
        for (;;) {
            (void) rename (from, to);
            (void) rename (to, from);
        }
    }
    assert_int_equal (read (busy[0], (char[1]){0}, 1), 1);
    for (unsigned i = 0; i < 60000; i++) {
        int fd = open_below (root, "a/../a/../a/../f", O_RDONLY, RESOLVE_IN_ROOT);

        assert_true (fd >= 0);
        close (fd);
    }
    assert_int_equal (kill (child, SIGKILL), 0);
    assert_int_equal (waitpid (child, NULL, 0), child);
    close (busy[0]);
    close (busy[1]);
    close (root);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        unit_test_in_folder (a_link_does_not_lead_out),
        unit_test_in_folder (what_is_renamed_elsewhere_meanwhile_is_no_failure),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
