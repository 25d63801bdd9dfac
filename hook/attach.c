#include "attach.h"

#include <string.h>

#include "../oci/cleanup.h"
#include "../oci/spec.h"
#include "gate.h"
#include "inject.h"

static void
prepare_gate (const struct door *d, pid_t pid, const char *rootfs, struct gate *gate)
{
    const struct workload *w = &d->workload;

    *gate = (struct gate){.pid = pid,
                          .rootfs = rootfs ? rootfs : "/",
                          .user = {.uid = w->drops ? w->puid : w->uid,
                                   .gid = w->drops ? w->pgid : w->gid,
                                   .n_gids = w->drops ? 0 : w->n_gids,
                                   .dac_override = spec_has_dac_override (d->spec)},
                          .n_nodes = d->grant.n_nodes,
                          .ready = gate_level (d->req.ready),
                          .wait_ms = d->req.wait_ms};
    memcpy (gate->user.gids, w->gids, sizeof w->gids);
    memcpy (gate->nodes, d->grant.nodes, sizeof d->grant.nodes);
}

static int
judge (const struct door *d, pid_t pid, const char *rootfs, struct error *err)
{
    static struct gate gate; /* large */
    struct verdict verdict;

    prepare_gate (d, pid, rootfs, &gate);
    if (gate.ready == READY_OFF || gate.n_nodes == 0)
        return 0;
    gate_judge (&gate, &verdict);
    if (d->ask (d->userdata, "Report",
                json_pack ("{s:s s:o}", "lease", d->grant.lease, "ready", verdict_to_json (&verdict)),
                DOOR_BROKER_MS, NULL, err)
        < 0)
        return -1;
    return verdict.ok || d->req.on_failure == FAILURE_START_WITHOUT
               ? 0
               : error_set (err, 0, "%s", verdict.reason);
}

int
attach (struct door *d, pid_t pid, const char *rootfs, struct error *err)
{
    _cleanup_close_ int directory = inject_open (d->grant.directory, err);

    if (directory < 0 || inject (directory, pid, rootfs, err) < 0)
        return -1;
    /* The broker sets the device filter of what is attached, so the gate comes behind it.  */
    if (d->ask (d->userdata, "Activate",
                json_pack ("{s:s s:i s:b}", "lease", d->grant.lease, "pid", (int) pid, "attached", 1),
                DOOR_BROKER_MS, NULL, err)
        < 0)
        return -1;
    return judge (d, pid, rootfs, err);
}
