/* The leases: who holds which GPU. A fixed table; plain data, no I/O.  */
#ifndef DRI_LEASE_H
#define DRI_LEASE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../hook/cgroup.h"
#include "../oci/container.h"
#include "../oci/error.h"
#include "../oci/grant.h"
#include "../oci/request.h"
#include "gpu.h"
#include "policy.h"
#include "verdicts.h"

/* Root's containers find room whatever other users do.  */
enum { LEASES_MAX = 256, LEASES_UNPRIVILEGED_MAX = 128, LEASES_UID_MAX = 16, LEASE_OTHERS_MAX = 512 };

enum lease_state {
    LEASE_FREE,    /* the entry is unused */
    LEASE_GRANTED, /* no container has taken it up yet */
    LEASE_ACTIVE,  /* a living process holds it */
    LEASE_WITHOUT, /* active, but the container runs without a GPU (dri.on-failure=start-without) */
    LEASE_REVOKED, /* the same, for its GPUs were taken away from it, for good */
};

/* What a door sends with Acquire. The broker keeps its text as it came, for the journal and for Explain.  */
struct order {
    uid_t owner; /* who asked, of the host; only he and root may touch what he gets */
    struct container container;
    struct workload workload;
    struct request request; /* as it counts: what the policy sets is in it */
    struct policy_mark policy;
    int64_t arrived;  /* seconds since the epoch: when it was first asked for */
    char *parameters; /* owned; JSON on one line */
};

struct lease {
    enum lease_state state;
    char id[33];
    struct order order;
    uint32_t gpus;                 /* bit set of indexes into gpus.table */
    bool detached;                 /* root takes it away, and may attach another */
    bool shut;                     /* its device filter could not be made to follow: it opens nothing */
    bool lost;                     /* one of them is gone, and its nodes with it */
    int64_t since;                 /* seconds since the epoch */
    uint64_t expires;              /* CLOCK_MONOTONIC, µs; LEASE_GRANTED only */
    pid_t pid;                     /* from LEASE_ACTIVE on */
    uint64_t start;                /* of that process, in clock ticks since boot (proc(5), starttime) */
    char cgroup[CGROUP_PATH_MAX];  /* the container's, where devices are filtered (cgroup_of()); "" until
                                      active */
    bool shared;                   /* that group is not its own, but of whatever started it */
    char freezer[CGROUP_PATH_MAX]; /* the same for the freezer */
    bool governed;                 /* it is frozen by the broker now and then, or may be */
    bool parkable;                 /* it may be parked: batch, and its group can be frozen */
    bool parked;                   /* it stands still to make room for another */
    int64_t parked_at;             /* seconds since the epoch; 0: before this broker */
    bool moved;  /* GPUs changed between grant and activation: the device filter is of the old numbers */
    int pidfd;   /* owned; -1 while there is no process */
    void *watch; /* the event source of pidfd */
    char decision[256];            /* why this GPU, or why none */
    char others[LEASE_OTHERS_MAX]; /* "arc: gone; old: 8 of 8 slots in use": why not these; "" where there are
                                      none */
    enum request_ready level;      /* READY_AUTO: not verified yet */
    bool ready;
    char verdict[640];
    char key[VERDICT_KEY_MAX]; /* the gate's, of verdicts that are kept; "" where it gave none */
};

struct leases {
    struct lease table[LEASES_MAX];
    uint16_t order[LEASES_MAX]; /* a permutation of the indexes: the first n are in use */
    unsigned n;
};

/* No lease may be taken or dropped meanwhile.  */
#define leases_foreach(leases, lease)                                                                        \
    for (unsigned i_ = 0; i_ < (leases)->n && ((lease) = &(leases)->table[(leases)->order[i_]], true); i_++)

void leases_init (struct leases *leases);

/* Takes an order's parameters apart, as of a client that may be hostile. Their text is the caller's to add.
 */
int order_parse (struct order *order, const json_t *parameters, struct error *err);
void order_finish (struct order *order);

/* Why this owner can have no more; NULL: he can.  */
const char *leases_full (const struct leases *leases, uid_t owner);
/* NULL where the table is full.  */
struct lease *lease_take (struct leases *leases);
void lease_drop (struct leases *leases, struct lease *lease);

struct lease *lease_find (struct leases *leases, const char *id);
/* By container id, unique start of an id (12 characters at least), or name; the newest of several. Only the
 * owner's, but root finds everybody's after his own: who calls his container as root does hides nothing.  */
struct lease *lease_find_container (struct leases *leases, const char *text, uid_t owner);
/* By its whole id only, and the owner's only: what an engine says of a container that has ended.  */
struct lease *lease_find_exact (struct leases *leases, const char *id, uid_t owner);
/* Does the text name the container, in one of these ways?  */
bool container_is (const struct container *container, const char *text);

/* The object of Status; references are the caller's. with_id: for those who may touch it.  */
json_t *lease_to_json (const struct lease *lease, const struct gpus *gpus, bool with_id);

const char *lease_state_name (const struct lease *lease);
/* Why it is in this state, for people.  */
const char *lease_reason (const struct lease *lease);

/* "igpu,arc": the names of a set of GPUs.  */
void gpus_names (const struct gpus *gpus, uint32_t set, char *out, size_t size);

#endif
