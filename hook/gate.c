#include "gate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "../oci/cleanup.h"
#include "../oci/clock.h"
#include "node.h"
#include "phase.h"
#include "probe_drm.h"

enum { GRACE_MS = 3000, RETRY_FIRST_MS = 20, RETRY_LAST_MS = 500 };

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

/* --- the child --- */

/* The driver is on its way: its module is loading, its firmware is, or the node was made before it.  */
static bool
may_pass (int status)
{
    return status == ENXIO || status == EAGAIN || status == ENODEV;
}

static void
explain_open (const struct gate *gate, const struct grant_node *node, const struct error *err,
              struct verdict *verdict)
{
    const struct workload_user *user = &gate->user;

    switch (err->status) {
    case EACCES:
        (void) snprintf (verdict->reason, sizeof verdict->reason,
                         "the workload's user %u:%u may not open /dev/dri/%s: set dri.owner to \"%u:%u\"",
                         user->uid, user->gid, node->name, user->uid, user->gid);
        break;
    case EPERM:
        (void) snprintf (verdict->reason, sizeof verdict->reason,
                         "the container's device cgroup does not let it open /dev/dri/%s (%u:%u)", node->name,
                         node->major, node->minor);
        break;
    case ENXIO:
    case ENODEV:
        (void) snprintf (
            verdict->reason, sizeof verdict->reason,
            "no driver behind /dev/dri/%s (%u:%u) after %u s: is the GPU's module loaded on the host? "
            "(drictl devices; dmesg)",
            node->name, node->major, node->minor, (gate->wait_ms + 999) / 1000);
        break;
    default:
        (void) snprintf (verdict->reason, sizeof verdict->reason, "/dev/dri/%s: %.900s", node->name,
                         err->message);
        break;
    }
}

/* One try: unlike drm_ioctl, which would go on for as long as a driver says EAGAIN.  */
static int
ask_once (int fd, unsigned long request, void *arg)
{
    int r;

    do
        r = ioctl (fd, request, arg);
    while (r < 0 && errno == EINTR);
    return r;
}

static bool
asks_driver (const struct gate *gate, const struct grant_node *node)
{
    return gate->ready != READY_NODE && node->drm;
}

static int
try_node (const struct gate *gate, int root, const struct grant_node *node, struct drm_facts *facts,
          enum request_ready *level, struct error *err)
{
    _cleanup_close_ int fd = node_open (root, node, err);
    const struct drm_device device = {.fd = fd, .ioctl = ask_once};

    *level = READY_NODE;
    if (fd < 0 || !asks_driver (gate, node))
        return steal_fd (&fd);
    *level = READY_DRIVER;
    if (drm_ask_version (&device, facts, err) < 0)
        return -1;
    drm_ask_facts (&device, facts);
    return steal_fd (&fd);
}

static int
try_patiently (const struct gate *gate, int root, const struct grant_node *node, int64_t deadline,
               struct drm_facts *facts, enum request_ready *level, struct error *err)
{
    long pause = RETRY_FIRST_MS;

    for (;;) {
        int fd = try_node (gate, root, node, facts, level, err);
        int64_t left = deadline - clock_ms ();

        if (fd >= 0 || !may_pass (err->status) || left <= 0)
            return fd;
        (void) poll (NULL, 0, (int) (pause < left ? pause : left));
        pause = pause * 2 > RETRY_LAST_MS ? RETRY_LAST_MS : pause * 2;
    }
}

static void
explain_driver (const struct grant_node *node, const struct error *err, struct verdict *verdict)
{
    (void) snprintf (
        verdict->reason, sizeof verdict->reason,
        "/dev/dri/%s: the kernel's driver does not answer (%.150s): the GPU may have failed; look at the "
        "host's dmesg, reload its module or reboot",
        node->name, err->message);
}

/* What the driver says is wrong fails nothing here, but is worth a word.  */
static void
praise (const struct grant_node *node, const struct drm_facts *facts, struct verdict *verdict)
{
    int len = snprintf (verdict->reason, sizeof verdict->reason, "%s: %s %s", node->name, facts->driver,
                        facts->version);

    for (unsigned i = 0; i < facts->n_notes && len > 0 && (size_t) len < sizeof verdict->reason; i++)
        len +=
            snprintf (verdict->reason + len, sizeof verdict->reason - (size_t) len, ". %s", facts->notes[i]);
}

static bool
is_new_render (const struct gate *gate, const struct gate_found *found, const struct grant_node *node)
{
    for (unsigned i = 0; i < found->n_renders; i++) {
        const struct grant_node *other = &gate->nodes[found->renders[i].node];

        if (other->major == node->major && other->minor == node->minor)
            return false;
    }
    return strncmp (node->name, "renderD", strlen ("renderD")) == 0
           && found->n_renders < countof (found->renders);
}

/* Where a node is a stand-in of a simulated GPU, there is no driver to ask, and the verdict says so.  */
static bool
judge_node (const struct gate *gate, int root, unsigned i, int64_t deadline, struct answer *answer)
{
    const struct grant_node *node = &gate->nodes[i];
    struct verdict *verdict = &answer->verdict;
    struct gate_found *found = &answer->found;
    struct drm_facts facts = {.n_notes = 0};
    struct error err = {0};
    int fd = try_patiently (gate, root, node, deadline, &facts, &verdict->level, &err);

    if (fd < 0) {
        if (verdict->level == READY_NODE)
            explain_open (gate, node, &err, verdict);
        else
            explain_driver (node, &err, verdict);
        return false;
    }
    if (verdict->level == READY_NODE)
        (void) snprintf (verdict->reason, sizeof verdict->reason, "%s opened%s", node->name,
                         node->drm ? "" : " (simulated GPU: no driver to ask)");
    else
        praise (node, &facts, verdict);
    if (is_new_render (gate, found, node)) {
        struct gate_render *render = &found->renders[found->n_renders++];

        *render = (struct gate_render){.fd = fd, .node = i};
        (void) snprintf (render->driver, sizeof render->driver, "%s%s%s", facts.driver,
                         facts.driver[0] ? " " : "", facts.version);
    } else {
        (void) close (fd);
    }
    return true;
}

static void
judge_as_workload (const struct gate *gate, int64_t deadline, struct answer *answer)
{
    struct verdict *verdict = &answer->verdict;
    _cleanup_close_ int process = pidfd_open (gate->pid, 0);
    _cleanup_close_ int root = -1;
    struct error err = {0};

    root = workload_become (gate->pid, process, gate->rootfs, &gate->user, WORKLOAD_LOOKS, &err);
    if (root < 0) {
        (void) snprintf (verdict->reason, sizeof verdict->reason,
                         "the readiness gate cannot become the workload: %.180s", err.message);
        return;
    }
    for (unsigned i = 0; i < gate->n_nodes; i++)
        if (!judge_node (gate, root, i, deadline, answer))
            return;
    if (gate->ready == READY_AUTO || gate->ready == READY_VAAPI)
        sight_look (&answer->found.sight, root, &gate->variables);
    verdict->ok = true;
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

static void __attribute__ ((noreturn)) run_child (const struct gate *gate, int64_t deadline, int out)
{
    static struct answer answer = {.verdict = {.level = READY_NODE}};

    /* The runtime waits until nobody has the hook's stderr open any more, and this child may hang in a
     * driver.  */
    (void) close_range (STDIN_FILENO, STDERR_FILENO, 0);
    (void) setsid ();
    judge_as_workload (gate, deadline, &answer);
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
