#include "gate_child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "../oci/cleanup.h"
#include "../oci/file.h"
#include "phase.h"

enum { NOBODY = 65534, STATUS_BYTES_MAX = 64 << 10 };

/* Nobody but its init, which is still the runtime's: /proc/PID/status has the pid in each namespace, the
 * innermost last (proc_pid_status(5)). The root of a container that runs is its mount namespace's.  */
static bool
is_alone_there (const struct gate *gate)
{
    static const char line[] = "\nNSpid:";
    _cleanup_free_ char *status = NULL;
    struct error ignored;
    const char *at;
    char path[40];
    size_t len;

    (void) snprintf (path, sizeof path, "/proc/%d/status", (int) gate->pid);
    if (strcmp (gate->rootfs, "/") == 0 || file_read (path, STATUS_BYTES_MAX, &status, &len, &ignored) < 0)
        return false;
    at = strstr (status, line);
    if (!at)
        return false;
    at += sizeof line - 1;
    len = strcspn (at, "\n");
    return len >= 2 && memcmp (at + len - 2, "\t1", 2) == 0;
}

/* A pid namespace is entered by the children of who joins it. Where a process of a container is in it
 * already, the child stays in ours: who has CAP_SYS_PTRACE there could look into it, while it still has the
 * host's capabilities and files.  */
static pid_t
fork_there (const struct gate_child *child)
{
    pid_t pid;

    if (child->where == GATE_ON_HOST)
        return fork ();
    if (!is_alone_there (child->gate))
        return workload_fork (child->gate->pid);
    if (prctl (PR_SET_DUMPABLE, 0) < 0 || setns (child->process, CLONE_NEWPID) < 0)
        return -1;
    pid = workload_fork (child->gate->pid);
    if (pid != 0)
        (void) setns (child->pids, CLONE_NEWPID);
    return pid;
}

pid_t
gate_child_fork (void *data)
{
    const struct gate_child *child = data;
    struct error ignored;
    pid_t pid;

    if (gate_phase (child->gate, PHASE_START, &ignored) < 0)
        return -1;
    pid = fork_there (child);
    if (pid != 0)
        (void) gate_phase (child->gate, PHASE_HOOK, &ignored);
    return pid;
}

static int
become_nobody (struct error *err)
{
    if (phase_enter (PHASE_JOIN, err) < 0)
        return -1;
    if (setgroups (0, NULL) < 0 || setresgid (NOBODY, NOBODY, NOBODY) < 0
        || setresuid (NOBODY, NOBODY, NOBODY) < 0)
        return error_set (err, errno, "become nobody");
    return phase_enter (PHASE_NOTHING, err);
}

/* The workload's root, an O_PATH descriptor. No errno of this is one of the node's.  */
static int
become_workload (const struct gate_child *child, enum workload_view view, struct error *err)
{
    const struct gate *gate = child->gate;
    int root = workload_become (gate->pid, child->process, gate->rootfs, &gate->user, view, err);

    if (root < 0)
        err->status = ECANCELED;
    return root;
}

static int
give_node (const struct gate_child *child, struct error *err)
{
    int fd = fcntl (child->render->fd, F_DUPFD_CLOEXEC, 3);

    return fd < 0 ? error_set (err, ECANCELED, "descriptors") : fd;
}

int
gate_child_enter (void *data, struct error *err)
{
    const struct gate_child *child = data;
    _cleanup_close_ int root = -1;

    if (child->where == GATE_ON_HOST)
        return become_nobody (err) < 0 ? error_set (err, ECANCELED, "become nobody") : give_node (child, err);
    root = become_workload (child, WORKLOAD_RUNS, err);
    return root < 0 ? -1 : give_node (child, err);
}

int
gate_child_enter_vainfo (void *data, int *program, struct error *err)
{
    const struct gate_child *child = data;
    _cleanup_close_ int root = become_workload (child, WORKLOAD_RUNS_THEIRS, err);

    if (root < 0)
        return -1;
    *program = sight_open_vainfo (root);
    return *program < 0 ? error_set (err, ENOENT, "the image's vainfo") : give_node (child, err);
}
