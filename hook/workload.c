#include "workload.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../oci/cleanup.h"
#include "../oci/file.h"

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

/* Where runtimes look for control groups: v2 alone, or v1 with a folder for each hierarchy (systemd's
 * layouts; on a hybrid one it is v1's devices that filters). NULL: none is there. What is not mounted filters
 * nothing, though /proc/PID/cgroup may list it.  */
static const char *
device_cgroup_mount (bool *v1)
{
    struct statfs fs;

    *v1 = statfs ("/sys/fs/cgroup", &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC;
    if (!*v1)
        return "/sys/fs/cgroup";
    return statfs ("/sys/fs/cgroup/devices", &fs) == 0 && fs.f_type == CGROUP_SUPER_MAGIC
               ? "/sys/fs/cgroup/devices"
               : NULL;
}

static bool
names_devices (const char *controllers)
{
    const char *at = strstr (controllers, "devices");

    return at && (at == controllers || at[-1] == ',') && (at[7] == '\0' || at[7] == ',');
}

/* The path in the line of /proc/PID/cgroup for that hierarchy, cut out of text in place. NULL: there is none.
 */
static const char *
device_cgroup (char *text, bool v1)
{
    char *save = NULL;

    for (char *line = strtok_r (text, "\n", &save); line; line = strtok_r (NULL, "\n", &save)) {
        char *controllers = strchr (line, ':'), *path = controllers ? strchr (controllers + 1, ':') : NULL;

        if (!path)
            continue;
        *path++ = '\0';
        controllers++;
        if (v1 ? names_devices (controllers) : *controllers == '\0')
            return path;
    }
    return NULL;
}

static int
join_device_cgroup (pid_t pid, struct error *err)
{
    char proc[40], path[4200];
    _cleanup_free_ char *text = NULL;
    _cleanup_close_ int fd = -1;
    const char *cgroup, *mount;
    size_t len;
    bool v1;

    (void) snprintf (proc, sizeof proc, "/proc/%d/cgroup", (int) pid);
    if (file_read (proc, 1 << 16, &text, &len, err) < 0)
        return -1;
    mount = device_cgroup_mount (&v1);
    cgroup = mount ? device_cgroup (text, v1) : NULL;
    /* Without any hierarchy nothing filters devices, for the workload neither.  */
    if (!cgroup)
        return 0;
    (void) snprintf (path, sizeof path, "%s%s/cgroup.procs", mount, cgroup);
    fd = open (path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write (fd, "0", 1) != 1)
        return error_set (err, errno, "join the container's cgroup %s", path);
    return 0;
}

/* Joining the user namespace that one is in is EINVAL (setns(2)).  */
static int
join_user_namespace (int container, struct error *err)
{
    if (setns (container, CLONE_NEWUSER) < 0 && errno != EINVAL)
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

static int
drop_capabilities (bool keep_dac_override, struct error *err)
{
    const cap_value_t kept = CAP_DAC_OVERRIDE;
    cap_t caps = cap_init ();
    int r = caps ? 0 : -1;

    if (r == 0 && keep_dac_override) {
        r = cap_set_flag (caps, CAP_PERMITTED, 1, &kept, CAP_SET);
        if (r == 0)
            r = cap_set_flag (caps, CAP_EFFECTIVE, 1, &kept, CAP_SET);
    }
    if (r == 0)
        r = cap_set_proc (caps);
    if (caps)
        (void) cap_free (caps);
    return r < 0 ? error_set (err, errno, "drop capabilities") : 0;
}

int
workload_become (pid_t pid, const char *rootfs, const struct workload_user *user, struct error *err)
{
    _cleanup_close_ int container = pidfd_open (pid, 0);
    _cleanup_close_ int root = -1;
    pid_t parent = getppid ();

    if (container < 0)
        return error_set (err, errno, "the container's process %d", (int) pid);
    if (join_device_cgroup (pid, err) < 0)
        return -1;
    if (setns (container, CLONE_NEWNS) < 0)
        return error_set (err, errno, "join the container's mount namespace");
    /* Still as root: the folders above the container's root are none of the workload's.  */
    root = open (rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return error_set (err, errno, "the container's root file system %s", rootfs);
    if (join_user_namespace (container, err) < 0 || take_ids (user, err) < 0
        || drop_capabilities (user->uid == 0 && user->dac_override, err) < 0)
        return -1;
    /* Changing ids clears the death signal, so it is set last.  */
    if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl (PR_SET_PDEATHSIG, SIGKILL) < 0
        || getppid () != parent)
        return error_set (err, errno, "prctl");
    return steal_fd (&root);
}
