#include "exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../broker/client.h"
#include "../../broker/interface.h"
#include "../../broker/message.h"
#include "../../oci/container.h"
#include "../../oci/request.h"

void
die (const char *what)
{
    perror (what);
    exit (EXIT_FAILURE);
}

void
format_call (struct message *m, const char *method, json_t *parameters)
{
    char name[64];
    char *text;

    (void) snprintf (name, sizeof name, INTERFACE_NAME ".%s", method);
    text = message_format_call (name, parameters, &m->len);
    if (!text || m->len > sizeof m->text)
        die ("message");
    memcpy (m->text, text, m->len);
    free (text);
}

void
format_acquire (struct message *m, unsigned container, bool detached)
{
    struct container c = {.image = "lscr.io/linuxserver/jellyfin:latest",
                          .engine = "docker",
                          .project = "media",
                          .service = "jellyfin"};
    const struct workload w = {.uid = 1000, .gid = 1000, .gids = {1000, 44}, .n_gids = 2};
    struct request req;
    struct error err;

    (void) snprintf (c.id, sizeof c.id, "%08x%056x", container, 0xbe4c);
    (void) snprintf (c.name, sizeof c.name, "media-jellyfin-%u", container);
    request_init (&req);
    if (request_set (&req, SOURCE_LABEL, "dri.enable", "true", &err) < 0)
        die ("request");
    format_call (m, "Acquire",
                 json_pack ("{s:o s:o s:o s:[] s:b}", "container", container_to_json (&c), "workload",
                            workload_to_json (&w), "request", request_to_json (&req), "notes", "detached",
                            detached));
}

void
format_release (struct message *m, const char *lease)
{
    format_call (m, "Release", json_pack ("{s:s s:b}", "lease", lease, "force", 1));
}

void
send_message (int fd, const struct message *m)
{
    for (size_t sent = 0; sent < m->len;) {
        ssize_t n = write (fd, m->text + sent, m->len - sent);

        if (n < 0)
            die ("write");
        sent += (size_t) n;
    }
}

bool
receive_message (int fd, struct message *m)
{
    m->len = 0;
    do {
        ssize_t n = m->len < sizeof m->text ? read (fd, m->text + m->len, sizeof m->text - m->len) : -1;

        if (n < 0)
            die ("read");
        if (n == 0)
            return false;
        m->len += (size_t) n;
    } while (m->text[m->len - 1] != '\0');
    return true;
}

void
round_trip (int fd, const struct message *call, struct message *reply)
{
    send_message (fd, call);
    if (!receive_message (fd, reply))
        die ("the broker hung up");
}

int
connect_broker (void)
{
    struct client client = {.fd = -1};
    struct error err = {0};

    if (client_connect (&client, &err) != CLIENT_OK) {
        (void) fprintf (stderr, "%s\n", err.message);
        exit (EXIT_FAILURE);
    }
    return client.fd;
}

const char *
lease_of (const struct message *grant)
{
    const char *lease = memmem (grant->text, grant->len, "\"lease\":\"", 9);

    if (!lease) {
        (void) fprintf (stderr, "the broker said: %s\n", grant->text);
        exit (EXIT_FAILURE);
    }
    return lease + 9;
}
