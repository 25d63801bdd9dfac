/* The readiness gate: can the workload itself use what it was granted? Asked in a child that becomes the
 * workload, before the workload runs.  */
#ifndef DRI_GATE_H
#define DRI_GATE_H

#include <stdbool.h>
#include <sys/types.h>

#include "../oci/grant.h"
#include "../oci/request.h"
#include "workload.h"

struct gate {
    pid_t pid;          /* the container's init */
    const char *rootfs; /* absolute */
    struct workload_user user;
    struct grant_node nodes[GRANT_NODES_MAX];
    unsigned n_nodes;
    enum request_ready ready;
    unsigned wait_ms; /* a node whose driver is not there yet is tried again for so long */
};

struct verdict {
    enum request_ready level; /* that was verified, or failed */
    bool ok;
    char reason[256]; /* for people: what was found, or what is wrong and what to do */
};

/* What is verified for what was asked: auto is what can be without the image's libraries.  */
enum request_ready gate_level (enum request_ready asked);

/* The broker's Readiness. The reference is the caller's.  */
json_t *verdict_to_json (const struct verdict *verdict);

/* Always comes to a verdict, at the latest some seconds after wait_ms.  */
void gate_judge (const struct gate *gate, struct verdict *verdict);

#endif
