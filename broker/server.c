#include "server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "../oci/cleanup.h"

void
server_complain (struct server *server, pid_t pid, uid_t uid, const char *why, const char *what)
{
    uint64_t now = alarm_now ();

    if (uid != 0 && now >= server->complaints_until) {
        server->complaints_until = now + COMPLAINTS_PERIOD_US;
        server->complaints = 0;
    }
    if (uid != 0 && server->complaints++ >= COMPLAINTS_MAX)
        return;
    (void) fprintf (stderr, "client pid %d, uid %u: %s; %s\n", (int) pid, uid, why, what);
}

static void
let_in (struct server *server, int enabled)
{
    for (size_t i = 0; i < countof (server->listeners); i++)
        if (server->listeners[i].source)
            (void) sd_event_source_set_enabled (server->listeners[i].source, enabled);
}

void
server_connection_ended (struct server *server, struct connection *c)
{
    server->closed (server->userdata, c);
    let_in (server, SD_EVENT_ON);
}

static uint64_t
on_alarm (void *userdata, uint64_t now)
{
    struct server *server = userdata;
    uint64_t next = 0;

    for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *c = &server->connections[i];

        if (!connection_is_open (c) || c->deadline == 0)
            continue;
        if (c->deadline <= now)
            connection_close (c, connection_lateness (c));
        else if (next == 0 || c->deadline < next)
            next = c->deadline;
    }
    return next;
}

static struct connection *
find_free (struct server *server, uid_t uid, const char **why)
{
    unsigned of_uid = 0, unprivileged = 0;
    struct connection *free_one = NULL;

    for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *c = &server->connections[i];

        if (!connection_is_open (c)) {
            free_one = c;
            continue;
        }
        of_uid += c->uid == uid;
        unprivileged += c->uid != 0;
    }
    if (uid != 0 && (of_uid >= CONNECTIONS_UID_MAX || unprivileged >= CONNECTIONS_UNPRIVILEGED_MAX)) {
        *why = "too many connections of unprivileged users";
        return NULL;
    }
    return free_one;
}

static bool
has_room (const struct server *server)
{
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
        if (!connection_is_open (&server->connections[i]))
            return true;
    return false;
}

static void
turn_away (int fd, const char *why)
{
    size_t len;
    _cleanup_free_ char *text =
        message_format_reply ("io.dri.Broker.Refused", json_pack ("{s:s}", "reason", why), &len);

    if (text)
        (void) send (fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* NULL: turned away.  */
static struct connection *
admit (const struct listener *listener, int fd, const struct ucred *peer)
{
    struct server *server = listener->server;
    const char *why = "no room";
    struct connection *c;
    struct error err;

    if (listener->everybody && peer->uid != 0 && server->admit (server->userdata, fd, &err) < 0) {
        /* Nothing to complain of: it may have been an honest try, and there may be many.  */
        turn_away (fd, err.message);
        return NULL;
    }
    c = find_free (server, peer->uid, &why);
    if (!c) {
        server_complain (server, peer->pid, peer->uid, why, "turned away");
        turn_away (fd, why);
    }
    return c;
}

static int
on_connect (sd_event_source *source, int listen_fd, uint32_t revents, void *userdata)
{
    struct listener *listener = userdata;
    struct server *server = listener->server;
    socklen_t size = sizeof (struct ucred);
    struct connection *c;
    _cleanup_close_ int fd = -1;
    struct ucred peer;

    (void) source;
    (void) revents;
    fd = accept4 (listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 || getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return 0;
    c = admit (listener, fd, &peer);
    if (!c)
        return 0;
    if (connection_open (c, server, fd, &peer, listener->everybody) < 0)
        return 0;
    (void) steal_fd (&fd);
    /* Those who come now wait in the backlog until somebody goes.  */
    if (!has_room (server))
        let_in (server, SD_EVENT_OFF);
    return 0;
}

static int
start_listener (struct server *server, struct listener *listener, int fd, bool everybody, struct error *err)
{
    int r;

    *listener = (struct listener){.server = server, .everybody = everybody};
    if (fd < 0)
        return 0;
    r = sd_event_add_io (server->event, &listener->source, fd, EPOLLIN, on_connect, listener);
    if (r >= 0)
        r = sd_event_source_set_io_fd_own (listener->source, 1);
    if (r >= 0 && everybody)
        r = sd_event_source_set_priority (listener->source, SD_EVENT_PRIORITY_IDLE);
    return r < 0 ? error_set (err, -r, "listen") : 0;
}

int
server_start (struct server *server, sd_event *event, int fd, int everybody, struct error *err)
{
    server->event = event;
    return alarm_init (&server->alarm, event, on_alarm, server, err) < 0
                   || start_listener (server, &server->listeners[0], fd, false, err) < 0
                   || start_listener (server, &server->listeners[1], everybody, true, err) < 0
               ? -1
               : 0;
}

void
server_finish (struct server *server)
{
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
        if (connection_is_open (&server->connections[i]))
            connection_close (&server->connections[i], NULL);
    for (size_t i = 0; i < countof (server->listeners); i++)
        server->listeners[i].source = sd_event_source_disable_unref (server->listeners[i].source);
    alarm_finish (&server->alarm);
}
