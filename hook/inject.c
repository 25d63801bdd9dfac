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

#include "../broker/process.h"
#include "../oci/below.h"
#include "../oci/cleanup.h"
#include "descriptors.h"

enum { DEADLINE_MS = 5000, GRACE_MS = 1000 };

/* What the child works on, all opened before it enters the container.  */
struct target {
    pid_t pid;
    uint64_t start;
    const char *rootfs; /* NULL: "/" in there */
    int container;      /* pidfd */
    int mountinfo;      /* the container's, of a /proc that is not the container's */
    int outside[2];     /* the same of ourselves and of the machine's init */
    int directory;      /* O_PATH of the lease's directory */
    int mount;          /* a detached mount of it */
};

/* --- in the container --- */

/* A link there could only lead to another place in the container, for RESOLVE_IN_ROOT, or to one that changes
 * under way.  */
static int
open_directory (int parent, const char *name, struct error *err)
{
    int fd = open_below (parent, name, O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);

    if (fd < 0 && errno == ELOOP)
        return error_set (
            err, 0, "%s in the container is a symbolic link: a GPU is only put at a real /dev/dri", name);
    return fd < 0 ? error_set (err, errno, "%s in the container", name) : fd;
}

static int
open_dri (int root, struct error *err)
{
    _cleanup_close_ int dev = open_directory (root, "dev", err);

    if (dev < 0)
        return -1;
    if (mkdirat (dev, "dri", 0755) < 0 && errno != EEXIST)
        return error_set (err, errno, "make /dev/dri in the container");
    return open_directory (dev, "dri", err);
}

static FILE *
open_lines (int mountinfo)
{
    int fd = dup (mountinfo);

    return fd < 0 ? NULL : fdopen (fd, "r");
}

/* An optional field of a line of mountinfo: shared:GROUP or master:GROUP. 0 where it is not there.  */
static unsigned long
group_of (const char *line, const char *field)
{
    const char *end = strstr (line, " - "), *found = strstr (line, field);

    return found && end && found < end ? strtoul (found + strlen (field), NULL, 10) : 0;
}

/* What is mounted on a mount of that group appears on its peers and on those that follow it.  */
static bool
receives (int mountinfo, unsigned long group)
{
    _cleanup_fclose_ FILE *lines = open_lines (mountinfo);
    _cleanup_free_ char *line = NULL;
    size_t room = 0;

    while (lines && getline (&line, &room, lines) > 0)
        if (group_of (line, " shared:") == group || group_of (line, " master:") == group)
            return true;
    return !lines;
}

/* A mount made on one that the host shares would appear on the host too. The line of
 * /proc/PID/mountinfo for that mount tells (kernel, filesystems/proc: "optional fields"). LXC's are shared
 * too, but with nobody outside.  */
static int
check_private (const struct target *t, int dri, struct error *err)
{
    _cleanup_fclose_ FILE *lines = open_lines (t->mountinfo);
    _cleanup_free_ char *line = NULL;
    struct statx st;
    size_t room = 0;

    if (!lines || statx (dri, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0 || !(st.stx_mask & STATX_MNT_ID))
        return error_set (err, errno, "find out what /dev in the container is mounted on");
    while (getline (&line, &room, lines) > 0) {
        unsigned long group = group_of (line, " shared:");

        if (strtoull (line, NULL, 10) != st.stx_mnt_id)
            continue;
        if (group != 0 && (receives (t->outside[0], group) || receives (t->outside[1], group)))
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

    if (dri < 0 || check_private (t, dri, err) < 0)
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
    _cleanup_close_ int dri = open_directory (root, "dev/dri", err);
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

    /* Nobody of the container's looks into it.  */
    if (prctl (PR_SET_DUMPABLE, 0) < 0)
        return error_set (err, errno, "prctl");
    if (setns (t->container, CLONE_NEWNS) < 0)
        return error_set (err, errno, "join the container's mount namespace");
    root = open_below (AT_FDCWD, t->rootfs ? t->rootfs : "/", O_PATH | O_DIRECTORY, RESOLVE_NO_MAGICLINKS);
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
    const int kept[] = {t->container, t->mountinfo, t->outside[0], t->outside[1], t->directory,
                        t->mount,     out};
    struct error err = {0};
    int r = descriptors_keep (kept, countof (kept));

    (void) setsid ();
    r = r < 0 ? error_set (&err, errno, "close_range") : enter (t, act, &err);

    if (r < 0)
        (void) !write (out, &err, sizeof err);
    _exit (r < 0);
}

/* Where /dev in there is a file system of the container's own making (FUSE), it may never answer, and who
 * waits for that cannot even be killed, once the request has been read (fs/fuse/dev.c, request_wait_answer):
 * such a child is left to the end of that container.  */
static bool
is_late (pid_t child, int in)
{
    struct pollfd p = {.fd = in, .events = POLLIN};

    if (poll (&p, 1, DEADLINE_MS) != 0)
        return false;
    (void) kill (child, SIGKILL);
    p = (struct pollfd){.fd = pidfd_open (child, 0), .events = POLLIN};
    if (p.fd >= 0) {
        (void) poll (&p, 1, GRACE_MS);
        (void) close (p.fd);
    }
    (void) waitpid (child, NULL, WNOHANG);
    return true;
}

static int
in_container (const struct target *t, int (*act) (const struct target *t, int root, struct error *err),
              struct error *err)
{
    _cleanup_close_ int in = -1;
    int ends[2], status = 0;
    struct error theirs;
    pid_t child;
    ssize_t n;

    if (pipe2 (ends, O_CLOEXEC) < 0)
        return error_set (err, errno, "pipe");
    in = ends[0];
    child = fork ();
    if (child == 0)
        run_child (t, act, ends[1]);
    (void) close (ends[1]);
    if (child < 0)
        return error_set (err, errno, "fork");
    if (is_late (child, in))
        return error_set (err, 0, "its /dev gave no answer in %d s", DEADLINE_MS / 1000);
    n = read (in, &theirs, sizeof theirs);
    if (waitpid (child, &status, 0) < 0)
        return error_set (err, errno, "the process that mounts in the container");
    if (n == (ssize_t) sizeof theirs) {
        *err = theirs;
        return -1;
    }
    return WIFEXITED (status) && WEXITSTATUS (status) == 0
               ? 0
               : error_set (err, 0, "the process that mounts in the container died");
}

static int
find_target (struct target *t, struct error *err)
{
    char path[40];

    (void) snprintf (path, sizeof path, "/proc/%d/mountinfo", (int) t->pid);
    t->container = process_open (t->pid, t->start);
    t->mountinfo = t->container < 0 ? -1 : open (path, O_RDONLY | O_CLOEXEC);
    t->outside[0] = open ("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    t->outside[1] = open ("/proc/1/mountinfo", O_RDONLY | O_CLOEXEC);
    /* Not another's, who has the pid by now.  */
    if (t->mountinfo >= 0 && t->start != 0 && process_start_time (t->pid) != t->start)
        return error_set (err, ESRCH, "the container's process %d", (int) t->pid);
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
clone_mount (int directory, struct error *err)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
                              .propagation = MS_PRIVATE};

    _cleanup_close_ int mount =
        (int) syscall (SYS_open_tree, directory, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

    if (mount < 0 || syscall (SYS_mount_setattr, mount, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
        return error_set (err, errno,
                          "clone the lease's directory (Linux 5.12 and CAP_SYS_ADMIN are needed)");
    return steal_fd (&mount);
}

static void
target_finish (const struct target *t)
{
    const int fds[] = {t->container, t->mountinfo, t->outside[0], t->outside[1]};

    for (size_t i = 0; i < countof (fds); i++)
        cleanup_close (&fds[i]);
}

int
inject_mount (int mount, pid_t pid, uint64_t start, const char *rootfs, struct error *err)
{
    __attribute__ ((cleanup (target_finish))) struct target t = {.pid = pid,
                                                                 .start = start,
                                                                 .rootfs = rootfs,
                                                                 .container = -1,
                                                                 .mountinfo = -1,
                                                                 .outside = {-1, -1},
                                                                 .directory = -1,
                                                                 .mount = mount};

    return find_target (&t, err) < 0 ? -1 : in_container (&t, mount_there, err);
}

int
inject (int directory, pid_t pid, uint64_t start, const char *rootfs, struct error *err)
{
    _cleanup_close_ int mount = clone_mount (directory, err);

    return mount < 0 ? -1 : inject_mount (mount, pid, start, rootfs, err);
}

int
inject_undo (int directory, pid_t pid, uint64_t start, struct error *err)
{
    __attribute__ ((cleanup (target_finish))) struct target t = {.pid = pid,
                                                                 .start = start,
                                                                 .container = -1,
                                                                 .mountinfo = -1,
                                                                 .outside = {-1, -1},
                                                                 .directory = directory,
                                                                 .mount = -1};

    if (find_target (&t, err) < 0)
        return -1;
    return in_container (&t, unmount_there, err);
}
