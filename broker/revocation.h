/* GPUs taken away from a container that runs on: by drictl release --force, because the policy does not allow
 * it any more, or because the lease's directory has vanished. Its nodes are closed and go, its device filter
 * lets no GPU through, its slots are free; the lease stays, revoked, until the process ends. What the
 * container has open it keeps: the observer looks who that is.  */
#ifndef DRI_REVOCATION_H
#define DRI_REVOCATION_H

#include "leasing.h"
#include "meter.h"

struct revocation {
    struct leasing *leasing; /* set by the caller, as looked and userdata */
    struct meter_reader reader;
    bool wanted[LEASES_MAX]; /* nobody has looked yet who has its GPU open */
    /* Somebody has, or the lease ends before that: meter_holders().  */
    void (*looked) (void *userdata, const struct lease *lease);
    void *userdata;
};

void revocation_start (struct revocation *revocation);

/* Of a lease that has a process. The queue may move then: turns_run() is the caller's. looked is called, at
 * once or later.  */
void revocation_revoke (struct revocation *revocation, struct lease *lease, const char *reason);
/* Only has it looked again.  */
void revocation_look (struct revocation *revocation, const struct lease *lease);
/* Its end.  */
void revocation_forget (struct revocation *revocation, const struct lease *lease);

/* Revokes what the policy does not allow any more; grants that nobody has taken up end.  */
void revocation_check_policy (struct revocation *revocation);
/* The same for those leases only of which a GPU was lost, as far as follow_gpus knows.  */
void revocation_check_returned (struct revocation *revocation);

/* The lease that was revoked from this container, or from this process, and why they get none until they have
 * ended; NULL: none. Pid 0: not told.  */
const struct lease *revocation_find (const struct leasing *l, const struct order *order, pid_t pid);

#endif
