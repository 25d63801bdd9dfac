#include "warden.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../hook/cgroup.h"
#include "../oci/below.h"
#include "../oci/cleanup.h"
#include "../oci/grant.h"
#include "child.h"
#include "passing.h"

static const char name[] = "dri-warden";

/* What it does is a handful of system calls that do not wait for anybody.  */
enum { ANSWER_MS = 2000 };

struct call {
    char lease[33]; /* "": it is about a device filter */
    char cgroup[CGROUP_PATH_MAX];
    bool shut;
    unsigned n;
    struct device_number devices[DEVICE_CGROUP_DEVICES_MAX];
};

struct answer {
    bool ok;
    struct error error;
};

/* --- the child --- */

static int
set_filter (struct call *call, struct error *err)
{
    _cleanup_close_ int group = -1;

    call->cgroup[sizeof call->cgroup - 1] = '\0';
    group = cgroup_open ("devices", call->cgroup, err);
    if (group < 0)
        return -1;
    return call->shut ? device_cgroup_shut_drm (group, err)
                      : device_cgroup_set_drm (group, call->devices, call->n, err);
}

/* By its own way to the lease root, and no further: nothing else can be asked for.  */
static int
open_lease (const char *lease_root, const char *lease, struct error *err)
{
    _cleanup_close_ int root = -1;
    int fd;

    if (!lease_id_valid (lease))
        return error_set (err, EINVAL, "lease");
    root = open (lease_root, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    fd = root < 0 ? -1
                  : open_below (root, lease, O_PATH | O_DIRECTORY,
                                RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
    return fd < 0 ? error_set (err, errno, "the lease's directory in %s", lease_root) : fd;
}

/* Private, so that nothing mounted below it comes back. Whoever gets it can leave out "read-only" in a mount
 * namespace of his own: the directory is still root's, and nobody else can write there.  */
static int
make_mount (const char *lease_root, const char *lease, struct error *err)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
                              .propagation = MS_PRIVATE};
    _cleanup_close_ int directory = open_lease (lease_root, lease, err);
    _cleanup_close_ int mount = -1;

    if (directory < 0)
        return -1;
    mount = (int) syscall (SYS_open_tree, directory, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (mount < 0 || syscall (SYS_mount_setattr, mount, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
        return error_set (err, errno, "a mount of the lease's directory (Linux 5.12 is needed)");
    return steal_fd (&mount);
}

static void
serve (int fd, void *data)
{
    const char *lease_root = data;
    static struct call call;
    static struct answer answer;

    while (recv (fd, &call, sizeof call, 0) == (ssize_t) sizeof call) {
        _cleanup_close_ int mount = -1;

        call.lease[sizeof call.lease - 1] = '\0';
        if (call.lease[0])
            mount = make_mount (lease_root, call.lease, &answer.error);
        answer.ok = call.lease[0] ? mount >= 0 : set_filter (&call, &answer.error) == 0;
        if (passing_send (fd, &answer, sizeof answer, MSG_NOSIGNAL, mount) < 0)
            break;
    }
}

/* --- the broker --- */

int
warden_start (struct warden *warden, const char *lease_root, struct error *err)
{
    static const cap_value_t caps[] = {CAP_SYS_ADMIN};
    static const int calls[] = {
        SCMP_SYS (sendmsg),                             /* a mount, to the broker */
        SCMP_SYS (open_tree), SCMP_SYS (mount_setattr), /* the mount */
        SCMP_SYS (statfs),    SCMP_SYS (fstatfs),       SCMP_SYS (openat),
        SCMP_SYS (openat2),   SCMP_SYS (bpf), /* the group */
    };
    struct child child = {.name = name,
                          .caps = caps,
                          .n_caps = countof (caps),
                          .calls = calls,
                          .n_calls = countof (calls),
                          .serve = serve,
                          .data = (void *) lease_root};

    warden->fd = child_start (&child, err);
    return warden->fd < 0 ? -1 : 0;
}

static int
on_hangup (sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    (void) fd;
    (void) revents;
    (void) userdata;
    return child_died (source, name);
}

int
warden_watch (const struct warden *warden, sd_event *event, struct error *err)
{
    int r = sd_event_add_io (event, NULL, warden->fd, EPOLLHUP, on_hangup, NULL);

    return r < 0 ? error_set (err, -r, "watch %s", name) : 0;
}

/* *fd: as passing_receive.  */
static int
ask (const struct warden *warden, const struct call *call, struct answer *answer, int *fd, struct error *err)
{
    struct pollfd p = {.fd = warden->fd, .events = POLLIN};

    if (send (warden->fd, call, sizeof *call, MSG_NOSIGNAL) != (ssize_t) sizeof *call)
        return error_set (err, errno, "ask the warden");
    if (poll (&p, 1, ANSWER_MS) <= 0) {
        /* Its answer to this would be taken for that to the next.  */
        (void) shutdown (warden->fd, SHUT_RDWR);
        return error_set (err, ETIMEDOUT, "ask the warden");
    }
    if (passing_receive (warden->fd, answer, sizeof *answer, MSG_DONTWAIT, fd) != (ssize_t) sizeof *answer)
        return error_set (err, errno, "ask the warden");
    return 0;
}

static int
ask_about_filter (const struct warden *warden, const char *cgroup, struct call *call, struct error *err)
{
    static struct answer answer;
    _cleanup_close_ int none = -1;

    (void) snprintf (call->cgroup, sizeof call->cgroup, "%s", cgroup);
    if (ask (warden, call, &answer, &none, err) < 0)
        return -1;
    if (!answer.ok) {
        *err = answer.error;
        return -1;
    }
    return 0;
}

int
warden_set_drm (const struct warden *warden, const char *cgroup, const struct device_number *devices,
                unsigned n, struct error *err)
{
    static struct call call;

    if (cgroup[0] == '\0')
        return 0;
    call = (struct call){.n = n};
    if (n > DEVICE_CGROUP_DEVICES_MAX)
        return error_set (err, E2BIG, "%u devices", n);
    memcpy (call.devices, devices, n * sizeof *devices);
    return ask_about_filter (warden, cgroup, &call, err);
}

int
warden_shut_drm (const struct warden *warden, const char *cgroup, struct error *err)
{
    static struct call call;

    if (cgroup[0] == '\0')
        return 0;
    call = (struct call){.shut = true};
    return ask_about_filter (warden, cgroup, &call, err);
}

int
warden_mount (const struct warden *warden, const char *lease, struct error *err)
{
    static struct call call;
    static struct answer answer;
    _cleanup_close_ int mount = -1;

    call = (struct call){.n = 0};
    (void) snprintf (call.lease, sizeof call.lease, "%s", lease);
    if (ask (warden, &call, &answer, &mount, err) < 0)
        return -1;
    if (!answer.ok) {
        *err = answer.error;
        return -1;
    }
    return mount < 0 ? error_set (err, EPROTO, "ask the warden") : steal_fd (&mount);
}
