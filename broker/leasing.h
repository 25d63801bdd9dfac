/* The life of leases: the arbiter's decisions put into effect on directories, processes and the journal.
 *
 *   Acquire -> granted -> (Activate) -> active -> (process ends, Release) -> gone
 *                    \-> (connection ends, expiry) -> gone
 *
 * The order of effects makes a kill at any moment harmless: the journal is written before a lease's directory
 * is made and before it is removed, and a start removes every directory that the journal does not know.  */
#ifndef DRI_LEASING_H
#define DRI_LEASING_H

#include <systemd/sd-event.h>

#include "../oci/config.h"
#include "../oci/error.h"
#include "alarm.h"
#include "arbiter.h"
#include "events.h"
#include "gpu.h"
#include "homes.h"
#include "journal.h"
#include "lease.h"
#include "leasedir.h"
#include "queue.h"
#include "refusals.h"
#include "warden.h"

struct gauge;
struct meter;
struct revocation;
struct throttle;

struct leasing {
    sd_event *event;
    const struct config *config;
    const struct policy *policy;
    struct gpus *gpus;
    struct leases leases;
    struct homes homes;
    struct queue queue;
    bool some_parked;
    bool some_without;                     /* a container runs without its GPU, perhaps */
    bool some_revoked;                     /* one from which it was taken away, perhaps */
    bool stopping;                         /* who is cut off now has not gone: the broker goes */
    struct refusal refusals[REFUSALS_MAX]; /* a ring */
    unsigned next_refusal;
    struct leasedir dir;
    struct journal journal;
    struct alarm alarm;
    const struct warden *warden;
    struct meter *meter;
    struct throttle *throttle;
    struct revocation *revocation;
    struct events events;
    struct gauge *gauge;
    const void *holders[LEASES_MAX]; /* per lease: the client whose end ends a granted one, or NULL */
    /* Answers a client's Acquire, at once or later. grant NULL: refused, with the reason.  */
    void (*answer) (void *userdata, void *client, const struct grant *grant, const char *reason);
    void *userdata;
};

/* Reads the journal and goes on from there. The caller has set config, policy, gpus, warden, meter, throttle,
 * gauge, revocation, answer and userdata.  */
int leasing_start (struct leasing *l, sd_event *event, const char *lease_root, const char *journal,
                   struct error *err);
/* Leases outlive the broker: nothing is released. stopping is set by then.  */
void leasing_finish (struct leasing *l);

void leasing_client_gone (struct leasing *l, const void *client);

/* Makes the lease of a decision, and answers. decision->gpus empty: a lease without a GPU, for a container
 * that may start so. Takes the order over. Detached: nobody's end ends the grant, only its expiry.  */
void leasing_grant (struct leasing *l, void *client, struct order *order, bool detached,
                    const struct decision *decision);
/* The GPUs of the lease are those of the decision; its home is learned.  */
void leasing_place (struct leasing *l, struct lease *lease, const struct decision *decision);
/* Where it has one GPU, and there are others, that is remembered for the next start of its container.  */
void leasing_learn_home (struct leasing *l, const struct lease *lease);
/* Answers with a refusal and remembers it. Takes the order over.  */
void leasing_refuse (struct leasing *l, void *client, struct order *order, const char *reason);

/* Has this client a grant that is not taken up yet?  */
bool leasing_client_holds (const struct leasing *l, const void *client);
/* The client whose end would end this grant; NULL: none.  */
const void *leasing_holder (const struct leasing *l, const struct lease *lease);
/* It is nobody's any more.  */
void leasing_let_go (struct leasing *l, const struct lease *lease);

/* Ties a lease to the process that started then (0: whenever). For activation and recovery.  */
int leasing_watch (struct leasing *l, struct lease *lease, pid_t pid, uint64_t start, struct error *err);
/* why: for those who watch.  */
void leasing_release (struct leasing *l, struct lease *lease, const char *why);

/* Into the journal. Where that fails a restart finds out by itself about most things: the process is gone, or
 * the directory is.  */
int leasing_note (struct leasing *l, struct writer record);

/* The GPUs changed: the queue may move.  */
void leasing_gpus_changed (struct leasing *l);
/* The configuration, too; also that of the broker before us may have been another.  */
void leasing_policy_changed (struct leasing *l);

#endif
