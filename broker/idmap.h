/* The id maps of user namespaces, one inside the other. Pure.
 *
 * Source: user_namespaces(7), "User and group ID mappings".  */
#ifndef DRI_IDMAP_H
#define DRI_IDMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "../oci/container.h"
#include "../oci/error.h"

/* What a user namespace maps: to ids of the host.  */
struct idmap {
    struct id_map lines[ID_MAPS_MAX];
    unsigned n;
};

/* The text of /proc/PID/uid_map or gid_map.  */
int idmap_parse (struct idmap *map, const char *text, struct error *err);

bool idmap_reaches (const struct idmap *map, uint32_t host_id);

/* inner maps to ids of the namespace that outer is of: makes it map to the host. What outer does not map,
 * inner does not map afterwards.  */
int idmap_compose (struct idmap *inner, const struct idmap *outer, struct error *err);

#endif
