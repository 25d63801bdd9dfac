/* The way to the broker, for doors and drictl: a blocking varlink client with a deadline on every call.  */
#ifndef DRI_CLIENT_H
#define DRI_CLIENT_H

#include <jansson.h>

#include "../oci/error.h"

struct client {
    int fd;
};

enum client_result {
    CLIENT_OK,
    CLIENT_REFUSED,     /* a varlink error; err->message has the broker's reason, for people */
    CLIENT_UNREACHABLE, /* no broker, no answer in time, or not varlink */
};

/* Connects to config_socket(), or to that beside it which is for everybody where one may not connect to it.
 * CLIENT_OK or CLIENT_UNREACHABLE.  */
enum client_result client_connect (struct client *client, struct error *err);

/* Calls io.dri.Broker.METHOD, or METHOD as it is where that names its interface. parameters is stolen, may be
 * NULL. *reply gets a new reference to the reply's parameters; reply may be NULL. timeout_ms is for the whole
 * call.  */
enum client_result client_call (struct client *client, const char *method, json_t *parameters,
                                unsigned timeout_ms, json_t **reply, struct error *err);

/* The same for a method with whose reply a descriptor comes, the caller's to close.  */
enum client_result client_call_fd (struct client *client, const char *method, json_t *parameters,
                                   unsigned timeout_ms, int *fd, struct error *err);

/* Replies to a call with "more", until the connection ends.  */
struct client_stream {
    int fd;     /* the client's */
    char *data; /* owned; what has been read and not been given out */
    size_t len, room;
};

/* Sends the call. client_call as to parameters and errors.  */
enum client_result client_stream_begin (struct client_stream *stream, const struct client *client,
                                        const char *method, json_t *parameters, struct error *err);
/* Waits for the next reply, however long that takes. CLIENT_UNREACHABLE: the broker has gone, or hung up.  */
enum client_result client_stream_next (struct client_stream *stream, json_t **reply, struct error *err);
void client_stream_end (struct client_stream *stream);

void client_close (struct client *client);

#endif
