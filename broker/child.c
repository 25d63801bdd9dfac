#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../oci/cleanup.h"

static int
keep_capabilities (const struct child *child)
{
    cap_t caps = cap_init ();
    int r = -1;

    if (caps && cap_set_flag (caps, CAP_PERMITTED, child->n_caps, child->caps, CAP_SET) == 0
        && cap_set_flag (caps, CAP_EFFECTIVE, child->n_caps, child->caps, CAP_SET) == 0) {
        r = cap_set_proc (caps);
        if (r < 0 && errno == EPERM && cap_clear (caps) == 0)
            r = cap_set_proc (caps);
    }
    if (caps)
        (void) cap_free (caps);
    return r < 0 ? -1 : prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static int
allow_calls (scmp_filter_ctx filter, const int *calls, size_t n)
{
    int r = 0;

    for (size_t i = 0; i < n && r == 0; i++)
        r = seccomp_rule_add (filter, SCMP_ACT_ALLOW, calls[i], 0);
    return r;
}

static int
allow_few_calls (const struct child *child)
{
    static const int always[] = {
        SCMP_SYS (recvfrom),   SCMP_SYS (sendto), /* the broker */
        SCMP_SYS (brk),        SCMP_SYS (mmap),   SCMP_SYS (munmap),       SCMP_SYS (madvise), /* malloc */
        SCMP_SYS (write),                                                                      /* stderr */
        SCMP_SYS (close),      SCMP_SYS (read),   SCMP_SYS (rt_sigreturn), SCMP_SYS (restart_syscall),
        SCMP_SYS (exit_group),
    };
    scmp_filter_ctx filter = seccomp_init (SCMP_ACT_KILL_PROCESS);
    int r = filter ? allow_calls (filter, always, countof (always)) : -ENOMEM;

    if (r == 0)
        r = allow_calls (filter, child->calls, child->n_calls);
    if (r == 0)
        r = seccomp_load (filter);
    seccomp_release (filter);
    return r;
}

/* Its own end, and where it can complain.  */
static int
keep_two_descriptors (int *fd)
{
    int null = open ("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0 || dup2 (null, STDIN_FILENO) < 0 || dup2 (null, STDOUT_FILENO) < 0
        || (*fd != STDERR_FILENO + 1 && dup2 (*fd, STDERR_FILENO + 1) < 0))
        return -1;
    *fd = STDERR_FILENO + 1;
    return close_range (STDERR_FILENO + 2, ~0U, 0);
}

static void __attribute__ ((noreturn)) run (const struct child *child, int fd)
{
    (void) prctl (PR_SET_NAME, child->name);
    /* systemd and terminals signal all parts: this one ends when the broker has.  */
    (void) signal (SIGTERM, SIG_IGN);
    (void) signal (SIGINT, SIG_IGN);
    (void) signal (SIGHUP, SIG_IGN);
    if (keep_two_descriptors (&fd) < 0 || keep_capabilities (child) < 0
        || (child->calls && allow_few_calls (child) < 0)) {
        (void) fprintf (stderr, "dri-broker: %s cannot confine itself: %m\n", child->name);
        _exit (1);
    }
    child->serve (fd, child->data);
    _exit (0);
}

int
child_start (const struct child *child, struct error *err)
{
    int ends[2];
    pid_t pid;

    if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return error_set (err, errno, "socketpair");
    pid = fork ();
    if (pid == 0) {
        (void) close (ends[0]);
        run (child, ends[1]);
    }
    (void) close (ends[1]);
    if (pid < 0) {
        (void) error_set (err, errno, "fork");
        (void) close (ends[0]);
        return -1;
    }
    return ends[0];
}

int
child_died (sd_event_source *source, const char *name)
{
    (void) fprintf (stderr, "%s died, and dri-broker with it\n", name);
    return sd_event_exit (sd_event_source_get_event (source), -EPIPE);
}
