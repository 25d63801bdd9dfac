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
#include "device_cgroup.h"

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

static int
join_device_cgroup (pid_t pid, struct error *err)
{
    _cleanup_close_ int group = -1;
    _cleanup_close_ int procs = -1;
    char path[4096];

    if (device_cgroup_of (pid, path, sizeof path, err) < 0)
        return -1;
    /* Without any hierarchy nothing filters devices, for the workload neither.  */
    if (path[0] == '\0')
        return 0;
    group = device_cgroup_open (path, err);
    if (group < 0)
        return -1;
    procs = openat (group, "cgroup.procs", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (procs < 0 || write (procs, "0", 1) != 1)
        return error_set (err, errno, "join the container's control group %s", path);
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
