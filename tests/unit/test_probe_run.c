/* The parent's side: whatever becomes of what it starts, there is a report, and no process is left. What is
 * started here is not dri-probe (tests/probe.bats has that) but what ends as it may end in some image.  */
#include "tests/unit/testing.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "hook/probe_run.h"

static int
open_null (void *data, struct error *err)
{
    (void) data;
    (void) err;
    return open ("/dev/null", O_RDWR | O_CLOEXEC);
}

static json_t *
run (const char *program, int (*open_node) (void *data, struct error *err), void *data)
{
    static char *const environment[] = {NULL};
    const struct probe probe = {
        .program = open (program, O_RDONLY | O_CLOEXEC),
        .null = open ("/dev/null", O_RDWR | O_CLOEXEC),
        .open_node = open_node,
        .data = data,
        .device = "/dev/dri/renderD128",
        .level = PROBE_DRIVER,
        .require = "",
        .environment = environment,
        .deadline_ms = 1000,
    };
    json_t *report = probe_run (&probe);

    (void) close (probe.program);
    (void) close (probe.null);
    /* Reaped: there is no child any more.  */
    assert_int_equal (waitpid (-1, NULL, WNOHANG), -1);
    assert_int_equal (errno, ECHILD);
    return report;
}

static void
assert_verdict (json_t *report, const char *reason, const char *words)
{
    assert_string_equal (json_string_value (json_object_get (report, "reason")), reason);
    assert_contains (json_string_value (json_object_get (report, "message")), words);
    assert_true (json_is_false (json_object_get (report, "ok")));
    json_decref (report);
}

static int
fail_to_open (void *data, struct error *err)
{
    return error_set (err, *(int *) data, "open it");
}

static void
each_errno_of_the_open_has_its_reason (void **state)
{
    static const struct {
        int error;
        const char *reason;
    } cases[] = {
        {ENOENT, "no-node"},    {EACCES, "not-permitted"}, {EPERM, "device-cgroup"},
        {ENXIO, "no-driver"},   {ENODEV, "no-driver"},     {0, "not-drm"},
        {EMFILE, "not-opened"}, {EIO, "not-opened"},
    };

    (void) state;
    for (size_t i = 0; i < countof (cases); i++) {
        int error = cases[i].error;
        json_t *report = run ("/bin/true", fail_to_open, &error);

        assert_true (json_is_null (json_object_get (report, "verified")));
        assert_verdict (report, cases[i].reason, "open it");
    }
}

static int
hang (void *data, struct error *err)
{
    (void) data;
    (void) err;
    (void) pause ();
    return -1;
}

static void
an_open_that_hangs_is_told (void **state)
{
    (void) state;
    assert_verdict (run ("/bin/true", hang, NULL), "hung", "no answer in 1 s while opening the node");
}

static int
crash (void *data, struct error *err)
{
    (void) data;
    (void) err;
    (void) raise (SIGKILL);
    return -1;
}

static void
an_open_that_kills_is_told (void **state)
{
    (void) state;
    assert_verdict (run ("/bin/true", crash, NULL), "crashed", "while opening the node");
}

/* As by a loader that finds the C library too old: it exits, without a word.  */
static void
a_program_that_does_not_speak_did_not_start (void **state)
{
    (void) state;
    assert_verdict (run ("/bin/true", open_null, NULL), "not-started", "glibc 2.34");
    assert_verdict (run ("/bin/false", open_null, NULL), "not-started", "exit status 1");
}

/* As in an image with musl: the loader of glibc is nowhere.  */
static int
hide_loader (void *data, struct error *err)
{
    (void) data;
    (void) err;
    if (unshare (CLONE_NEWNS) < 0 || mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0
        || mount ("none", "/lib64", "tmpfs", 0, NULL) < 0)
        _exit (99);
    return open_null (NULL, NULL);
}

static void
without_a_loader_it_does_not_start (void **state)
{
    (void) state;
    assert_verdict (run ("/bin/true", hide_loader, NULL), "not-started", "no dynamic loader of glibc");
}

/* As after the caller's death; the report is then in its place already.  */
static int
become_orphan (void *data, struct error *err)
{
    (void) data;
    (void) err;
    if (fork () > 0)
        _exit (0);
    while (getppid () == *(pid_t *) data)
        (void) sched_yield ();
    return open_null (NULL, NULL);
}

static void
a_box_that_cannot_be_closed_is_not_used (void **state)
{
    pid_t self;

    (void) state;
    self = getpid ();
    assert_verdict (run ("/bin/true", become_orphan, &self), "not-started", "whoever asked is gone");
}

static void
what_is_no_program_is_told (void **state)
{
    (void) state;
    assert_verdict (run ("/etc/passwd", open_null, NULL), "not-started", "Permission denied");
    assert_verdict (run ("/nonesuch", open_null, NULL), "not-started", "Bad file descriptor");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (each_errno_of_the_open_has_its_reason),
        cmocka_unit_test (an_open_that_hangs_is_told),
        cmocka_unit_test (an_open_that_kills_is_told),
        cmocka_unit_test (a_program_that_does_not_speak_did_not_start),
        cmocka_unit_test (without_a_loader_it_does_not_start),
        cmocka_unit_test (a_box_that_cannot_be_closed_is_not_used),
        cmocka_unit_test (what_is_no_program_is_told),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
