/* What every door does for a container that opted in: asks for a lease, and makes its spec what it has to be
 * with the grant. Whom to ask, and where to warn, the door says: this opens no socket.  */
#ifndef DRI_DOOR_H
#define DRI_DOOR_H

#include <jansson.h>
#include <stdbool.h>

#include "apply.h"
#include "config.h"
#include "container.h"
#include "error.h"
#include "grant.h"
#include "request.h"

struct door {
    json_t *spec;       /* borrowed; edited in place */
    const char *bundle; /* absolute */
    bool detached;      /* the grant outlives whoever asked, until its timeout */
    /* Calls the broker's method; steals parameters. *reply is the caller's; reply may be NULL.  */
    int (*ask) (void *userdata, const char *method, json_t *parameters, unsigned timeout_ms, json_t **reply,
                struct error *err);
    void (*warn) (void *userdata, const char *text);
    void *userdata;

    struct container container;
    struct request req;
    struct workload workload;
    struct grant grant; /* lease "" while there is none */
};

enum { DOOR_BROKER_MS = 5000 };

/* Who the container is and what it asks for; req.enable tells whether it opted in. As engine_request.  */
int door_read (struct door *d, const char *id, const struct config *config, struct error *err);

/* The lease. With dri.on-failure=start-without a refusal is no error: the reason is a warning, and there is
 * no lease.  */
int door_acquire (struct door *d, struct error *err);

/* The spec with the grant, or without a GPU where there is none. Its hooks are the dri-hook beside this
 * program.  */
int door_edit (struct door *d, struct error *err);

/* The spec of a container that must not start: its first hook says why, and fails.  */
int door_edit_refused (struct door *d, const char *reason, struct error *err);

/* For a container that is refused before the broker was asked: drictl explain is to know why. The broker may
 * be gone, which changes nothing.  */
void door_tell (struct door *d, const struct error *reason);

#endif
