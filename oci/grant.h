/* What the broker grants and a door applies.  */
#ifndef DRI_GRANT_H
#define DRI_GRANT_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "error.h"
#include "writer.h"

enum {
    GRANT_GPUS_MAX = 16,
    GRANT_NODES_MAX = 2 * GRANT_GPUS_MAX + 1,
    GRANT_GIDS_MAX = 8,
    GRANT_KEYS_MAX = 8
};

/* A character device in the lease directory. Aliases stand as nodes of their own.  */
struct grant_node {
    char name[24];
    unsigned major, minor;
    bool drm; /* false: a stand-in of a simulated GPU, which no DRM driver answers */
};

/* A key of the request, as the administrator's policy has it.  */
struct grant_key {
    char name[24]; /* "dri.ready" */
    char value[256];
};

struct grant {
    char lease[33];      /* 128 random bits in hex */
    char directory[256]; /* on the host, to be mounted read-only at /dev/dri; "": OpenDirectory gives a mount
                          */
    struct grant_node nodes[GRANT_NODES_MAX]; /* none: the container starts without a GPU (dri.on-failure) */
    unsigned n_nodes;
    gid_t gids[GRANT_GIDS_MAX]; /* to add to the workload's, ids of the container */
    unsigned n_gids;
    char gpus[128];                          /* their names, for people */
    char reason[256];                        /* why there are no nodes, else "" */
    struct grant_key policy[GRANT_KEYS_MAX]; /* to take the place of what the container asked for */
    unsigned n_policy;
    bool bound; /* the broker can make no nodes: the directory has files, to mount those of /dev/dri at */
};

/* Is it what a lease is called: 32 digits of lower-case hex? It becomes the name of a directory, so all that
 * comes from elsewhere is held against this.  */
bool lease_id_valid (const char *id);

/* The wire form.  */
void grant_write (struct writer *w, const struct grant *g);
int grant_from_json (struct grant *g, const json_t *json, struct error *err);

#endif
