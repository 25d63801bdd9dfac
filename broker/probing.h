/* What is known of GPUs and containers, and how it is known anew: kept verdicts, and the method Probe.  */
#ifndef DRI_PROBING_H
#define DRI_PROBING_H

#include "connection.h"
#include "leasing.h"
#include "prober.h"
#include "verdicts.h"

enum { PROBINGS_MAX = 16 };

struct probing {
    struct prober *prober;
    struct verdicts *verdicts;
    struct leasing *leasing;
    struct {
        struct connection *client; /* NULL: the entry is unused */
        uint32_t gpus, left;       /* asked for; not answered yet */
    } waiters[PROBINGS_MAX];
};

/* Answers, or has the client wait for the probes.  */
void probing_call (struct probing *probing, struct connection *c, const json_t *parameters);

/* A GPU has been asked: answers those who waited for it alone.  */
void probing_done (struct probing *probing, unsigned gpu);
void probing_client_gone (struct probing *probing, const struct connection *c);

/* The readiness gate's verdict, for the next start under this key of the same owner, with the same GPUs.  */
void probing_keep (struct probing *probing, struct lease *lease, const char *key, enum request_ready level,
                   bool ok, const char *reason);
/* NULL where there is none.  */
const struct kept_verdict *probing_find (struct probing *probing, struct lease *lease, const char *key);

#endif
