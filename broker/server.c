#include "server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "../oci/cleanup.h"
#include "passing.h"

static bool
is_open (const struct connection *c)
{
    return c->source != NULL;
}

enum { REQUESTS = EPOLLIN | EPOLLRDHUP };

/* Edge-triggered: with many clients the kernel would look at every socket that has something for every event
 * that is fetched. Whoever leaves something unread therefore has to call this again, which tells what there
 * is anew.  */
static int
listen_for (struct connection *c, uint32_t events)
{
    return sd_event_source_set_io_events (c->source, events | EPOLLET);
}

static void
complain (struct server *server, pid_t pid, uid_t uid, const char *why, const char *what)
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

static void
drop_passed (struct connection *c)
{
    cleanup_close (&c->passed);
    c->passed = -1;
}

static void
connection_close (struct connection *c, const char *why)
{
    struct server *server = c->server;

    if (why)
        complain (server, c->pid, c->uid, why, "disconnected");
    drop_passed (c);
    c->source = sd_event_source_disable_unref (c->source);
    (void) close (c->fd);
    free (c->in);
    free (c->out);
    c->in = c->out = NULL;
    server->closed (server->userdata, c);
    let_in (server, SD_EVENT_ON);
}

/* Only what is under way has a deadline: a request half sent, a reply not taken, a client that sits there. */
static void
set_deadline (struct connection *c)
{
    if (c->waiting || (c->holding && c->in_len == 0 && c->out_len == 0)) {
        c->deadline = 0;
        return;
    }
    c->deadline = alarm_now () + REQUEST_TIMEOUT_US;
    alarm_need (&c->server->alarm, c->deadline);
}

/* While a reply is not taken, what was sent behind its call is not read: the socket has no room for all of
 * the reply, or holds too much to be called writable. NULL: nothing, the client sits there.  */
static const char *
what_is_late (const struct connection *c)
{
    if (c->out_len > 0)
        return "does not take its reply";
    if (c->in_len == 0)
        return NULL;
    return message_length (c->in, c->in_len) < 0 ? "no whole request in time" : "does not take its reply";
}

static uint64_t
on_alarm (void *userdata, uint64_t now)
{
    struct server *server = userdata;
    uint64_t next = 0;

    for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *c = &server->connections[i];

        if (!is_open (c) || c->deadline == 0)
            continue;
        if (c->deadline <= now)
            connection_close (c, what_is_late (c));
        else if (next == 0 || c->deadline < next)
            next = c->deadline;
    }
    return next;
}

static ssize_t
send_some (struct connection *c)
{
    const char *bytes = c->out + c->out_sent;
    size_t len = c->out_len - c->out_sent;
    ssize_t n;

    if (c->passed < 0)
        return send (c->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    n = passing_send (c->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT, c->passed);
    if (n > 0)
        drop_passed (c);
    return n;
}

/* -1: the peer is gone.  */
static int
flush (struct connection *c)
{
    while (c->out_sent < c->out_len) {
        ssize_t n = send_some (c);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return listen_for (c, EPOLLOUT) < 0 ? -1 : 0;
        if (n < 0)
            return -1;
        c->out_sent += (size_t) n;
    }
    if (c->out) {
        free (c->out);
        c->out = NULL;
        c->out_len = c->out_sent = 0;
    }
    return 0;
}

static int
queue_output (struct connection *c, char *text, size_t len)
{
    char *longer;

    if (!c->out) {
        c->out = text;
        c->out_len = len;
        c->out_sent = 0;
        return 0;
    }
    longer = c->out_len + len <= OUTPUT_BYTES_MAX ? realloc (c->out, c->out_len + len) : NULL;
    if (longer) {
        memcpy (longer + c->out_len, text, len);
        c->out = longer;
        c->out_len += len;
    }
    free (text);
    return longer ? 0 : -1;
}

/* text: the reply with its NUL, taken over.  */
static void
answer (struct connection *c, char *text, size_t len)
{
    bool waited = c->waiting;

    c->waiting = false;
    if (c->oneway) {
        free (text);
    } else if (!text || queue_output (c, text, len) < 0 || flush (c) < 0) {
        /* The handler may be using the connection: it is closed from the event loop, by the hangup it sees.
         */
        (void) shutdown (c->fd, SHUT_RDWR);
        return;
    }
    if (waited) {
        /* A writable socket is reported at once: what the client sent behind its call is looked at then.  */
        (void) listen_for (c, c->out || c->in_len > 0 ? EPOLLOUT : REQUESTS);
        set_deadline (c);
    }
}

void
connection_reply (struct connection *c, const char *error_name, json_t *parameters)
{
    size_t len = 0;
    char *text = message_format_reply (error_name, parameters, &len);

    answer (c, text, len);
}

void
connection_reply_text (struct connection *c, struct writer reply)
{
    writer_raw (&reply, "", 1);
    answer (c, reply.text, reply.len);
}

void
connection_reply_fd (struct connection *c, int fd)
{
    /* No call is looked at while a reply is on its way: this is the first byte.  */
    drop_passed (c);
    c->passed = fd;
    connection_reply (c, NULL, NULL);
}

void
connection_hold (struct connection *c, bool holding)
{
    c->holding = holding;
    set_deadline (c);
}

void
connection_wait (struct connection *c)
{
    c->waiting = true;
    /* Only the hangup, which epoll always tells: the client may take back its call by going away.  */
    (void) listen_for (c, EPOLLRDHUP);
}

bool
connection_takes_more (const struct connection *c)
{
    return !c->out;
}

void
connection_reply_more (struct connection *c, struct writer reply)
{
    bool first = !c->streaming;

    writer_raw (&reply, "", 1);
    c->waiting = c->streaming = true;
    if (!reply.text || queue_output (c, reply.text, reply.len) < 0 || flush (c) < 0)
        (void) shutdown (c->fd, SHUT_RDWR);
    else if (first && !c->out)
        (void) listen_for (c, EPOLLRDHUP);
}

/* All that a client does after such a call is to read, or to go.  */
static void
go_on_streaming (struct connection *c, uint32_t revents)
{
    if ((revents & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) || flush (c) < 0) {
        connection_close (c, NULL);
    } else if (!c->out) {
        (void) listen_for (c, EPOLLRDHUP);
        c->server->drained (c->server->userdata, c);
    }
}

/* How many calls were answered or queued; -1: the connection is closed.  */
static int
process_input (struct connection *c)
{
    size_t used = 0;
    int calls = 0;

    while (!c->waiting && !c->out) {
        long len = message_length (c->in + used, c->in_len - used);
        struct message_call call;
        struct error err;

        if (len < 0)
            break;
        if (message_parse_call (&call, c->in + used, (size_t) len, &err) < 0) {
            connection_close (c, err.message);
            return -1;
        }
        used += (size_t) len + 1;
        c->oneway = call.oneway;
        c->server->call (c->server->userdata, c, &call);
        message_call_finish (&call);
        calls++;
    }
    c->in_len -= used;
    memmove (c->in, c->in + used, c->in_len);
    return calls;
}

/* Room for one message and no more: who sends a longer one is told off.  */
static int
read_input (struct connection *c, uint32_t revents)
{
    size_t room;
    ssize_t n;

    if (c->in_len == c->in_room) {
        char *bigger;

        room = c->in_room ? c->in_room * 4 : 4096;
        bigger = room <= MESSAGE_BYTES_MAX ? realloc (c->in, room) : NULL;
        if (!bigger) {
            connection_close (c, "a request of more than 64 KiB");
            return -1;
        }
        c->in = bigger;
        c->in_room = room;
    }
    room = c->in_room - c->in_len;
    do
        n = recv (c->fd, c->in + c->in_len, room, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n <= 0) {
        connection_close (c, NULL);
        return -1;
    }
    c->in_len += (size_t) n;
    /* There may be more, or the end.  */
    if ((size_t) n == room || (revents & (EPOLLRDHUP | EPOLLHUP)))
        (void) listen_for (c, REQUESTS);
    return 0;
}

/* Whoever was answered often asks again at once: to look costs less than to be told by the event loop. Once,
 * since the others wait meanwhile. As process_input.  */
static int
take_requests (struct connection *c, uint32_t revents)
{
    enum { TURN_MAX = 2 };
    int calls = 0, n;

    do {
        if (read_input (c, revents) < 0)
            return -1;
        n = process_input (c);
        if (n < 0)
            return -1;
        calls += n;
    } while (n > 0 && calls < TURN_MAX && !c->waiting && !c->out);
    return calls;
}

static int
on_io (sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct connection *c = userdata;
    /* One more byte of a request that is under way wins its sender no time.  */
    bool anew = c->in_len == 0 || (revents & EPOLLOUT);
    int calls;

    (void) source;
    (void) fd;
    if (c->streaming) {
        go_on_streaming (c, revents);
        return 0;
    }
    if (c->waiting) {
        connection_close (c, NULL);
        return 0;
    }
    if (revents & EPOLLOUT) {
        if (flush (c) < 0) {
            connection_close (c, NULL);
            return 0;
        }
        if (c->out)
            return 0;
        (void) listen_for (c, REQUESTS);
        calls = process_input (c);
    } else {
        calls = take_requests (c, revents);
    }
    if (calls > 0 || (calls == 0 && anew))
        set_deadline (c);
    return 0;
}

static struct connection *
find_free (struct server *server, uid_t uid, const char **why)
{
    unsigned of_uid = 0, unprivileged = 0;
    struct connection *free_one = NULL;

    for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *c = &server->connections[i];

        if (!is_open (c)) {
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
        if (!is_open (&server->connections[i]))
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
        complain (server, peer->pid, peer->uid, why, "turned away");
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
    *c = (struct connection){.server = server,
                             .fd = fd,
                             .uid = peer.uid,
                             .pid = peer.pid,
                             .everybody = listener->everybody,
                             .passed = -1};
    if (sd_event_add_io (server->event, &c->source, fd, REQUESTS | EPOLLET, on_io, c) < 0) {
        c->source = NULL;
        return 0;
    }
    if (peer.uid != 0)
        (void) sd_event_source_set_priority (c->source, SD_EVENT_PRIORITY_IDLE);
    (void) steal_fd (&fd);
    set_deadline (c);
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
        if (is_open (&server->connections[i]))
            connection_close (&server->connections[i], NULL);
    for (size_t i = 0; i < countof (server->listeners); i++)
        server->listeners[i].source = sd_event_source_disable_unref (server->listeners[i].source);
    alarm_finish (&server->alarm);
}
