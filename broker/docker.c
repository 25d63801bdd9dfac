#include "docker.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../oci/cleanup.h"

/* A start takes as long as dri.wait and the runtime do; a daemon that says nothing for so long is as good as
 * away.  */
static const uint64_t patience_us = 180 * UINT64_C (1000000);

struct start {
    char id[65];
    int fd;
    sd_event_source *readable, *timer;
    docker_done *done;
    void *userdata;
    size_t len;
    char text[8192]; /* the response, cut where it is longer */
};

static void
finish (struct start *start, enum docker_answer outcome, const char *reason)
{
    (void) sd_event_source_disable_unref (start->readable);
    (void) sd_event_source_disable_unref (start->timer);
    (void) close (start->fd);
    start->done (start->userdata, start->id, outcome, reason);
    free (start);
}

/* {"message": "…"} in the body.  */
static void
read_reason (const char *text, char *reason, size_t size)
{
    const char *body = strstr (text, "\r\n\r\n");
    _cleanup_json_ json_t *json = body ? json_loads (body + 4, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
    const char *message = json_string_value (json_object_get (json, "message"));

    (void) snprintf (reason, size, "%s", message ? message : "Docker gave no reason");
    text_clean (reason);
}

static void
judge (struct start *start)
{
    char reason[512];
    int code;

    if (sscanf (start->text, "HTTP/%*d.%*d %d", &code) != 1) {
        finish (start, DOCKER_AWAY, "Docker's answer is not HTTP");
        return;
    }
    read_reason (start->text, reason, sizeof reason);
    finish (start,
            code == 204                  ? DOCKER_STARTED
            : code == 304 || code == 404 ? DOCKER_NOTHING_TO_DO
            : code == 503                ? DOCKER_AWAY
                                         : DOCKER_FAILED,
            code == 204 ? "" : reason);
}

static int
on_readable (sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct start *start = userdata;
    ssize_t n;

    (void) source;
    (void) revents;
    n = read (fd, start->text + start->len, sizeof start->text - 1 - start->len);
    if (n > 0) {
        start->len += (size_t) n;
        start->text[start->len] = '\0';
    } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
        finish (start, DOCKER_AWAY, strerror (errno));
        return 0;
    }
    if (n == 0 || start->len == sizeof start->text - 1)
        judge (start);
    return 0;
}

static int
on_timeout (sd_event_source *source, uint64_t now, void *userdata)
{
    (void) source;
    (void) now;
    finish (userdata, DOCKER_AWAY, "Docker does not answer");
    return 0;
}

static int
send_request (const char *path, const char *id, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_close_ int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    char text[256];
    int len;

    if (strlen (path) >= sizeof address.sun_path)
        return error_set (err, ENAMETOOLONG, "Docker's socket %s", path);
    (void) snprintf (address.sun_path, sizeof address.sun_path, "%s", path);
    if (fd < 0 || connect (fd, (const struct sockaddr *) &address, sizeof address) < 0)
        return error_set (err, errno, "Docker's socket %s", path);
    /* 1.0: the answer comes in one piece, and the connection ends with it.  */
    len = snprintf (text, sizeof text,
                    "POST /containers/%s/start HTTP/1.0\r\nHost: docker\r\nContent-Length: 0\r\n\r\n", id);
    if (send (fd, text, (size_t) len, MSG_NOSIGNAL) != len)
        return error_set (err, errno, "Docker's socket %s", path);
    return steal_fd (&fd);
}

int
docker_start (sd_event *event, const char *socket, const char *id, docker_done *done, void *userdata,
              struct error *err)
{
    struct start *start;
    uint64_t now;
    int fd, r;

    if (strlen (id) != 64 || strspn (id, "0123456789abcdef") != 64)
        return error_set (err, EINVAL, "\"%.64s\" is no id of Docker's", id);
    fd = send_request (socket, id, err);
    if (fd < 0)
        return -1;
    start = calloc (1, sizeof *start);
    if (!start) {
        (void) close (fd);
        return error_set (err, ENOMEM, "start %s", id);
    }
    start->fd = fd;
    start->done = done;
    start->userdata = userdata;
    memcpy (start->id, id, sizeof start->id);
    r = sd_event_now (event, CLOCK_MONOTONIC, &now);
    if (r >= 0)
        r = sd_event_add_io (event, &start->readable, fd, EPOLLIN, on_readable, start);
    if (r >= 0)
        r = sd_event_add_time (event, &start->timer, CLOCK_MONOTONIC, now + patience_us, 0, on_timeout,
                               start);
    if (r < 0) {
        (void) sd_event_source_disable_unref (start->readable);
        (void) close (fd);
        free (start);
        return error_set (err, -r, "start %s", id);
    }
    return 0;
}
