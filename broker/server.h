/* The varlink server: who is let in, and how many. What a connection does is connection.h.
 *
 * Root's connections are held to the total only: the doors are root's, and twenty containers may start at
 * once. Others are held to eight a uid and a part of the total together, so that no local user can shut the
 * doors. To the second socket every local user may connect: it has a backlog of its own, whoever has no
 * business there is turned away before a byte is read, and what others than root send is looked at when
 * nothing of root's is there to do.  */
#ifndef DRI_SERVER_H
#define DRI_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "../oci/error.h"
#include "alarm.h"
#include "connection.h"

enum {
    /* 64 that talk, and one for each container on its way: it holds its grant until the container takes it
       up.  */
    CONNECTIONS_MAX = 64 + 256,
    CONNECTIONS_UNPRIVILEGED_MAX = 32,
    CONNECTIONS_UID_MAX = 8,
    /* Of lines about what others than root do wrong; the journal is for more than these.  */
    COMPLAINTS_MAX = 10,
    COMPLAINTS_PERIOD_US = 60000000,
};

struct server;

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

/* A line in the log about a client, while there are not too many of them. why: what is wrong with it; what:
 * what became of it.  */
void server_complain (struct server *server, pid_t pid, uid_t uid, const char *why, const char *what);
/* For connection.c: the entry is free again.  */
void server_connection_ended (struct server *server, struct connection *connection);

#endif
