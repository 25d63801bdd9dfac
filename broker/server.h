/* The varlink server: connections, framing, limits. Knows no leases.
 *
 * Every limit of the protocol stands here. Root's connections are held to the total only: the doors are
 * root's, and twenty containers may start at once. Others are held to eight a uid and half of the total
 * together, so that no local user can shut the doors. To the second socket every local user may connect: it
 * has a backlog of its own, whoever has no business there is turned away before a byte is read, and what
 * others than root send is looked at when nothing of root's is there to do.  */
#ifndef DRI_SERVER_H
#define DRI_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "../oci/error.h"
#include "../oci/writer.h"
#include "alarm.h"
#include "message.h"

enum {
    /* 64 that talk, and one for each container on its way: it holds its grant until the container takes it
       up.  */
    CONNECTIONS_MAX = 64 + 256,
    CONNECTIONS_UNPRIVILEGED_MAX = 32,
    CONNECTIONS_UID_MAX = 8,
    REQUEST_TIMEOUT_US =
        5000000, /* for a whole request to arrive, for a reply to be taken, for an idle client */
    OUTPUT_BYTES_MAX = 4 << 20,
    /* Of lines about what others than root do wrong; the journal is for more than these.  */
    COMPLAINTS_MAX = 10,
    COMPLAINTS_PERIOD_US = 60000000,
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

struct listener {
    struct server *server;
    sd_event_source *source; /* owned; NULL: there is none */
    bool everybody;
};

struct server {
    sd_event *event;
    struct listener listeners[2];
    uint64_t complaints_until;
    unsigned complaints;
    struct connection connections[CONNECTIONS_MAX];
    struct alarm alarm;
    void (*call) (void *userdata, struct connection *connection, const struct message_call *call);
    void (*closed) (void *userdata, struct connection *connection);
    /* The client has read all of connection_reply_more() that there was.  */
    void (*drained) (void *userdata, struct connection *connection);
    /* Whether somebody at the socket for everybody, other than root, is let in; the error is for him.  */
    int (*admit) (void *userdata, int fd, struct error *err);
    void *userdata;
};

/* fd: a listening socket, taken over. everybody: another, to which every user may connect; -1: none. The
 * caller has set call, closed, drained, admit and userdata.  */
int server_start (struct server *server, sd_event *event, int fd, int everybody, struct error *err);
void server_finish (struct server *server);

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

#endif
