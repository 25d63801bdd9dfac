#include "observer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../oci/cleanup.h"
#include "child.h"

/* A look ends there, whatever a container does to make it long.  */
enum { DEPTH_MAX = 8, FILES_MAX = 200000, DRM_MAJOR = 226 };

static const char name[] = "dri-observer";

/* --- the child --- */

struct look {
    struct observation *out;
    bool simulated;
    int proc;
    unsigned files;
    unsigned tag;
};

static int
open_folder (int parent, const char *path)
{
    return openat (parent, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* The folder's stream; it takes fd over.  */
static DIR *
stream_of (int fd)
{
    DIR *dir = fd < 0 ? NULL : fdopendir (fd);

    if (!dir && fd >= 0)
        (void) close (fd);
    return dir;
}

static void
read_client (struct look *look, int folder, const char *path)
{
    _cleanup_close_ int fd = openat (folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct observation *out = look->out;
    struct fdinfo info;
    char text[4096];
    ssize_t n = fd < 0 ? -1 : read (fd, text, sizeof text - 1);

    if (n < 0)
        return;
    text[n] = '\0';
    if (!fdinfo_parse (text, &info))
        return;
    if (out->n_clients == OBSERVED_CLIENTS_MAX) {
        out->more = true;
        return;
    }
    out->clients[out->n_clients].tag = look->tag;
    out->clients[out->n_clients++].info = info;
}

/* Stands in for a DRM device: a file whose name ends so.  */
static bool
is_fixture (int fds, const char *number, const struct statx *st)
{
    static const char suffix[] = ".fdinfo";
    const size_t len = sizeof suffix - 1;
    char path[PATH_MAX];
    ssize_t n = S_ISREG (st->stx_mode) ? readlinkat (fds, number, path, sizeof path) : -1;

    return n > (ssize_t) len && memcmp (path + n - len, suffix, len) == 0;
}

/* Never asks a file system that may not answer: the numbers of a device are known without it.  */
static void
look_at_file (struct look *look, int fds, int fdinfos, const char *number)
{
    struct statx st;

    if (statx (fds, number, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &st) < 0)
        return;
    if (S_ISCHR (st.stx_mode) && st.stx_rdev_major == DRM_MAJOR)
        read_client (look, fdinfos, number);
    else if (look->simulated && is_fixture (fds, number, &st))
        read_client (look, fds, number);
}

static void
look_at_process (struct look *look, const char *pid)
{
    _cleanup_close_ int process = open_folder (look->proc, pid);
    _cleanup_close_ int fdinfos = process < 0 ? -1 : open_folder (process, "fdinfo");
    DIR *fds = stream_of (process < 0 ? -1 : open_folder (process, "fd"));

    if (!fds)
        return;
    for (const struct dirent *entry; (entry = readdir (fds));) {
        if (entry->d_name[0] == '.')
            continue;
        if (look->files++ >= FILES_MAX) {
            look->out->more = true;
            break;
        }
        look_at_file (look, dirfd (fds), fdinfos, entry->d_name);
    }
    (void) closedir (fds);
}

static void
look_at_processes (struct look *look, int group)
{
    int fd = openat (group, "cgroup.procs", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    FILE *list = fd < 0 ? NULL : fdopen (fd, "r");
    char line[32];

    if (!list) {
        if (fd >= 0)
            (void) close (fd);
        return;
    }
    while (fgets (line, sizeof line, list)) {
        line[strcspn (line, "\n")] = '\0';
        if (strcmp (line, "0") != 0) /* of a pid namespace that is not below ours */
            look_at_process (look, line);
    }
    (void) fclose (list);
}

/* Takes group over. A container may have groups of its own below its.  */
static void
look_at_group (struct look *look, int group, unsigned depth)
{
    DIR *dir;

    if (group >= 0)
        look_at_processes (look, group);
    dir = stream_of (group);
    if (!dir)
        return;
    for (const struct dirent *entry; depth < DEPTH_MAX && (entry = readdir (dir));)
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
            look_at_group (look, open_folder (dirfd (dir), entry->d_name), depth + 1);
    (void) closedir (dir);
}

static void
look_around (struct look *look)
{
    struct observation *out = look->out;

    look->files = 0;
    out->n_clients = 0;
    out->more = false;
    for (unsigned i = 0; i < out->n_groups && i < OBSERVED_GROUPS_MAX; i++) {
        _cleanup_close_ int group = -1;
        struct error err;

        look->tag = out->groups[i].tag;
        group = cgroup_open ("devices", out->groups[i].cgroup, &err);
        if (group >= 0)
            look_at_group (look, open_folder (group, "."), 0);
    }
}

static void
serve (int fd, void *data)
{
    struct look *look = data;
    char bell;

    look->proc = open_folder (AT_FDCWD, "/proc");
    while (recv (fd, &bell, 1, 0) == 1) {
        look_around (look);
        if (send (fd, &bell, 1, MSG_NOSIGNAL) < 0)
            break;
    }
}

/* --- the broker --- */

int
observer_start (struct observer *observer, bool simulated, struct error *err)
{
    static const cap_value_t caps[] = {CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH};
    static const int calls[] = {
        SCMP_SYS (openat),     SCMP_SYS (openat2),    SCMP_SYS (fstatfs), SCMP_SYS (statfs),
        SCMP_SYS (newfstatat), SCMP_SYS (fstat),      SCMP_SYS (statx),   SCMP_SYS (fcntl),
        SCMP_SYS (getdents64), SCMP_SYS (readlinkat),
    };
    struct look look = {.simulated = simulated};
    struct child child = {.name = name,
                          .caps = caps,
                          .n_caps = countof (caps),
                          .calls = calls,
                          .n_calls = countof (calls),
                          .serve = serve,
                          .data = &look};

    look.out = mmap (NULL, sizeof *look.out, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (look.out == MAP_FAILED)
        return error_set (err, errno, "mmap");
    observer->shared = look.out;
    observer->fd = child_start (&child, err);
    return observer->fd < 0 ? -1 : 0;
}

static int
on_answer (sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct observer *o = userdata;
    const volatile unsigned *counted = &o->shared->n_clients;
    unsigned n = *counted;
    char bell;

    if (revents & EPOLLHUP)
        return child_died (source, name);
    if (recv (fd, &bell, 1, MSG_DONTWAIT) != 1 || !o->asked)
        return 0;
    o->asked = false;
    o->done (o->userdata, o->shared->clients, n < OBSERVED_CLIENTS_MAX ? n : OBSERVED_CLIENTS_MAX,
             o->shared->more);
    return 0;
}

int
observer_watch (struct observer *observer, sd_event *event, struct error *err)
{
    int r = sd_event_add_io (event, NULL, observer->fd, EPOLLIN, on_answer, observer);

    return r < 0 ? error_set (err, -r, "watch %s", name) : 0;
}

int
observer_ask (struct observer *observer, struct error *err)
{
    if (send (observer->fd, "", 1, MSG_NOSIGNAL) != 1)
        return error_set (err, errno, "ask %s", name);
    observer->asked = true;
    return 0;
}
