/* Servers that do a part of what the broker does, to measure it against: each a process that gives the
 * answers to Acquire and Release which the broker gave once, over the same kind of socket.  */
#ifndef DRI_BENCH_ECHO_H
#define DRI_BENCH_ECHO_H

#include <stddef.h>
#include <sys/types.h>

#include "exchange.h"

enum { CLIENTS_MAX = 50 };

enum echo {
    ECHO_BLOCKING,  /* does nothing but answer; waits in read(2), and so can serve one client only */
    ECHO_BARE,      /* the same for any number of clients: epoll, the cheapest event loop there is */
    ECHO_DIRECTORY, /* also makes and removes the directory of a lease: one GPU's node and its link */
    ECHO_FLOOR,     /* also notes both in a journal of the calls' length, and has jansson parse the calls */
    ECHO_KINDS
};

struct echo_talk {
    struct message grant, release; /* the replies */
    size_t release_len;            /* of the call: by its length it is told from Acquire */
    int root;                      /* where the lease directories are made */
};

/* Starts one; the clients' ends come to stand in fds. It ends when they are closed, or with its parent.  */
pid_t echo_start (enum echo kind, const struct echo_talk *talk, int fds[CLIENTS_MAX], unsigned n);

#endif
