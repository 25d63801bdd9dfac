/* The first half of the box, entered by root, from whom the most has to be taken. The rest of it is tested
 * from within by a driver (tests/probe.bats).  */
#include "tests/unit/testing.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "hook/confine.h"

/* In the box stdio is of no use: 3 is the only way out.  */
static void
say (const char *name, bool holds)
{
    if (!holds) {
        (void) !write (CONFINE_REPORT, name, strlen (name));
        (void) !write (CONFINE_REPORT, "; ", 2);
    }
}

static bool
status_has (const char *line)
{
    char text[4096] = "";
    int fd = open ("/proc/self/status", O_RDONLY);

    (void) !read (fd, text, sizeof text - 1);
    (void) close (fd);
    return strstr (text, line) != NULL;
}

static bool
limit_is (__rlimit_resource_t resource, rlim_t most)
{
    struct rlimit limit;

    return getrlimit (resource, &limit) == 0 && limit.rlim_max <= most && limit.rlim_cur <= limit.rlim_max;
}

static void
look_around (pid_t parent)
{
    int signo = 0;
    char session[40];

    (void) snprintf (session, sizeof session, "\nNSsid:\t%d\n", (int) getpid ());
    say ("effective", status_has ("CapEff:\t0000000000000000"));
    say ("permitted", status_has ("CapPrm:\t0000000000000000"));
    say ("inheritable", status_has ("CapInh:\t0000000000000000"));
    say ("no_new_privs", status_has ("NoNewPrivs:\t1"));
    say ("seccomp", status_has ("Seccomp:\t2"));
    say ("blocked", status_has ("SigBlk:\t0000000000000000"));
    say ("ignored", status_has ("SigIgn:\t0000000000000000"));
    say ("session", status_has (session));
    say ("typing", ioctl (CONFINE_NODE, TIOCSTI, "x") < 0 && errno == EPERM);
    say ("typing, in 64 bits",
         syscall (SYS_ioctl, CONFINE_NODE, 0x100000000UL | TIOCSTI, "x") < 0 && errno == EPERM);
    say ("the console", ioctl (CONFINE_NODE, TIOCLINUX, "x") < 0 && errno == EPERM);
    say ("other requests", ioctl (CONFINE_NODE, TIOCGWINSZ, &signo) < 0 && errno == ENOTTY);
    say ("group", getpgrp () == getpid () && getppid () == parent);
    say ("files", limit_is (RLIMIT_NOFILE, 64));
    say ("core", limit_is (RLIMIT_CORE, 1));
    say ("time", limit_is (RLIMIT_CPU, 8));
    say ("size", limit_is (RLIMIT_FSIZE, 16 << 20));
    say ("processes", limit_is (RLIMIT_NPROC, 16384));
#ifndef SANITIZE
    say ("memory", limit_is (RLIMIT_DATA, (rlim_t) CONFINE_MEMORY_MIB << 20));
#endif
    say ("program stays open", fcntl (CONFINE_PROGRAM, F_GETFD) == FD_CLOEXEC);
    say ("node closed", fcntl (CONFINE_NODE, F_GETFD) == 0);
    say ("exec", execl ("/bin/true", "true", NULL) < 0 && errno == EPERM);
    say ("death signal", prctl (PR_GET_PDEATHSIG, &signo) < 0 && errno == EPERM);
}

static void
box (char *said, size_t size, pid_t parent, const int fds[4])
{
    struct error err = {0};
    sigset_t all;
    ssize_t n;
    int ends[2];
    pid_t child;

    assert_return_code (pipe (ends), errno);
    child = fork ();
    if (child == 0) {
        const struct confine confine = {.null = fds[0],
                                        .report = ends[1],
                                        .node = fds[1],
                                        .program = fds[2],
                                        .parent = parent,
                                        .cpu_seconds = 7};

        /* As of crun.  */
        (void) sigfillset (&all);
        (void) sigprocmask (SIG_BLOCK, &all, NULL);
        (void) signal (SIGPIPE, SIG_IGN);
        /* As of a caller without standard streams.  */
        for (int i = 0; fds[0] > 2 && i <= 2; i++)
            (void) close (i);
        if (confine_descriptors (&confine, &err) < 0)
            (void) !write (ends[1], err.message, strlen (err.message));
        else if (confine_enter (&confine, &err) < 0)
            (void) !write (CONFINE_REPORT, err.message, strlen (err.message));
        else
            look_around (parent);
        _exit (0);
    }
    (void) close (ends[1]);
    n = read (ends[0], said, size - 1);
    said[n > 0 ? n : 0] = '\0';
    (void) close (ends[0]);
    (void) waitpid (child, NULL, 0);
}

/* Low numbers that collide with the places are the rule where the caller has little open.  */
static void
everything_is_taken (void **state)
{
    char said[1000];

    (void) state;
    for (unsigned round = 0; round < 3; round++) {
        const int null = open ("/dev/null", O_RDWR | O_CLOEXEC);
        const int program = open ("/bin/true", O_RDONLY | O_CLOEXEC);
        const int orders[3][4] = {{null, null, program}, {program, null, program}, {null, program, program}};

        box (said, sizeof said, getpid (), orders[round]);
        assert_string_equal (said, "");
        (void) close (null);
        (void) close (program);
    }
}

static void
it_is_not_entered_without_its_parent (void **state)
{
    const int fds[4] = {0, 0, 0, 0};
    char said[1000];

    (void) state;
    box (said, sizeof said, 1, fds);
    assert_contains (said, "whoever asked is gone");
}

static void
it_is_not_entered_without_its_descriptors (void **state)
{
    const int fds[4] = {0, 999, 0, 0};
    char said[1000];

    (void) state;
    box (said, sizeof said, getpid (), fds);
    assert_contains (said, "descriptors: Bad file descriptor");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (everything_is_taken),
        cmocka_unit_test (it_is_not_entered_without_its_parent),
        cmocka_unit_test (it_is_not_entered_without_its_descriptors),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
