#include "workload.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../oci/below.h"
#include "../oci/cleanup.h"
#include "cgroup.h"
#include "phase.h"

int
workload_parse_user (struct workload_user *user, const char *text, struct error *err)
{
    uint32_t ids[2 + countof (user->gids)];
    unsigned n = 0;
    char *end;

    for (;; text = end + 1) {
        unsigned long id = *text >= '0' && *text <= '9' ? strtoul (text, &end, 10) : UINT32_MAX;

        if (n == countof (ids) || id >= UINT32_MAX)
            return error_set (err, 0, "--user wants UID:GID[:GID...]");
        ids[n++] = (uint32_t) id;
        if (*end != ':')
            break;
    }
    if (*end != '\0' || n < 2)
        return error_set (err, 0, "--user wants UID:GID[:GID...]");
    *user = (struct workload_user){.uid = ids[0], .gid = ids[1], .n_gids = n - 2};
    for (unsigned i = 2; i < n; i++)
        user->gids[i - 2] = ids[i];
    return 0;
}

enum { GROUP_PATH_MAX = 4096 };

/* The group that filters the devices of the process. -1 without an error: no hierarchy does, for the workload
 * neither.  */
static int
open_device_cgroup (pid_t pid, char *path, size_t size, struct error *err)
{
    if (cgroup_of (pid, "devices", path, size, err) < 0 || path[0] == '\0')
        return -1;
    return cgroup_open ("devices", path, err);
}

static bool
is_in_group (const char *path)
{
    char own[GROUP_PATH_MAX];
    struct error ignored;

    return cgroup_of (0, "devices", own, sizeof own, &ignored) == 0 && strcmp (own, path) == 0;
}

pid_t
workload_fork (pid_t container)
{
    struct clone_args args = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD};
    char path[GROUP_PATH_MAX];
    _cleanup_close_ int group = -1;
    struct error ignored;
    long child = -1;

    if (cgroup_is_v2 ())
        group = open_device_cgroup (container, path, sizeof path, &ignored);
    if (group >= 0) {
        args.cgroup = (unsigned) group;
        child = syscall (SYS_clone3, &args, sizeof args);
    }
    return child >= 0 ? (pid_t) child : fork ();
}

/* v1: a thread that moves only itself need not wait, as all other moves do, until no process of the machine
 * forks or exits (kernel/cgroup/cgroup.c, cgroup_procs_write_start).  */
static int
join_device_cgroup (pid_t pid, struct error *err)
{
    char path[GROUP_PATH_MAX];
    _cleanup_close_ int group = -1;
    _cleanup_close_ int tasks = -1;
    bool v2 = cgroup_is_v2 ();

    *err = (struct error){0};
    group = open_device_cgroup (pid, path, sizeof path, err);
    if (group < 0)
        return err->message[0] ? -1 : 0;
    if (v2 && is_in_group (path))
        return 0;
    tasks = openat (group, v2 ? "cgroup.procs" : "tasks", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    /* A user may set no filter either: what holds for his container in its group holds for us in ours.  */
    if (tasks < 0 && errno == EACCES)
        return 0;
    if (tasks < 0 || write (tasks, "0", 1) != 1)
        return error_set (err, errno, "join the container's control group %s", path);
    return 0;
}

/* Joining the user namespace that one is in is EINVAL (setns(2)).  */
static int
join_user_namespace (int container, const struct workload_user *user, struct error *err)
{
    if (setns (container, CLONE_NEWUSER) < 0 && (errno != EINVAL || user->own_namespace))
        return error_set (err, errno, "join the container's user namespace");
    return 0;
}

static int
take_ids (const struct workload_user *user, struct error *err)
{
    /* Where setgroups is denied (rootless maps) the workload has no such groups either.  */
    if (setgroups (user->n_gids, user->gids) < 0 && errno != EPERM)
        return error_set (err, errno, "setgroups");
    if (setresgid (user->gid, user->gid, user->gid) < 0)
        return error_set (err, errno, "become group %u of the container", user->gid);
    if (setresuid (user->uid, user->uid, user->uid) < 0)
        return error_set (err, errno, "become user %u of the container", user->uid);
    return 0;
}

/* Programs of the image may open for writing: nodes, which no mount keeps them from, and nothing else.  */
static int
make_read_only (struct error *err)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};

    if (syscall (SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof attr) < 0)
        return error_set (err, errno, "make the container's mounts read-only to the child");
    return 0;
}

/* Before the runtime's pivot_root there is the host's tree above the container's. A chroot would leave it
 * there, for whoever opens /proc/PID/root of the child and goes up from that: so the child comes to the same
 * by a pivot_root of its own. A clone on top, since in a user namespace's mounts the one below is locked
 * (mount_namespaces(7)).  */
static int
pivot (int root)
{
    _cleanup_close_ int top = fchdir (root) < 0
                                  ? -1
                                  : (int) syscall (SYS_open_tree, AT_FDCWD, ".",
                                                   OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

    return top < 0 || syscall (SYS_move_mount, top, "", AT_FDCWD, ".", MOVE_MOUNT_F_EMPTY_PATH) < 0
                   || fchdir (top) < 0 || syscall (SYS_pivot_root, ".", ".") < 0
                   || umount2 (".", MNT_DETACH) < 0
               ? -1
               : 0;
}

static int
enter_root (const char *rootfs, enum workload_view view, struct error *err)
{
    _cleanup_close_ int root = -1;

    /* Mounts of its own, so that the container notices nothing.  */
    if (view != WORKLOAD_LOOKS
        && (unshare (CLONE_NEWNS) < 0 || mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0))
        return error_set (err, errno, "a mount namespace of the child's own");
    /* Still as root: the folders above the container's root are none of the workload's.  */
    root = open_below (AT_FDCWD, rootfs, O_PATH | O_DIRECTORY, RESOLVE_NO_MAGICLINKS);
    if (root < 0)
        return error_set (err, errno, "the container's root file system %s", rootfs);
    if (view == WORKLOAD_LOOKS)
        return steal_fd (&root);
    if ((strcmp (rootfs, "/") != 0 && pivot (root) < 0) || chdir ("/") < 0)
        return error_set (err, errno, "change to the container's root file system %s", rootfs);
    if (view == WORKLOAD_RUNS_THEIRS && make_read_only (err) < 0)
        return -1;
    (void) close (steal_fd (&root));
    root = open ("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return root < 0 ? error_set (err, errno, "the container's root") : steal_fd (&root);
}

static int
enter (int process, pid_t pid, const char *rootfs, enum workload_view view, struct error *err)
{
    const int others = CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWCGROUP;

    if (join_device_cgroup (pid, err) < 0)
        return -1;
    if (setns (process, CLONE_NEWNS | (view == WORKLOAD_LOOKS ? 0 : others)) < 0)
        return error_set (err, errno, "join the container's namespaces");
    return enter_root (rootfs, view, err);
}

int
workload_become (pid_t pid, int process, const char *rootfs, const struct workload_user *user,
                 enum workload_view view, struct error *err)
{
    const bool overrides = user->uid == 0 && user->dac_override;
    _cleanup_close_ int root = -1;
    pid_t parent = getppid ();

    /* By /proc/PID/exe a root in the container could write into the host's program, once it is not executed
     * any more (CVE-2019-5736). Lasts until an execve.  */
    if (prctl (PR_SET_DUMPABLE, 0) < 0)
        return error_set (err, errno, "prctl");
    if (phase_enter (PHASE_JOIN, err) < 0)
        return -1;
    root = enter (process, pid, rootfs, view, err);
    if (root < 0 || join_user_namespace (process, user, err) < 0 || take_ids (user, err) < 0
        || phase_enter (overrides ? PHASE_OVERRIDE : PHASE_NOTHING, err) < 0)
        return -1;
    /* Changing ids clears the death signal, so it is set last.  */
    if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl (PR_SET_PDEATHSIG, SIGKILL) < 0
        || getppid () != parent)
        return error_set (err, errno, "prctl");
    return steal_fd (&root);
}
