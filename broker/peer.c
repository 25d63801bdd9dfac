#include "peer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>

#include "../oci/cleanup.h"
#include "../oci/file.h"
#include "process.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

enum { PEER_GIDS_MAX = 1024, PROC_BYTES_MAX = 64 << 10 };

/* --- pure --- */

static bool
is_listed (const struct config_ids *list, uint32_t id)
{
    for (unsigned i = 0; i < list->n; i++)
        if (list->ids[i] == id)
            return true;
    return false;
}

bool
peer_is_named (const struct config *config, uid_t uid, const gid_t *gids, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (is_listed (&config->groups, gids[i]))
            return true;
    return is_listed (&config->users, uid);
}

int
peer_check_request (const struct request *req, struct error *err)
{
    if (req->owner.kind == OWNER_HOST)
        return error_set (err, 0, "dri.owner=host is for root's containers: leave it out");
    if (req->card)
        return error_set (err, 0,
                          "the card node is for root's containers, it has the screen: leave dri.nodes out");
    if (req->access == ACCESS_MONITOR)
        return error_set (err, 0,
                          "dri.access=monitor is for root's containers, it passes by who has a GPU: leave it "
                          "out");
    return 0;
}

static int
translate (struct id_map *lines, unsigned *n, bool userns, const struct idmap *ids, struct error *err)
{
    struct idmap map = *ids;

    if (userns) {
        memcpy (map.lines, lines, sizeof map.lines);
        map.n = *n;
        if (idmap_compose (&map, ids, err) < 0)
            return -1;
    }
    memcpy (lines, map.lines, sizeof map.lines);
    *n = map.n;
    return 0;
}

/* Ids that are not in his maps would be others' wherever somebody takes them for the host's.  */
static int
check_ids (const struct workload *w, struct error *err)
{
    if (id_to_host (w->uid_map, w->n_uid_map, w->uid) < 0
        || (w->drops && id_to_host (w->uid_map, w->n_uid_map, w->puid) < 0))
        return error_set (err, 0, "uid %u of the container is not mapped to one of yours",
                          id_to_host (w->uid_map, w->n_uid_map, w->uid) < 0 ? w->uid : w->puid);
    if (id_to_host (w->gid_map, w->n_gid_map, w->gid) < 0
        || (w->drops && id_to_host (w->gid_map, w->n_gid_map, w->pgid) < 0))
        return error_set (err, 0, "gid %u of the container is not mapped to one of yours",
                          id_to_host (w->gid_map, w->n_gid_map, w->gid) < 0 ? w->gid : w->pgid);
    for (unsigned i = 0; i < w->n_gids; i++)
        if (id_to_host (w->gid_map, w->n_gid_map, w->gids[i]) < 0)
            return error_set (err, 0, "group %u of the container is not mapped to one of yours", w->gids[i]);
    return 0;
}

int
peer_translate (struct workload *w, const struct peer_ids *ids, struct error *err)
{
    if (translate (w->uid_map, &w->n_uid_map, w->userns, &ids->uids, err) < 0
        || translate (w->gid_map, &w->n_gid_map, w->userns, &ids->gids, err) < 0)
        return -1;
    w->userns = true;
    return check_ids (w, err);
}

/* --- who is there? --- */

static int
credentials (int connection, struct ucred *peer, struct error *err)
{
    socklen_t size = sizeof *peer;

    return getsockopt (connection, SOL_SOCKET, SO_PEERCRED, peer, &size) < 0
               ? error_set (err, errno, "who is at the other end")
               : 0;
}

/* More groups than there is room for are none.  */
static size_t
groups (int connection, gid_t *gids)
{
    socklen_t size = PEER_GIDS_MAX * sizeof *gids;

    return getsockopt (connection, SOL_SOCKET, SO_PEERGROUPS, gids, &size) < 0 ? 0 : size / sizeof *gids;
}

int
peer_check (const struct config *config, int connection, struct error *err)
{
    gid_t gids[PEER_GIDS_MAX + 1];
    struct ucred peer;
    size_t n;

    if (credentials (connection, &peer, err) < 0)
        return -1;
    n = groups (connection, gids);
    gids[n] = peer.gid;
    if (peer.uid == 0 || peer_is_named (config, peer.uid, gids, n + 1))
        return 0;
    return error_set (err, 0,
                      "uid %u may not have a GPU: root can add it to \"users\" in "
                      "/etc/dri-broker/config.json, and then systemctl reload dri-broker",
                      peer.uid);
}

/* From Linux 6.5 the very process that connected.  */
static int
hold_peer (int connection, pid_t pid)
{
    socklen_t size = sizeof (int);
    int fd;

    if (getsockopt (connection, SOL_SOCKET, SO_PEERPIDFD, &fd, &size) == 0)
        return fd;
    return errno == ENOPROTOOPT ? pidfd_open (pid, 0) : -1;
}

static bool
has_ended (int pidfd)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};

    return poll (&p, 1, 0) != 0;
}

/* Real, effective, saved and of the file system.  */
static int
read_uids (pid_t pid, uid_t uids[4], struct error *err)
{
    _cleanup_free_ char *status = process_status (pid, err);
    const char *line;

    if (!status)
        return -1;
    line = strstr (status, "\nUid:");
    if (!line || sscanf (line, "\nUid: %u %u %u %u", &uids[0], &uids[1], &uids[2], &uids[3]) != 4)
        return error_set (err, EPROTO, "/proc/%d/status", (int) pid);
    return 0;
}

static int
read_map (pid_t pid, const char *file, struct idmap *map, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    char path[40];
    size_t len;

    (void) snprintf (path, sizeof path, "/proc/%d/%s", (int) pid, file);
    return file_read (path, PROC_BYTES_MAX, &text, &len, err) < 0 ? -1 : idmap_parse (map, text, err);
}

/* A map that reaches the host's root is the host's own, or was made by its root: nobody else is given what it
 * maps.  */
static void
restrict_to (struct idmap *map, uint32_t own)
{
    if (idmap_reaches (map, 0))
        *map = (struct idmap){.lines = {{own, own, 1}}, .n = 1};
}

int
peer_ids_of (int connection, struct peer_ids *ids, struct error *err)
{
    _cleanup_close_ int held = -1;
    struct peer_ids found;
    struct ucred peer;
    uid_t uids[4];

    if (credentials (connection, &peer, err) < 0)
        return -1;
    held = hold_peer (connection, peer.pid);
    if (held < 0)
        return error_set (err, errno, "the client's process %d", (int) peer.pid);
    if (read_uids (peer.pid, uids, err) < 0 || read_map (peer.pid, "uid_map", &found.uids, err) < 0
        || read_map (peer.pid, "gid_map", &found.gids, err) < 0)
        return -1;
    /* Another process by now, which may have his pid; or one that is more than he is.  */
    for (size_t i = 0; i < countof (uids); i++)
        if (uids[i] != peer.uid || has_ended (held))
            return error_set (err, 0, "the client's process %d is not what it was when it connected",
                              (int) peer.pid);
    restrict_to (&found.uids, peer.uid);
    restrict_to (&found.gids, peer.gid);
    *ids = found;
    return 0;
}

int
peer_check_process (const struct peer_ids *ids, pid_t pid, uint64_t *start, struct error *err)
{
    _cleanup_close_ int held = process_hold (pid, start);
    bool his = held >= 0;
    uid_t uids[4];

    if (his && read_uids (pid, uids, err) < 0)
        his = false;
    for (size_t i = 0; his && i < countof (uids); i++)
        his = idmap_reaches (&ids->uids, uids[i]);
    return his && !has_ended (held) ? 0 : error_set (err, 0, "process %d is not one of yours", (int) pid);
}
