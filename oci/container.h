/* Who a container is, and as whom its workload runs: the facts that travel from a door to the broker.  */
#ifndef DRI_CONTAINER_H
#define DRI_CONTAINER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"

/* "" where the engine does not tell. Longer texts are cut.  */
struct container {
    char id[128];
    char name[128];
    char image[256];
    char engine[24];
    char project[128]; /* compose */
    char service[128];
};

/* A line of /proc/PID/uid_map.  */
struct id_map {
    uint32_t container, host, size;
};

enum { ID_MAPS_MAX = 16, WORKLOAD_GIDS_MAX = 64 };

/* process.user of the OCI spec, ids as the container sees them.  */
struct workload {
    uid_t uid;
    gid_t gid;
    gid_t gids[WORKLOAD_GIDS_MAX];
    unsigned n_gids;
    bool drops; /* starts as root with PUID/PGID, or jlesage's names for them, in its environment: the
                   image's init becomes that user */
    uid_t puid;
    gid_t pgid;
    bool userns; /* in a user namespace with the maps below */
    struct id_map uid_map[ID_MAPS_MAX], gid_map[ID_MAPS_MAX];
    unsigned n_uid_map, n_gid_map;
};

/* What to call it in a message: its name, else its id.  */
const char *container_label (const struct container *c);

/* The wire forms; references are the caller's. *_from_json refuses wrong types and numbers out of range.  */
json_t *container_to_json (const struct container *c);
int container_from_json (struct container *c, const json_t *json, struct error *err);
json_t *workload_to_json (const struct workload *w);
int workload_from_json (struct workload *w, const json_t *json, struct error *err);

/* Ids as any JSON has them; what is the name for the message. (uid_t) -1 is no id: chown takes it for "leave
 * it".  */
int id_from_json (uint32_t *id, const json_t *value, const char *what, struct error *err);
int gids_from_json (struct workload *w, const json_t *gids, const char *what, struct error *err);
/* keys: the members of a line for container, host and size; one that is missing is 0.  */
int id_map_from_json (struct id_map *map, unsigned *n, const json_t *lines, const char *const keys[3],
                      const char *what, struct error *err);

/* id as the host knows it; -1 where the map has no line for it.  */
int64_t id_to_host (const struct id_map *map, unsigned n, uint32_t id);
/* The host's id as the container knows it; -1 likewise.  */
int64_t id_from_host (const struct id_map *map, unsigned n, uint32_t id);

#endif
