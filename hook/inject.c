#include "inject.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../oci/cleanup.h"

enum { DEADLINE_MS = 5000 };

/* What the child works on, all opened before it enters the container.  */
struct target {
    pid_t pid;
    const char *rootfs; /* NULL: "/" in there */
    int container;      /* pidfd */
    int mountinfo;      /* the container's, of a /proc that is not the container's */
    int directory;      /* O_PATH of the lease's directory */
    int mount;          /* a detached mount of it */
};

/* --- in the container --- */

/* A link there could only lead to another place in the container, for RESOLVE_IN_ROOT, or to one that changes
 * under way.  */
static int
open_below (int parent, const char *name, struct error *err)
{
    const struct open_how how = {
        .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS,
    };
    int fd = (int) syscall (SYS_openat2, parent, name, &how, sizeof how);

    if (fd < 0 && errno == ELOOP)
        return error_set (
            err, 0, "%s in the container is a symbolic link: a GPU is only put at a real /dev/dri", name);
    return fd < 0 ? error_set (err, errno, "%s in the container", name) : fd;
}

static int
open_dri (int root, struct error *err)
{
    _cleanup_close_ int dev = open_below (root, "dev", err);

    if (dev < 0)
        return -1;
    if (mkdirat (dev, "dri", 0755) < 0 && errno != EEXIST)
        return error_set (err, errno, "make /dev/dri in the container");
    return open_below (dev, "dri", err);
}

/* A mount made on one that the host shares would appear on the host too. The line of
 * /proc/PID/mountinfo for that mount tells (kernel, filesystems/proc: "optional fields").  */
static int
check_private (int dri, int mountinfo, struct error *err)
{
    _cleanup_fclose_ FILE *lines = NULL;
    _cleanup_free_ char *line = NULL;
    struct statx st;
    size_t room = 0;
    int fd = dup (mountinfo);

    lines = fd < 0 ? NULL : fdopen (fd, "r");
    if (!lines || statx (dri, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0 || !(st.stx_mask & STATX_MNT_ID))
        return error_set (err, errno, "find out what /dev in the container is mounted on");
    while (getline (&line, &room, lines) > 0) {
        const char *end = strstr (line, " - "), *shared = strstr (line, " shared:");

        if (strtoull (line, NULL, 10) != st.stx_mnt_id)
            continue;
        if (shared && end && shared < end)
            return error_set (err, 0,
                              "its /dev is a mount that is shared with the host, which would get the GPU's "
                              "directory too: take \"rshared\" away");
        return 0;
    }
    return error_set (err, 0, "/dev/dri in the container is on no mount of it");
}

static int
mount_there (const struct target *t, int root, struct error *err)
{
    _cleanup_close_ int dri = open_dri (root, err);

    if (dri < 0 || check_private (dri, t->mountinfo, err) < 0)
        return -1;
    if (syscall (SYS_move_mount, t->mount, "", dri, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)
        < 0)
        return error_set (err, errno, "mount /dev/dri in the container");
    return 0;
}

/* Ours is the directory's own inode: nobody else's mount is taken away.  */
static int
unmount_there (const struct target *t, int root, struct error *err)
{
    _cleanup_close_ int dri = open_below (root, "dev/dri", err);
    struct stat ours, there;

    if (dri < 0)
        return err->status == ENOENT ? 0 : -1;
    if (fstat (t->directory, &ours) < 0 || fstat (dri, &there) < 0)
        return error_set (err, errno, "/dev/dri in the container");
    if (ours.st_dev != there.st_dev || ours.st_ino != there.st_ino)
        return 0;
    if (fchdir (dri) < 0 || umount2 (".", MNT_DETACH) < 0)
        return error_set (err, errno, "unmount /dev/dri in the container");
    return 0;
}

/* What is made there has to be owned by somebody whom the container knows.  */
static int
become_its_root (int container, struct error *err)
{
    if (setns (container, CLONE_NEWUSER) < 0)
        return errno == EINVAL ? 0 : error_set (err, errno, "join the container's user namespace");
    (void) setgroups (0, NULL);
    if (setresgid (0, 0, 0) < 0 || setresuid (0, 0, 0) < 0)
        return error_set (err, errno, "become the container's root");
    return 0;
}

static int
keep_sys_admin (struct error *err)
{
    const cap_value_t kept = CAP_SYS_ADMIN;
    cap_t caps = cap_init ();
    int r = -1;

    if (caps && cap_set_flag (caps, CAP_PERMITTED, 1, &kept, CAP_SET) == 0
        && cap_set_flag (caps, CAP_EFFECTIVE, 1, &kept, CAP_SET) == 0)
        r = cap_set_proc (caps);
    if (caps)
        (void) cap_free (caps);
    return r < 0 || prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? error_set (err, errno, "drop capabilities")
                                                                : 0;
}

static int
enter (const struct target *t, int (*act) (const struct target *t, int root, struct error *err),
       struct error *err)
{
    _cleanup_close_ int root = -1;

    if (setns (t->container, CLONE_NEWNS) < 0)
        return error_set (err, errno, "join the container's mount namespace");
    root = open (t->rootfs ? t->rootfs : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return error_set (err, errno, "the container's root file system %s", t->rootfs ? t->rootfs : "/");
    if (become_its_root (t->container, err) < 0 || keep_sys_admin (err) < 0)
        return -1;
    return act (t, root, err);
}

/* --- outside --- */

static void __attribute__ ((noreturn))
run_child (const struct target *t, int (*act) (const struct target *t, int root, struct error *err), int out)
{
    struct error err = {0};
    int r = enter (t, act, &err);

    if (r < 0)
        (void) !write (out, &err, sizeof err);
    _exit (r < 0);
}

/* Where /dev in there is a file system of the container's own making (FUSE), it may never answer.  */
static void
end_late (pid_t child, int in)
{
    struct pollfd p = {.fd = in, .events = POLLIN};

    if (poll (&p, 1, DEADLINE_MS) == 0)
        (void) kill (child, SIGKILL);
}

static int
in_container (const struct target *t, int (*act) (const struct target *t, int root, struct error *err),
              struct error *err)
{
    int ends[2], status = 0;
    struct error theirs;
    pid_t child;
    ssize_t n;

    if (pipe2 (ends, O_CLOEXEC) < 0)
        return error_set (err, errno, "pipe");
    child = fork ();
    if (child == 0)
        run_child (t, act, ends[1]);
    (void) close (ends[1]);
    if (child > 0)
        end_late (child, ends[0]);
    n = child < 0 ? 0 : read (ends[0], &theirs, sizeof theirs);
    (void) close (ends[0]);
    if (child < 0 || waitpid (child, &status, 0) < 0)
        return error_set (err, errno, "fork");
    if (n == (ssize_t) sizeof theirs) {
        *err = theirs;
        return -1;
    }
    return WIFEXITED (status) && WEXITSTATUS (status) == 0
               ? 0
               : error_set (err, 0, "the process that mounts in the container died, or got no answer there");
}

static int
find_target (struct target *t, struct error *err)
{
    char path[40];

    (void) snprintf (path, sizeof path, "/proc/%d/mountinfo", (int) t->pid);
    t->container = pidfd_open (t->pid, 0);
    t->mountinfo = t->container < 0 ? -1 : open (path, O_RDONLY | O_CLOEXEC);
    return t->mountinfo < 0 ? error_set (err, errno, "the container's process %d", (int) t->pid) : 0;
}

int
inject_open (const char *directory, struct error *err)
{
    int fd = open (directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return fd < 0 ? error_set (err, errno, "the lease's directory %s", directory) : fd;
}

/* Private, so that nothing mounted below it comes back to the host.  */
static int
clone_mount (struct target *t, struct error *err)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
                              .propagation = MS_PRIVATE};

    t->mount =
        (int) syscall (SYS_open_tree, t->directory, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (t->mount < 0 || syscall (SYS_mount_setattr, t->mount, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
        return error_set (err, errno,
                          "clone the lease's directory (Linux 5.12 and CAP_SYS_ADMIN are needed)");
    return 0;
}

static void
target_finish (const struct target *t)
{
    const int fds[] = {t->container, t->mountinfo, t->mount};

    for (size_t i = 0; i < countof (fds); i++)
        cleanup_close (&fds[i]);
}

int
inject (int directory, pid_t pid, const char *rootfs, struct error *err)
{
    __attribute__ ((cleanup (target_finish))) struct target t = {
        .pid = pid, .rootfs = rootfs, .container = -1, .mountinfo = -1, .directory = directory, .mount = -1};

    if (find_target (&t, err) < 0 || clone_mount (&t, err) < 0)
        return -1;
    return in_container (&t, mount_there, err);
}

int
inject_undo (int directory, pid_t pid, struct error *err)
{
    __attribute__ ((cleanup (target_finish))) struct target t = {
        .pid = pid, .container = -1, .mountinfo = -1, .directory = directory, .mount = -1};

    if (find_target (&t, err) < 0)
        return -1;
    return in_container (&t, unmount_there, err);
}
