#include "gate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "../oci/cleanup.h"
#include "../oci/clock.h"
#include "node.h"

enum { GRACE_MS = 3000, RETRY_FIRST_MS = 20, RETRY_LAST_MS = 500 };

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
        (void) snprintf (verdict->reason, sizeof verdict->reason, "%.200s", err->message);
        break;
    }
}

static int
open_patiently (int root, const struct grant_node *node, int64_t deadline, struct error *err)
{
    long pause = RETRY_FIRST_MS;

    for (;;) {
        int fd = node_open (root, node, err);
        int64_t left = deadline - clock_ms ();

        if (fd >= 0 || !may_pass (err->status) || left <= 0)
            return fd;
        (void) poll (NULL, 0, (int) (pause < left ? pause : left));
        pause = pause * 2 > RETRY_LAST_MS ? RETRY_LAST_MS : pause * 2;
    }
}

/* Where a node is a stand-in of a simulated GPU, there is no driver to ask, and the verdict says so.  */
static bool
judge_node (const struct gate *gate, int root, const struct grant_node *node, int64_t deadline,
            struct verdict *verdict)
{
    _cleanup_close_ int fd = -1;
    struct error err = {0};
    char driver[64];

    verdict->level = READY_NODE;
    fd = open_patiently (root, node, deadline, &err);
    if (fd < 0) {
        explain_open (gate, node, &err, verdict);
        return false;
    }
    if (gate->ready == READY_NODE || !node->drm) {
        (void) snprintf (verdict->reason, sizeof verdict->reason, "%s opened%s", node->name,
                         node->drm ? "" : " (simulated GPU: no driver to ask)");
        return true;
    }
    verdict->level = READY_DRIVER;
    if (node_driver (fd, driver, sizeof driver, &err) < 0) {
        (void) snprintf (verdict->reason, sizeof verdict->reason, "/dev/dri/%s: %.150s", node->name,
                         err.message);
        return false;
    }
    (void) snprintf (verdict->reason, sizeof verdict->reason, "%s: %s", node->name, driver);
    return true;
}

static void
judge_as_workload (const struct gate *gate, int64_t deadline, struct verdict *verdict)
{
    _cleanup_close_ int root = -1;
    struct error err = {0};

    root = workload_become (gate->pid, gate->rootfs, &gate->user, &err);
    if (root < 0) {
        (void) snprintf (verdict->reason, sizeof verdict->reason,
                         "the readiness gate cannot become the workload: %.180s", err.message);
        return;
    }
    for (unsigned i = 0; i < gate->n_nodes; i++)
        if (!judge_node (gate, root, &gate->nodes[i], deadline, verdict))
            return;
    verdict->ok = true;
}

static void __attribute__ ((noreturn)) run_child (const struct gate *gate, int64_t deadline, int out)
{
    struct verdict verdict = {.level = READY_NODE};

    judge_as_workload (gate, deadline, &verdict);
    _exit (write (out, &verdict, sizeof verdict) == (ssize_t) sizeof verdict ? 0 : 1);
}

/* One write below PIPE_BUF arrives whole or not at all.  */
static bool
read_verdict (int in, int64_t deadline, struct verdict *verdict)
{
    struct pollfd p = {.fd = in, .events = POLLIN};
    struct verdict read_one;

    for (;;) {
        int64_t left = deadline - clock_ms ();
        int r = poll (&p, 1, left > 0 ? (int) left : 0);

        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0 || read (in, &read_one, sizeof read_one) != (ssize_t) sizeof read_one)
            return false;
        read_one.reason[sizeof read_one.reason - 1] = '\0';
        text_clean (read_one.reason);
        if (read_one.level != READY_NODE && read_one.level != READY_DRIVER)
            return false;
        *verdict = read_one;
        return true;
    }
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

void
gate_judge (const struct gate *gate, struct verdict *verdict)
{
    _cleanup_close_ int in = -1;
    _cleanup_close_ int out = -1;
    int64_t deadline = clock_ms () + gate->wait_ms;
    int ends[2];
    pid_t child;

    *verdict = (struct verdict){.level = READY_NODE, .reason = "the readiness gate could not be run"};
    if (pipe2 (ends, O_CLOEXEC) < 0)
        return;
    in = ends[0];
    out = ends[1];
    child = fork ();
    if (child < 0)
        return;
    if (child == 0) {
        (void) close (steal_fd (&in));
        run_child (gate, deadline, out);
    }
    (void) close (steal_fd (&out));
    if (!read_verdict (in, deadline + GRACE_MS, verdict))
        (void) snprintf (
            verdict->reason, sizeof verdict->reason,
            "the readiness gate got no answer from the GPU in %u s: the open or the driver hangs (dmesg)",
            (gate->wait_ms + GRACE_MS) / 1000);
    (void) kill (child, SIGKILL);
    reap (child);
}

enum request_ready
gate_level (enum request_ready asked)
{
    return asked == READY_OFF || asked == READY_NODE ? asked : READY_DRIVER;
}

json_t *
verdict_to_json (const struct verdict *verdict)
{
    return json_pack ("{s:s s:b s:s}", "level", ready_name (verdict->level), "ok", verdict->ok, "reason",
                      verdict->reason);
}
