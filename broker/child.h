/* A part of the broker with privileges that the broker itself, which clients talk to, gives up: a child that
 * is forked at the start, keeps a few capabilities, and may make only those system calls that its one task
 * takes (seccomp).  */
#ifndef DRI_CHILD_H
#define DRI_CHILD_H

#include <stddef.h>
#include <sys/capability.h>
#include <systemd/sd-event.h>

#include "../oci/error.h"

struct child {
    const char *name; /* as ps shows it */
    const cap_value_t
        *caps; /* without them, as in an unprivileged LXC guest, what needs them fails by itself */
    int n_caps;
    /* Beside those that malloc and the end of a process take; any other kills it. NULL: no filter, for one
     * that starts a program.  */
    const int *calls;
    size_t n_calls;
    /* Serves the broker, which is at the other end of fd, until that is gone.  */
    void (*serve) (int fd, void *data);
    void *data;
};

/* Forks. Returns the broker's end of a SOCK_SEQPACKET, the caller's to close. To be called while there is
 * nothing yet that a child should not have.  */
int child_start (const struct child *child, struct error *err);

/* The broker's end has hung up: ends the event loop with a failure, so that whoever starts the broker anew
 * gets all of it. For the callback of an event source; returns its value.  */
int child_died (sd_event_source *source, const char *name);

#endif
