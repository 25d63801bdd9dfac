#include "observer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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
#include "../oci/clock.h"
#include "child.h"
#include "drm_files.h"
#include "drm_memory.h"

/* A look ends there, whatever a container does to make it long.  */
enum { DEPTH_MAX = 8, FILES_MAX = 200000, FILES_LEAST = 4096, DRM_MAJOR = 226 };

static const char name[] = "dri-observer";

/* --- the child --- */

struct look {
    struct observation *out;
    struct drm_files files;
    unsigned tag;
    unsigned first, end; /* of its clients: where they begin, and have to end */
    unsigned places;     /* of the memory; found out before system calls are taken away */
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

static struct observed_client *
seen_before (const struct look *look, const struct fdinfo *info)
{
    struct observation *out = look->out;

    for (unsigned i = out->n_clients; i-- > look->first;)
        if (out->clients[i].info.client == info->client && strcmp (out->clients[i].info.pdev, info->pdev) == 0
            && strcmp (out->clients[i].info.driver, info->driver) == 0)
            return &out->clients[i];
    return NULL;
}

/* Processes that were forked have their parent's files: one client, seen in all of them.  */
static void
take (void *userdata, const struct fdinfo *info)
{
    struct look *look = userdata;
    struct observation *out = look->out;
    struct observed_client *before = seen_before (look, info);

    if (before) {
        fdinfo_merge (&before->info, info);
    } else if (out->n_clients == look->end) {
        out->more = true;
    } else {
        out->clients[out->n_clients].tag = look->tag;
        out->clients[out->n_clients++].info = *info;
    }
}

static bool
is_gpu (const struct observation *o, unsigned device_major, unsigned device_minor)
{
    if (device_major == DRM_MAJOR)
        return true;
    for (unsigned i = 0; i < o->n_devices && i < OBSERVED_DEVICES_MAX; i++)
        if (o->devices[i].major == device_major && o->devices[i].minor == device_minor)
            return true;
    return false;
}

static void
read_comm (char comm[OBSERVED_COMM_MAX], int proc, const char *pid)
{
    char path[48];
    _cleanup_close_ int fd = -1;
    ssize_t n;

    (void) snprintf (path, sizeof path, "%s/comm", pid);
    fd = openat (proc, path, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? 0 : read (fd, comm, OBSERVED_COMM_MAX - 1);
    comm[n > 0 ? n : 0] = '\0';
    comm[strcspn (comm, "\n")] = '\0';
}

static void
take_holder (void *userdata, const char *pid, unsigned device_major, unsigned device_minor)
{
    struct look *look = userdata;
    struct observation *out = look->out;
    const int number = (int) strtol (pid, NULL, 10);
    struct observed_holder *holder = &out->holders[out->n_holders];

    if (!is_gpu (out, device_major, device_minor)
        || (out->n_holders > 0 && holder[-1].tag == look->tag && holder[-1].pid == number))
        return;
    if (out->n_holders == OBSERVED_HOLDERS_MAX)
        return;
    *holder = (struct observed_holder){.tag = look->tag, .pid = number};
    read_comm (holder->comm, look->files.proc, pid);
    out->n_holders++;
}

/* Each line that is there whole; what is left of text begins it anew. Returns how long that is.  */
static size_t
look_at_lines (struct look *look, char *text, size_t len)
{
    char *line = text, *end;

    while ((end = memchr (line, '\n', len - (size_t) (line - text)))) {
        *end = '\0';
        if (strcmp (line, "0") != 0) /* of a pid namespace that is not below ours */
            drm_files_look_at (&look->files, line);
        line = end + 1;
    }
    len -= (size_t) (line - text);
    memmove (text, line, len);
    return len;
}

static void
look_at_processes (struct look *look, int group)
{
    _cleanup_close_ int fd = openat (group, "cgroup.procs", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    char text[4096];
    size_t len = 0;
    ssize_t n;

    while (fd >= 0 && len < sizeof text && (n = read (fd, text + len, sizeof text - len)) > 0)
        len = look_at_lines (look, text, len + (size_t) n);
}

/* The kernel counts them as links (kernfs_refresh_inode of fs/kernfs/inode.c: those of the folder and two),
 * and a folder has tens of files to go through.  */
static bool
has_no_folders (int group)
{
    struct stat st;

    return fstat (group, &st) == 0 && st.st_nlink == 2;
}

/* Takes group over. A container may have groups of its own below its.  */
static void
look_at_group (struct look *look, int group, unsigned depth)
{
    DIR *dir;

    if (group >= 0)
        look_at_processes (look, group);
    if (group >= 0 && (depth == DEPTH_MAX || has_no_folders (group))) {
        (void) close (group);
        return;
    }
    dir = stream_of (group);
    if (!dir)
        return;
    for (const struct dirent *entry; (entry = readdir (dir));)
        /* lxc-attach has one called ".lxc".  */
        if (entry->d_type == DT_DIR && strcmp (entry->d_name, ".") != 0 && strcmp (entry->d_name, "..") != 0)
            look_at_group (look, open_folder (dirfd (dir), entry->d_name), depth + 1);
    (void) closedir (dir);
}

/* One that has very many files or clients takes nothing from those that come after it: of what is left, a
 * group has its part. Returns how many files that was.  */
static unsigned
share_out (struct look *look, unsigned groups, unsigned files)
{
    unsigned part = files / groups;

    look->first = look->out->n_clients;
    look->end = look->first + (OBSERVED_CLIENTS_MAX - look->first) / groups;
    look->files.left = part > FILES_LEAST ? part : FILES_LEAST;
    return look->files.left;
}

static void
look_around (struct look *look)
{
    struct observation *out = look->out;
    unsigned n = out->n_groups < OBSERVED_GROUPS_MAX ? out->n_groups : OBSERVED_GROUPS_MAX;
    unsigned files = FILES_MAX;
    struct error ignored;
    _cleanup_close_ int mount = cgroup_open_mount ("devices", &ignored);

    look->files.more = false;
    out->n_clients = out->n_holders = 0;
    out->more = false;
    drm_memory_begin (look->files.memory, (uint64_t) clock_ms ());
    for (unsigned i = 0; i < n; i++) {
        unsigned part = share_out (look, n - i, files), used;

        look->tag = out->groups[i].tag;
        look->files.device = out->groups[i].who ? take_holder : NULL;
        look_at_group (look, cgroup_open_below (mount, out->groups[i].cgroup), 0);
        used = part - look->files.left;
        files -= used < files ? used : files;
    }
    drm_memory_end (look->files.memory);
    out->more |= look->files.more;
}

/* Nobody asks any more: nothing is kept.  */
static void
wait_for_bell (int fd, struct drm_memory *memory)
{
    struct pollfd bell = {.fd = fd, .events = POLLIN};

    if (memory->used > 0 && poll (&bell, 1, DRM_MEMORY_MS) == 0)
        drm_memory_forget (memory);
}

static void
serve (int fd, void *data)
{
    static struct drm_memory memory; /* large */
    struct look *look = data;
    char bell;

    memory.places = look->places;
    look->files.memory = &memory;
    look->files.proc = open_folder (AT_FDCWD, "/proc");
    while (recv (fd, &bell, 1, 0) == 1) {
        look_around (look);
        if (send (fd, &bell, 1, MSG_NOSIGNAL) < 0)
            break;
        wait_for_bell (fd, &memory);
    }
}

/* --- the broker --- */

int
observer_start (struct observer *observer, bool simulated, struct error *err)
{
    static const cap_value_t caps[] = {CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH};
    static const int calls[] = {
        SCMP_SYS (openat),        SCMP_SYS (openat2),    SCMP_SYS (fstatfs), SCMP_SYS (statfs),
        SCMP_SYS (newfstatat),    SCMP_SYS (fstat),      SCMP_SYS (statx),   SCMP_SYS (fcntl),
        SCMP_SYS (getdents64),    SCMP_SYS (readlinkat), SCMP_SYS (poll),    SCMP_SYS (ppoll),
        SCMP_SYS (clock_gettime),
    };
    struct look look = {.files = {.simulated = simulated, .found = take}, .places = drm_memory_places ()};
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
    look.files.userdata = &look;
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
