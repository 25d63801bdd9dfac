/* Clients other than root: who of them may lease GPUs, for what, with which owners, and which processes are
 * theirs. What they say is not believed; the kernel is asked who they are.
 *
 * Sources: unix(7) (SO_PEERCRED), socket(7), the kernel's net/core/sock.c (SO_PEERGROUPS, SO_PEERPIDFD),
 * proc(5) (status, uid_map).  */
#ifndef DRI_PEER_H
#define DRI_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../oci/config.h"
#include "../oci/container.h"
#include "../oci/error.h"
#include "../oci/request.h"
#include "idmap.h"

/* The ids that a client may give away.  */
struct peer_ids {
    struct idmap uids, gids;
};

/* Pure: do "users" and "groups" of the configuration name him?  */
bool peer_is_named (const struct config *config, uid_t uid, const gid_t *gids, size_t n);

/* Pure: what of a request is root's alone to ask.  */
int peer_check_request (const struct request *req, struct error *err);

/* Pure: the ids of the workload made the host's, and none but those that the client may give away.  */
int peer_translate (struct workload *w, const struct peer_ids *ids, struct error *err);

/* May whoever is at the other end of the connection lease GPUs? The error is for him, with the next step. */
int peer_check (const struct config *config, int connection, struct error *err);

/* What his user namespace maps; in the host's own his own uid and gid.  */
int peer_ids_of (int connection, struct peer_ids *ids, struct error *err);

/* Is it a process of his, one whose uids he may give away? *start: as for process_hold, to hold it later by.
 */
int peer_check_process (const struct peer_ids *ids, pid_t pid, uint64_t *start, struct error *err);

#endif
