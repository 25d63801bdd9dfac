#include "boxed.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../oci/cleanup.h"
#include "../oci/clock.h"
#include "confine.h"

enum { GRACE_MS = 1000 };

/* --- the child --- */

static void
begin (const struct box *box, int report, enum box_stage stage)
{
    if (box->begin)
        box->begin (report, stage);
}

static void __attribute__ ((noreturn)) run_child (const struct box *box, int report, pid_t parent)
{
    struct confine confine = {.null = box->null,
                              .report = report,
                              .program = box->program,
                              .parent = parent,
                              .cpu_seconds = box->deadline_ms / 1000 + 1,
                              .talks = box->talks};
    enum box_stage stage = BOX_ENTERS;
    struct error err = {0};

    /* Before it comes near the container: in our session it could type into the caller's terminal.  */
    (void) setsid ();
    begin (box, report, stage);
    confine.node = box->enter (box->data, &confine.program, &err);
    if (confine.node >= 0) {
        begin (box, report, BOX_STARTS);
        stage = BOX_IS_CLOSED;
        if (confine_descriptors (&confine, &err) == 0) {
            report = CONFINE_REPORT;
            if (confine_enter (&confine, &err) == 0) {
                stage = BOX_STARTS;
                (void) syscall (SYS_execveat, CONFINE_PROGRAM, "", box->arguments, box->environment,
                                AT_EMPTY_PATH);
                (void) error_set (&err, errno, "execute it");
            }
        }
    }
    box->fail (report, stage, box->data, &err);
    _exit (1);
}

/* --- the parent --- */

static int
wait_readable (int fd, int64_t deadline)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int r;

    do {
        int64_t left = deadline - clock_ms ();

        r = poll (&p, 1, left > 0 ? (int) left : 0);
    } while (r < 0 && errno == EINTR);
    return r;
}

static void
read_text (struct outcome *outcome, int in, int64_t deadline)
{
    while (!outcome->late && !outcome->flooded) {
        ssize_t n;

        if (wait_readable (in, deadline) <= 0) {
            outcome->late = true;
            return;
        }
        n = read (in, outcome->text + outcome->len, sizeof outcome->text - outcome->len);
        if (n <= 0)
            return;
        outcome->len += (size_t) n;
        outcome->flooded = outcome->len == sizeof outcome->text;
    }
}

static void
reap (struct outcome *outcome, pid_t child)
{
    struct rusage usage;

    outcome->ended = wait4 (child, &outcome->status, WNOHANG, &usage) == child;
    if (outcome->ended)
        outcome->memory_kib = usage.ru_maxrss;
}

/* Who closes the pipe and goes on is waited for no longer than the deadline either.  */
static void
attend (struct outcome *outcome, pid_t child, int in, int64_t deadline)
{
    _cleanup_close_ int process = (int) syscall (SYS_pidfd_open, child, 0);

    read_text (outcome, in, deadline);
    if (!outcome->late && !outcome->flooded && process >= 0)
        outcome->late = wait_readable (process, deadline) <= 0;
    /* The group is the child's once it has its session; its own number, in case it has none yet.  */
    (void) kill (-child, SIGKILL);
    (void) kill (child, SIGKILL);
    if (process >= 0)
        (void) wait_readable (process, clock_ms () + GRACE_MS);
    reap (outcome, child);
}

int
box_run (const struct box *box, struct outcome *outcome)
{
    const int64_t deadline = clock_ms () + box->deadline_ms;
    const pid_t self = getpid ();
    _cleanup_close_ int in = -1;
    int ends[2];
    pid_t child;

    outcome->len = 0;
    outcome->late = outcome->flooded = outcome->ended = false;
    outcome->memory_kib = 0;
    if (pipe2 (ends, O_CLOEXEC) < 0)
        return -1;
    in = ends[0];
    child = box->fork ? box->fork (box->data) : fork ();
    if (child == 0) {
        (void) close (in);
        run_child (box, ends[1], self);
    }
    (void) close (ends[1]);
    if (child < 0)
        return -1;
    attend (outcome, child, in, deadline);
    return 0;
}
