/* What a lease directory holds, and as whose: pure, from the GPUs granted, the request and the workload.  */
#ifndef DRI_LAYOUT_H
#define DRI_LAYOUT_H

#include <sys/types.h>

#include "../oci/grant.h"
#include "gpu.h"
#include "lease.h"

struct layout_node {
    struct grant_node node;
    uid_t uid; /* of the host */
    gid_t gid;
    mode_t mode;
};

struct layout_link {
    char name[96]; /* below by-path/ */
    char target[32];
};

struct layout {
    struct layout_node nodes[GRANT_NODES_MAX];
    unsigned n_nodes;
    struct layout_link links[2 * GPUS_MAX];
    unsigned n_links;
    gid_t gids[GRANT_GIDS_MAX]; /* the host's own groups of these nodes */
    unsigned n_gids;
};

/* GPUs of the set that are not there have no part in it. Error: an owner that the container's user namespace
 * does not map.  */
int layout_make (struct layout *layout, const struct gpus *gpus, uint32_t set, const struct order *order,
                 struct error *err);

/* The grant's members that follow from the layout.  */
void layout_to_grant (const struct layout *layout, struct grant *grant);

#endif
