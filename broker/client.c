#include "client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../oci/cleanup.h"
#include "../oci/clock.h"
#include "../oci/config.h"
#include "interface.h"
#include "message.h"
#include "passing.h"

/* A Status of all leases is larger than what the broker takes from us.  */
enum { REPLY_BYTES_MAX = 4 << 20, CONNECT_TIMEOUT_MS = 5000 };

/* Sets the message for a broker that is not there, with the next step.  */
static enum client_result
unreachable (int status, const char *what, struct error *err)
{
    const char *next = "";

    if (status == ENOENT || status == ECONNREFUSED)
        next = "; is it running? systemctl start dri-broker.socket";
    else if (status == EACCES || status == EPERM)
        next = "; only root (sudo) and the group dri-broker may talk to it";
    else if (status == ETIMEDOUT || status == EAGAIN)
        next = "; what is it doing? journalctl -u dri-broker";
    else if (status == ECONNRESET)
        next = "; try again, journalctl -u dri-broker tells why";
    error_set (err, 0, "the broker at %s %s: %s%s", config_socket (), what, strerror (status), next);
    err->status = status;
    return CLIENT_UNREACHABLE;
}

/* -1 with errno.  */
static int
connect_to (const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval timeout = {.tv_sec = CONNECT_TIMEOUT_MS / 1000};
    _cleanup_close_ int fd = -1;

    if (strlen (path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    (void) snprintf (address.sun_path, sizeof address.sun_path, "%s", path);
    fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* connect waits for room in the backlog of a hung broker as long as sending may take.  */
    if (fd < 0 || setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) < 0
        || connect (fd, (const struct sockaddr *) &address, sizeof address) < 0)
        return -1;
    return steal_fd (&fd);
}

enum client_result
client_connect (struct client *client, struct error *err)
{
    char path[sizeof ((struct sockaddr_un *) 0)->sun_path];
    int fd = connect_to (config_socket ()), status = errno;

    if (fd < 0 && status == EACCES && config_user_socket (path, sizeof path, err) == 0)
        fd = connect_to (path);
    if (fd < 0)
        return unreachable (status, "cannot be reached", err);
    client->fd = fd;
    return CLIENT_OK;
}

void
client_close (struct client *client)
{
    if (client->fd >= 0)
        (void) close (client->fd);
    client->fd = -1;
}

static int
send_all (int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send (fd, data, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        len -= (size_t) n;
    }
    return 0;
}

static int
wait_readable (int fd, int64_t deadline)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    for (;;) {
        int64_t left = deadline - clock_ms ();
        int r = poll (&p, 1, left > 0 ? (int) left : 0);

        if (r > 0)
            return 0;
        if (r == 0) {
            errno = ETIMEDOUT;
            return -1;
        }
        if (errno != EINTR)
            return -1;
    }
}

/* Reads one message; the caller frees it. passed: where a descriptor that comes with it goes, or NULL. NULL
 * with errno.  */
static char *
receive (int fd, int64_t deadline, size_t *len, int *passed)
{
    size_t room = 4096, used = 0;
    _cleanup_free_ char *buffer = malloc (room);

    while (buffer) {
        ssize_t n;

        if (wait_readable (fd, deadline) < 0)
            return NULL;
        n = passed ? passing_receive (fd, buffer + used, room - used, MSG_DONTWAIT, passed)
                   : recv (fd, buffer + used, room - used, MSG_DONTWAIT);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0) {
            errno = n < 0 ? errno : ECONNRESET;
            return NULL;
        }
        used += (size_t) n;
        if (buffer[used - 1] == '\0') {
            *len = used - 1;
            return steal_ptr (&buffer);
        }
        if (used == room) {
            char *bigger = room < REPLY_BYTES_MAX ? realloc (buffer, room * 2) : NULL;

            if (!bigger) {
                errno = EMSGSIZE;
                return NULL;
            }
            buffer = bigger;
            room *= 2;
        }
    }
    return NULL;
}

static enum client_result
read_reply (const char *text, size_t len, json_t **reply, struct error *err)
{
    _cleanup_json_ json_t *root = NULL;
    json_t *parameters;
    const char *name, *reason;
    json_error_t where;

    root = json_loadb (text, len, 0, &where);
    if (!json_is_object (root))
        return unreachable (EPROTO, "does not speak varlink", err);
    parameters = json_object_get (root, "parameters");
    name = json_string_value (json_object_get (root, "error"));
    if (name) {
        reason = json_string_value (json_object_get (parameters, "reason"));
        error_set (err, 0, "%s", reason ? reason : name);
        return CLIENT_REFUSED;
    }
    if (reply)
        *reply = parameters ? json_incref (parameters) : json_object ();
    return CLIENT_OK;
}

static enum client_result
exchange (struct client *client, const char *method, json_t *parameters, unsigned timeout_ms, json_t **reply,
          int *passed, struct error *err)
{
    char name[128];
    size_t len;
    _cleanup_free_ char *call = NULL;
    _cleanup_free_ char *text = NULL;

    (void) snprintf (name, sizeof name, "%s%s", strchr (method, '.') ? "" : INTERFACE_NAME ".", method);
    call = message_format_call (name, parameters, &len);
    if (call && len > MESSAGE_BYTES_MAX) {
        error_set (err, 0, "the request has %zu bytes, the broker takes %d", len, MESSAGE_BYTES_MAX);
        return CLIENT_REFUSED;
    }
    /* A broker that turns somebody away says why, and hangs up, before it has heard anything.  */
    if (call && (send_all (client->fd, call, len) == 0 || errno == EPIPE))
        text = receive (client->fd, clock_ms () + timeout_ms, &len, passed);
    if (!text)
        return unreachable (
            errno, errno == ECONNRESET ? "was stopped, or has ended, before it answered" : "does not answer",
            err);
    return read_reply (text, len, reply, err);
}

enum client_result
client_call (struct client *client, const char *method, json_t *parameters, unsigned timeout_ms,
             json_t **reply, struct error *err)
{
    return exchange (client, method, parameters, timeout_ms, reply, NULL, err);
}

enum client_result
client_call_fd (struct client *client, const char *method, json_t *parameters, unsigned timeout_ms, int *fd,
                struct error *err)
{
    _cleanup_close_ int passed = -1;
    enum client_result result = exchange (client, method, parameters, timeout_ms, NULL, &passed, err);

    if (result != CLIENT_OK)
        return result;
    if (passed < 0)
        return unreachable (EPROTO, "sent no descriptor", err);
    *fd = steal_fd (&passed);
    return CLIENT_OK;
}

enum client_result
client_stream_begin (struct client_stream *stream, const struct client *client, const char *method,
                     json_t *parameters, struct error *err)
{
    _cleanup_json_ json_t *root = NULL;
    _cleanup_free_ char *call = NULL;
    char name[128];

    *stream = (struct client_stream){.fd = client->fd};
    (void) snprintf (name, sizeof name, INTERFACE_NAME ".%s", method);
    root = json_pack ("{s:s s:o s:b}", "method", name, "parameters", parameters ? parameters : json_object (),
                      "more", 1);
    call = root ? json_dumps (root, JSON_COMPACT) : NULL;
    if (call && (send_all (client->fd, call, strlen (call) + 1) == 0 || errno == EPIPE))
        return CLIENT_OK;
    return unreachable (errno, "does not answer", err);
}

/* More of what the broker sends; -1 with errno.  */
static int
read_more (struct client_stream *stream)
{
    ssize_t n;

    if (stream->len == stream->room) {
        size_t room = stream->room ? stream->room * 2 : 4096;
        char *bigger = room <= REPLY_BYTES_MAX ? realloc (stream->data, room) : NULL;

        if (!bigger) {
            errno = EMSGSIZE;
            return -1;
        }
        stream->data = bigger;
        stream->room = room;
    }
    do
        n = recv (stream->fd, stream->data + stream->len, stream->room - stream->len, 0);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        errno = ECONNRESET;
    if (n <= 0)
        return -1;
    stream->len += (size_t) n;
    return 0;
}

enum client_result
client_stream_next (struct client_stream *stream, json_t **reply, struct error *err)
{
    enum client_result result;
    long len = -1;

    while (len < 0) {
        len = stream->len > 0 ? message_length (stream->data, stream->len) : -1;
        if (len < 0 && read_more (stream) < 0)
            return unreachable (errno, "has ended, or cut the connection", err);
    }
    result = read_reply (stream->data, (size_t) len, reply, err);
    stream->len -= (size_t) len + 1;
    memmove (stream->data, stream->data + len + 1, stream->len);
    return result;
}

void
client_stream_end (struct client_stream *stream)
{
    free (stream->data);
    stream->data = NULL;
}
