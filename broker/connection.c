#include "connection.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "../oci/cleanup.h"
#include "passing.h"
#include "server.h"

enum { REQUESTS = EPOLLIN | EPOLLRDHUP };

bool
connection_is_open (const struct connection *c)
{
    return c->source != NULL;
}

/* Edge-triggered: with many clients the kernel would look at every socket that has something for every event
 * that is fetched. Whoever leaves something unread therefore has to call this again, which tells what there
 * is anew.  */
static int
listen_for (struct connection *c, uint32_t events)
{
    return sd_event_source_set_io_events (c->source, events | EPOLLET);
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

static void
drop_passed (struct connection *c)
{
    cleanup_close (&c->passed);
    c->passed = -1;
}

void
connection_close (struct connection *c, const char *why)
{
    /* Before the client can see that it is cut off.  */
    if (why)
        server_complain (c->server, c->pid, c->uid, why, "disconnected");
    drop_passed (c);
    c->source = sd_event_source_disable_unref (c->source);
    (void) close (c->fd);
    free (c->in);
    free (c->out);
    c->in = c->out = NULL;
    server_connection_ended (c->server, c);
}

/* While a reply is not taken, what was sent behind its call is not read: the socket has no room for all of
 * the reply, or holds too much to be called writable.  */
const char *
connection_lateness (const struct connection *c)
{
    if (c->out_len > 0)
        return "does not take its reply";
    if (c->in_len == 0)
        return NULL;
    return message_length (c->in, c->in_len) < 0 ? "no whole request in time" : "does not take its reply";
}

/* --- replies --- */

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

/* --- requests --- */

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

int
connection_open (struct connection *c, struct server *server, int fd, const struct ucred *peer,
                 bool everybody)
{
    *c = (struct connection){
        .server = server, .fd = fd, .uid = peer->uid, .pid = peer->pid, .everybody = everybody, .passed = -1};
    if (sd_event_add_io (server->event, &c->source, fd, REQUESTS | EPOLLET, on_io, c) < 0) {
        c->source = NULL;
        return -1;
    }
    if (peer->uid != 0)
        (void) sd_event_source_set_priority (c->source, SD_EVENT_PRIORITY_IDLE);
    set_deadline (c);
    return 0;
}
