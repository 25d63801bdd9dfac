#include "gate_child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>

#include "../oci/cleanup.h"
#include "phase.h"

enum { NOBODY = 65534 };

/* A pid namespace is entered by the children of who joins it. In that of a container that runs, one of its
 * processes could look into ours: the program is one that cannot be dumped (gate_vaapi.c), and above its root
 * there is nothing (workload.c).  */
static pid_t
fork_there (const struct gate_child *child)
{
    pid_t pid;

    if (child->where == GATE_ON_HOST)
        return fork ();
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
