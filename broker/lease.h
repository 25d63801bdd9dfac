/* The leases: who holds which GPU. A fixed table; plain data, no I/O.  */
#ifndef DRI_LEASE_H
#define DRI_LEASE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../hook/device_cgroup.h"
#include "../oci/container.h"
#include "../oci/error.h"
#include "../oci/grant.h"
#include "../oci/request.h"
#include "gpu.h"

enum { LEASES_MAX = 256 };

enum lease_state {
    LEASE_FREE,    /* the entry is unused */
    LEASE_GRANTED, /* no container has taken it up yet */
    LEASE_ACTIVE,  /* a living process holds it */
    LEASE_WITHOUT, /* active, but the container runs without a GPU (dri.on-failure=start-without) */
};

/* What a door sends with Acquire. The broker keeps its text as it came, for the journal and for Explain.  */
struct order {
    struct container container;
    struct workload workload;
    struct request request;
    char *parameters; /* owned; JSON on one line */
};

struct lease {
    enum lease_state state;
    char id[33];
    struct order order;
    uint32_t gpus;                       /* bit set of indexes into gpus.table */
    bool shut;                           /* its device filter could not be made to follow: it opens nothing */
    bool lost;                           /* one of them is gone, and its nodes with it */
    int64_t since;                       /* seconds since the epoch */
    uint64_t expires;                    /* CLOCK_MONOTONIC, µs; LEASE_GRANTED only */
    pid_t pid;                           /* LEASE_ACTIVE and LEASE_WITHOUT */
    uint64_t start;                      /* of that process, in clock ticks since boot (proc(5), starttime) */
    char cgroup[DEVICE_CGROUP_PATH_MAX]; /* the container's, as device_cgroup_of() has it; "" until active */
    bool moved;  /* GPUs changed between grant and activation: the device filter is of the old numbers */
    int pidfd;   /* owned; -1 while there is no process */
    void *watch; /* the event source of pidfd */
    char decision[256];       /* why this GPU, or why none */
    enum request_ready level; /* READY_AUTO: not verified yet */
    bool ready;
    char verdict[256];
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

/* NULL where the table is full.  */
struct lease *lease_take (struct leases *leases);
void lease_drop (struct leases *leases, struct lease *lease);

struct lease *lease_find (struct leases *leases, const char *id);
/* By container id, unique start of an id (12 characters at least), or name; the newest of several.  */
struct lease *lease_find_container (struct leases *leases, const char *text);
/* Does the text name the container, in one of these ways?  */
bool container_is (const struct container *container, const char *text);

/* The object of Status; references are the caller's. with_id: for root only, since the id is the name of a
 * directory that nobody else is to find.  */
json_t *lease_to_json (const struct lease *lease, const struct gpus *gpus, bool with_id);

const char *lease_state_name (const struct lease *lease);
/* Why it is in this state, for people.  */
const char *lease_reason (const struct lease *lease);

/* "igpu,arc": the names of a set of GPUs.  */
void gpus_names (const struct gpus *gpus, uint32_t set, char *out, size_t size);

#endif
