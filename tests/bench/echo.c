#include "echo.h"

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct directory {
    char path[36], node[48], by_path[48], link[80];
};

struct server {
    enum echo kind;
    const struct echo_talk *talk;
    struct directory directories[CLIENTS_MAX];
    int journal;
    size_t journal_len;
};

static void
name_directory (struct directory *d, unsigned client)
{
    (void) snprintf (d->path, sizeof d->path, "%032x", client);
    (void) snprintf (d->node, sizeof d->node, "%032x/renderD128", client);
    (void) snprintf (d->by_path, sizeof d->by_path, "%032x/by-path", client);
    (void) snprintf (d->link, sizeof d->link, "%032x/by-path/pci-0000:00:02.0-render", client);
}

static void
make_directory (int root, const struct directory *d)
{
    if (mkdirat (root, d->path, 0755) < 0 || mknodat (root, d->node, S_IFCHR | 0660, makedev (226, 128)) < 0
        || fchownat (root, d->node, 1000, 1000, AT_SYMLINK_NOFOLLOW) < 0
        || mkdirat (root, d->by_path, 0755) < 0 || symlinkat ("../renderD128", root, d->link) < 0)
        die (d->path);
}

static void
remove_directory (int root, const struct directory *d)
{
    if (unlinkat (root, d->node, 0) < 0 || unlinkat (root, d->link, 0) < 0
        || unlinkat (root, d->by_path, AT_REMOVEDIR) < 0 || unlinkat (root, d->path, AT_REMOVEDIR) < 0)
        die (d->path);
}

static void
note (struct server *s, const struct message *call)
{
    enum { JOURNAL_MAX = 1 << 20 };

    if (s->journal_len > JOURNAL_MAX) {
        s->journal_len = 0;
        if (ftruncate (s->journal, 0) < 0 || lseek (s->journal, 0, SEEK_SET) < 0)
            die ("journal");
    }
    s->journal_len += call->len;
    if (write (s->journal, call->text, call->len) != (ssize_t) call->len)
        die ("journal");
}

static void
parse (const struct message *call)
{
    json_t *json = json_loadb (call->text, call->len - 1, JSON_REJECT_DUPLICATES, NULL);

    if (!json)
        die ("parse");
    json_decref (json);
}

static bool
serve_once (struct server *s, int fd, unsigned client)
{
    const struct echo_talk *talk = s->talk;
    struct message call;
    bool acquire;

    if (!receive_message (fd, &call))
        return false;
    acquire = call.len != talk->release_len;
    if (s->kind == ECHO_FLOOR) {
        parse (&call);
        note (s, &call);
    }
    if (s->kind >= ECHO_DIRECTORY)
        (acquire ? make_directory : remove_directory) (talk->root, &s->directories[client]);
    send_message (fd, acquire ? &talk->grant : &talk->release);
    return true;
}

static void
serve_all (struct server *s, const int *fds, unsigned n)
{
    struct epoll_event events[CLIENTS_MAX];
    int epoll = epoll_create1 (EPOLL_CLOEXEC);

    for (unsigned i = 0; i < n; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};

        if (epoll_ctl (epoll, EPOLL_CTL_ADD, fds[i], &event) < 0)
            die ("epoll_ctl");
    }
    for (;;) {
        int ready = epoll_wait (epoll, events, CLIENTS_MAX, -1);

        for (int i = 0; i < ready; i++)
            if (!serve_once (s, fds[events[i].data.u32], events[i].data.u32))
                return;
    }
}

static void __attribute__ ((noreturn))
run_server (enum echo kind, const struct echo_talk *talk, const int *fds, unsigned n)
{
    static struct server s; /* large */

    (void) prctl (PR_SET_PDEATHSIG, SIGKILL);
    (void) umask (0);
    s.kind = kind;
    s.talk = talk;
    s.journal = memfd_create ("journal", MFD_CLOEXEC);
    for (unsigned i = 0; i < n; i++)
        name_directory (&s.directories[i], i);
    if (kind != ECHO_BLOCKING)
        serve_all (&s, fds, n);
    while (kind == ECHO_BLOCKING && serve_once (&s, fds[0], 0))
        continue;
    _exit (0);
}

pid_t
echo_start (enum echo kind, const struct echo_talk *talk, int fds[CLIENTS_MAX], unsigned n)
{
    int own[CLIENTS_MAX];
    pid_t pid;

    for (unsigned i = 0; i < n; i++) {
        int ends[2];

        if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
            die ("socketpair");
        fds[i] = ends[0];
        own[i] = ends[1];
    }
    pid = fork ();
    if (pid < 0)
        die ("fork");
    if (pid == 0) {
        for (unsigned i = 0; i < n; i++)
            (void) close (fds[i]);
        run_server (kind, talk, own, n);
    }
    for (unsigned i = 0; i < n; i++)
        (void) close (own[i]);
    return pid;
}
