/* The first half of the readiness gate: can the workload itself open what it was granted, and does the
 * kernel's driver answer it? Asked in a child that becomes the workload, before the workload runs; no code of
 * the container's runs. The other half is gate_vaapi.h.  */
#ifndef DRI_GATE_H
#define DRI_GATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../oci/grant.h"
#include "../oci/request.h"
#include "sight.h"
#include "workload.h"

struct gate {
    pid_t pid;          /* the container's init */
    uint64_t start;     /* as for process_open() */
    const char *rootfs; /* absolute */
    struct workload_user user;
    struct grant_node nodes[GRANT_NODES_MAX];
    unsigned n_nodes;
    enum request_ready ready;         /* as asked */
    const char *require;              /* as of require_parse; "" for none */
    struct sight_variables variables; /* of the container, for foreign code only */
    unsigned wait_ms;                 /* a driver that is not there yet is asked again for so long */
    bool own_process;                 /* the caller's capabilities may be taken away for good (phase.h) */
};

struct verdict {
    enum request_ready level; /* that was verified, or failed */
    bool ok;
    bool final;        /* another try would come to the same: it can be kept */
    char reason[1000]; /* for people: what was found, or what is wrong and what to do */
};

/* What the child leaves behind for the other half: each GPU's render node once, as the workload opened it. */
struct gate_found {
    struct sight sight;
    struct gate_render {
        int fd; /* owned */
        unsigned node;
        char driver[96]; /* "i915 1.6.0" */
    } renders[GRANT_GPUS_MAX];
    unsigned n_renders;
};

/* Always comes to a verdict, at the latest some seconds after the deadline (clock_ms), which is that of
 * wait_ms.  */
void gate_judge (const struct gate *gate, int64_t deadline, struct verdict *verdict,
                 struct gate_found *found);
void gate_found_finish (struct gate_found *found);

/* Changes what this process holds, where that is the gate's to change.  */
int gate_phase (const struct gate *gate, int phase, struct error *err);

#endif
