#include "warden.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../oci/cleanup.h"

/* What it does is a handful of system calls that do not wait for anybody.  */
enum { ANSWER_MS = 2000 };

struct call {
    char cgroup[DEVICE_CGROUP_PATH_MAX];
    unsigned n;
    struct device_number devices[DEVICE_CGROUP_DEVICES_MAX];
};

struct answer {
    bool ok;
    struct error error;
};

/* --- the child --- */

/* Without the capability, as in an unprivileged LXC guest, every request fails with the kernel's own word. */
static int
keep_sys_admin (void)
{
    const cap_value_t kept = CAP_SYS_ADMIN;
    cap_t caps = cap_init ();
    int r = -1;

    if (caps && cap_set_flag (caps, CAP_PERMITTED, 1, &kept, CAP_SET) == 0
        && cap_set_flag (caps, CAP_EFFECTIVE, 1, &kept, CAP_SET) == 0) {
        r = cap_set_proc (caps);
        if (r < 0 && errno == EPERM && cap_clear (caps) == 0)
            r = cap_set_proc (caps);
    }
    if (caps)
        (void) cap_free (caps);
    return r < 0 ? -1 : prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static int
allow_few_calls (void)
{
    static const int allowed[] = {
        SCMP_SYS (recvfrom),     SCMP_SYS (sendto), /* the broker */
        SCMP_SYS (statfs),       SCMP_SYS (fstatfs),
        SCMP_SYS (openat),       SCMP_SYS (openat2),
        SCMP_SYS (read),         SCMP_SYS (write),
        SCMP_SYS (close),        SCMP_SYS (bpf), /* the group */
        SCMP_SYS (brk),          SCMP_SYS (mmap),
        SCMP_SYS (munmap),       SCMP_SYS (madvise), /* malloc */
        SCMP_SYS (rt_sigreturn), SCMP_SYS (restart_syscall),
        SCMP_SYS (exit_group), /* libc */
    };
    scmp_filter_ctx filter = seccomp_init (SCMP_ACT_KILL_PROCESS);
    int r = filter ? 0 : -ENOMEM;

    for (size_t i = 0; i < countof (allowed) && r == 0; i++)
        r = seccomp_rule_add (filter, SCMP_ACT_ALLOW, allowed[i], 0);
    if (r == 0)
        r = seccomp_load (filter);
    seccomp_release (filter);
    return r;
}

static int
serve (struct call *call, struct error *err)
{
    _cleanup_close_ int group = -1;

    call->cgroup[sizeof call->cgroup - 1] = '\0';
    group = device_cgroup_open (call->cgroup, err);
    return group < 0 ? -1 : device_cgroup_set_drm (group, call->devices, call->n, err);
}

static void __attribute__ ((noreturn)) run_child (int fd)
{
    static struct call call;
    static struct answer answer;

    (void) prctl (PR_SET_NAME, "dri-warden");
    /* systemd and terminals signal both halves: this one ends when the other has.  */
    (void) signal (SIGTERM, SIG_IGN);
    (void) signal (SIGINT, SIG_IGN);
    (void) signal (SIGHUP, SIG_IGN);
    if (keep_sys_admin () < 0 || allow_few_calls () < 0) {
        perror ("dri-broker: the warden cannot confine itself");
        _exit (1);
    }
    while (recv (fd, &call, sizeof call, 0) == (ssize_t) sizeof call) {
        answer.ok = serve (&call, &answer.error) == 0;
        if (send (fd, &answer, sizeof answer, MSG_NOSIGNAL) < 0)
            break;
    }
    _exit (0);
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

/* --- the broker --- */

int
warden_start (struct warden *warden, struct error *err)
{
    int ends[2];
    pid_t child;

    if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return error_set (err, errno, "socketpair");
    child = fork ();
    if (child == 0) {
        (void) close (ends[0]);
        if (keep_two_descriptors (&ends[1]) < 0)
            _exit (1);
        run_child (ends[1]);
    }
    (void) close (ends[1]);
    warden->fd = ends[0];
    return child < 0 ? error_set (err, errno, "fork") : 0;
}

static int
on_hangup (sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    (void) fd;
    (void) revents;
    (void) userdata;
    (void) fputs ("the warden died, and dri-broker with it\n", stderr);
    return sd_event_exit (sd_event_source_get_event (source), -EPIPE);
}

int
warden_watch (const struct warden *warden, sd_event *event, struct error *err)
{
    int r = sd_event_add_io (event, NULL, warden->fd, EPOLLHUP, on_hangup, NULL);

    return r < 0 ? error_set (err, -r, "watch the warden") : 0;
}

static int
ask (const struct warden *warden, const struct call *call, struct answer *answer, struct error *err)
{
    struct pollfd p = {.fd = warden->fd, .events = POLLIN};

    if (send (warden->fd, call, sizeof *call, MSG_NOSIGNAL) != (ssize_t) sizeof *call)
        return error_set (err, errno, "ask the warden");
    if (poll (&p, 1, ANSWER_MS) <= 0) {
        /* Its answer to this would be taken for that to the next.  */
        (void) shutdown (warden->fd, SHUT_RDWR);
        return error_set (err, ETIMEDOUT, "ask the warden");
    }
    if (recv (warden->fd, answer, sizeof *answer, MSG_DONTWAIT) != (ssize_t) sizeof *answer)
        return error_set (err, errno, "ask the warden");
    return 0;
}

int
warden_set_drm (const struct warden *warden, const char *cgroup, const struct device_number *devices,
                unsigned n, struct error *err)
{
    static struct call call;
    static struct answer answer;

    if (cgroup[0] == '\0')
        return 0;
    call = (struct call){.n = n};
    if (n > DEVICE_CGROUP_DEVICES_MAX)
        return error_set (err, E2BIG, "%u devices", n);
    (void) snprintf (call.cgroup, sizeof call.cgroup, "%s", cgroup);
    memcpy (call.devices, devices, n * sizeof *devices);
    if (ask (warden, &call, &answer, err) < 0)
        return -1;
    if (!answer.ok) {
        *err = answer.error;
        return -1;
    }
    return 0;
}
