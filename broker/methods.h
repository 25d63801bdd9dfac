/* The methods of io.dri.Broker and org.varlink.service: parameters in, leasing called, a reply out.  */
#ifndef DRI_METHODS_H
#define DRI_METHODS_H

#include "leasing.h"
#include "meter.h"
#include "probing.h"
#include "server.h"

/* A connection that is told of events.  */
struct watcher {
    bool on;
    struct event_reader reader;
};

struct methods {
    struct leasing *leasing;
    struct server *server;
    struct probing *probing;
    int (*reload) (void *userdata, struct error *err);
    void *userdata;
    const struct message_call *call;    /* under way */
    bool wants_status[CONNECTIONS_MAX]; /* those who wait for the meter */
    struct meter_reader reader;
    const struct lease *revoking[CONNECTIONS_MAX]; /* what they took away: they wait for who has it open */
    struct watcher watchers[CONNECTIONS_MAX];
    unsigned n_watchers;
    sd_event_source *telling; /* owned; NULL while nobody watches */
};

/* Sets itself up as the handler of the server and as the one who answers for leasing.  */
void methods_init (struct methods *methods);

#endif
