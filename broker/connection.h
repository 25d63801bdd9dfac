/* One connection of the varlink server: framing, deadlines, and the replies of the handlers. Knows no leases.
 *
 * The next call is looked at once the one before it is answered and the kernel has its reply, so that a
 * client can make the broker hold one reply, and 64 KiB of calls.  */
#ifndef DRI_CONNECTION_H
#define DRI_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "../oci/writer.h"
#include "message.h"

enum {
    REQUEST_TIMEOUT_US =
        5000000, /* for a whole request to arrive, for a reply to be taken, for an idle client */
    OUTPUT_BYTES_MAX = 4 << 20,
};

struct server;

struct connection {
    struct server *server;
    sd_event_source *source; /* owned; NULL: the entry is unused */
    int fd;                  /* owned */
    uid_t uid;
    pid_t pid;
    bool everybody;    /* came by the socket to which everybody may connect */
    uint64_t deadline; /* µs; 0: none */
    bool waiting;      /* a call is queued: nothing more is read until it is answered */
    bool streaming;    /* the same, for a call with many replies */
    bool holding;      /* may be idle for long: its life holds something of the handler's */
    bool oneway;       /* the call under way wants no answer */
    char *in, *out;    /* owned */
    size_t in_len, in_room, out_len, out_sent;
    int passed; /* owned; a descriptor that goes with the reply, or -1 */
};

/* --- for handlers --- */

/* Answers the call under way; parameters is stolen, may be NULL. error_name NULL: a reply.  */
void connection_reply (struct connection *connection, const char *error_name, json_t *parameters);

/* The same with the whole reply, which is taken over.  */
void connection_reply_text (struct connection *connection, struct writer reply);

/* A reply without parameters, and with the descriptor, which is taken over.  */
void connection_reply_fd (struct connection *connection, int fd);

/* One of many replies to a call that has "more": it stays under way, and ends with the connection. To be
 * called only while the client takes more, or it would have to be kept for him.  */
void connection_reply_more (struct connection *connection, struct writer reply);
bool connection_takes_more (const struct connection *connection);

/* The call that was under way stays unanswered for now; connection_reply answers it later.  */
void connection_wait (struct connection *connection);

/* Does the client hold something of the handler's, so that it may be idle?  */
void connection_hold (struct connection *connection, bool holding);

/* --- for the server --- */

bool connection_is_open (const struct connection *connection);

/* Begins in an entry that is not open. peer: of SO_PEERCRED. The descriptor is taken over on success.  */
int connection_open (struct connection *connection, struct server *server, int fd, const struct ucred *peer,
                     bool everybody);
/* why: what is wrong with the client; NULL: nothing, it went or may go.  */
void connection_close (struct connection *connection, const char *why);
/* At its deadline: the why of connection_close.  */
const char *connection_lateness (const struct connection *connection);

#endif
