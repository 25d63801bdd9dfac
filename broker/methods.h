/* The methods of io.dri.Broker and org.varlink.service: parameters in, leasing called, a reply out.  */
#ifndef DRI_METHODS_H
#define DRI_METHODS_H

#include "leasing.h"
#include "server.h"

struct methods {
    struct leasing *leasing;
    struct server *server;
    int (*reload) (void *userdata, struct error *err);
    void *userdata;
    const struct message_call *call; /* under way */
};

/* Sets itself up as the handler of the server and as the one who answers for leasing.  */
void methods_init (struct methods *methods);

#endif
