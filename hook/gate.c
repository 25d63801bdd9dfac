#include "gate.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "../oci/cleanup.h"
#include "../oci/clock.h"
#include "descriptors.h"
#include "gate_nodes.h"
#include "phase.h"

enum { GRACE_MS = 3000 };

/* What the child sends; the descriptors of found come along.  */
struct answer {
    struct verdict verdict;
    struct gate_found found;
};

int
gate_phase (const struct gate *gate, int phase, struct error *err)
{
    return gate->own_process ? phase_enter ((enum phase) phase, err) : 0;
}

/* --- between them --- */

union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE (GRANT_GPUS_MAX * sizeof (int))];
};

static int
send_answer (int out, struct answer *answer)
{
    struct iovec data = {answer, sizeof *answer};
    union control control = {.bytes = {0}};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    const size_t bytes = answer->found.n_renders * sizeof (int);

    if (bytes > 0) {
        int *fds = (int *) (void *) CMSG_DATA (&control.header);

        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE (bytes);
        control.header = (struct cmsghdr){CMSG_LEN (bytes), SOL_SOCKET, SCM_RIGHTS};
        for (unsigned i = 0; i < answer->found.n_renders; i++)
            fds[i] = answer->found.renders[i].fd;
    }
    return sendmsg (out, &message, MSG_NOSIGNAL) == (ssize_t) sizeof *answer ? 0 : -1;
}

/* --- the child --- */

static void __attribute__ ((noreturn)) run_child (const struct gate *gate, int64_t deadline, int out)
{
    static struct answer answer = {.verdict = {.level = READY_NODE}};

    /* It may hang in a driver.  */
    if (descriptors_keep (&out, 1) < 0)
        _exit (1);
    (void) setsid ();
    gate_nodes_judge (gate, deadline, &answer.verdict, &answer.found);
    _exit (send_answer (out, &answer) == 0 ? 0 : 1);
}

/* --- the parent --- */

/* All that came is ours to close, whatever it is.  */
static unsigned
take_descriptors (struct msghdr *message, int fds[GRANT_GPUS_MAX])
{
    const struct cmsghdr *header = CMSG_FIRSTHDR (message);
    size_t n;

    if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
        return 0;
    n = (header->cmsg_len - CMSG_LEN (0)) / sizeof (int);
    memcpy (fds, CMSG_DATA (header), n * sizeof (int));
    return (unsigned) n;
}

static bool
is_granted (const struct gate *gate, const struct gate_render *render)
{
    struct stat st;

    return render->node < gate->n_nodes && fstat (render->fd, &st) == 0 && S_ISCHR (st.st_mode)
           && st.st_rdev == makedev (gate->nodes[render->node].major, gate->nodes[render->node].minor);
}

/* The child is of our own making, but it was in the container.  */
static bool
take_answer (const struct gate *gate, struct answer *answer, const int *fds, unsigned n_fds)
{
    struct gate_found *found = &answer->found;
    bool good = found->n_renders == n_fds;

    for (unsigned i = 0; i < n_fds; i++) {
        found->renders[i].fd = fds[i];
        found->renders[i].driver[sizeof found->renders[i].driver - 1] = '\0';
        text_clean (found->renders[i].driver);
        good = good && is_granted (gate, &found->renders[i]);
    }
    found->n_renders = n_fds;
    answer->verdict.reason[sizeof answer->verdict.reason - 1] = '\0';
    text_clean (answer->verdict.reason);
    return good && (answer->verdict.level == READY_NODE || answer->verdict.level == READY_DRIVER);
}

static bool
receive_answer (const struct gate *gate, int in, struct answer *answer)
{
    int fds[countof (answer->found.renders)];
    struct iovec data = {answer, sizeof *answer};
    union control control = {.bytes = {0}};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg (in, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    unsigned n_fds = n >= 0 ? take_descriptors (&message, fds) : 0;
    bool whole = n == (ssize_t) sizeof *answer && !(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC));

    if (take_answer (gate, answer, fds, n_fds) && whole)
        return true;
    gate_found_finish (&answer->found);
    return false;
}

static bool
wait_for_answer (int in, int64_t deadline)
{
    struct pollfd p = {.fd = in, .events = POLLIN};
    int r;

    do {
        int64_t left = deadline - clock_ms ();

        r = poll (&p, 1, left > 0 ? (int) left : 0);
    } while (r < 0 && errno == EINTR);
    return r > 0;
}

/* An orphan of ours would become the runtime's: crun takes the SIGCHLD of one for that of its hook, and then
 * waits for the hook's until the timeout. Only a child that hangs in the driver, and cannot be killed, is
 * left to it.  */
static void
reap (pid_t child)
{
    _cleanup_close_ int fd = pidfd_open (child, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};

    if (fd >= 0)
        (void) poll (&p, 1, GRACE_MS);
    (void) waitpid (child, NULL, WNOHANG);
}

static pid_t
start_child (const struct gate *gate, int64_t deadline, int ends[2])
{
    struct error err;
    pid_t child;

    if (gate_phase (gate, PHASE_START, &err) < 0)
        return -1;
    child = workload_fork (gate->pid);
    if (child == 0) {
        (void) close (ends[0]);
        run_child (gate, deadline, ends[1]);
    }
    (void) gate_phase (gate, PHASE_HOOK, &err);
    return child;
}

static void
attend (const struct gate *gate, pid_t child, int in, int64_t deadline, struct verdict *verdict,
        struct gate_found *found)
{
    static struct answer answer; /* large */

    if (wait_for_answer (in, deadline + GRACE_MS) && receive_answer (gate, in, &answer)) {
        *verdict = answer.verdict;
        *found = answer.found;
    } else {
        (void) snprintf (
            verdict->reason, sizeof verdict->reason,
            "the readiness gate got no answer from the GPU in %u s: the open or the driver hangs (dmesg)",
            (gate->wait_ms + GRACE_MS) / 1000);
    }
    (void) kill (child, SIGKILL);
    reap (child);
}

void
gate_judge (const struct gate *gate, int64_t deadline, struct verdict *verdict, struct gate_found *found)
{
    int ends[2];
    pid_t child;

    *found = (struct gate_found){.n_renders = 0};
    *verdict = (struct verdict){.level = READY_NODE, .reason = "the readiness gate could not be run"};
    if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return;
    child = start_child (gate, deadline, ends);
    (void) close (ends[1]);
    if (child > 0)
        attend (gate, child, ends[0], deadline, verdict, found);
    (void) close (ends[0]);
}

void
gate_found_finish (struct gate_found *found)
{
    for (unsigned i = 0; i < found->n_renders; i++)
        (void) close (found->renders[i].fd);
    found->n_renders = 0;
}
