#include "attach.h"

#include <string.h>

#include "../oci/cleanup.h"
#include "../oci/spec.h"
#include "ask.h"
#include "readiness.h"
#include "inject.h"

static void
prepare_gate (const struct door *d, pid_t pid, uint64_t start, const char *rootfs, struct gate *gate)
{
    struct workload w;

    apply_final_user (&d->workload, &d->req, &w);
    *gate = (struct gate){.pid = pid,
                          .start = start,
                          .rootfs = rootfs ? rootfs : "/",
                          .user = {.uid = w.uid,
                                   .gid = w.gid,
                                   .n_gids = w.n_gids,
                                   .dac_override = spec_has_dac_override (d->spec)},
                          .n_nodes = d->grant.n_nodes,
                          .ready = apply_ready (&d->req),
                          .require = d->req.text[KEY_REQUIRE],
                          .wait_ms = d->req.wait_ms};
    memcpy (gate->user.gids, w.gids, sizeof w.gids);
    memcpy (gate->nodes, d->grant.nodes, sizeof d->grant.nodes);
}

static void
add_variables (struct gate *gate, const json_t *variables)
{
    for (size_t i = 0; i < json_array_size (variables) && i < SIGHT_VARIABLES_MAX; i++)
        gate->variables.list[gate->variables.n++] = json_string_value (json_array_get (variables, i));
}

int
attach_judge (const struct door *d, pid_t pid, uint64_t start, const char *rootfs, struct error *err)
{
    static struct gate gate; /* large */
    const struct readiness way = {.lease = d->grant.lease,
                                  .gpus = d->grant.gpus,
                                  .active = true,
                                  .starts_without = d->req.on_failure == FAILURE_START_WITHOUT,
                                  .ask = d->ask,
                                  .userdata = d->userdata};
    _cleanup_json_ json_t *variables = apply_variables (d->spec);

    prepare_gate (d, pid, start, rootfs, &gate);
    add_variables (&gate, variables);
    return readiness_verify (&way, &gate, err);
}

static int
mount_there (const struct grant *grant, pid_t pid, uint64_t start, const char *rootfs, struct error *err)
{
    _cleanup_close_ int fd = -1;

    if (grant->directory[0] == '\0')
        return ask_for_mount (grant->lease, &fd, err) < 0 ? -1 : inject_mount (fd, pid, start, rootfs, err);
    fd = inject_open (grant->directory, err);
    return fd < 0 ? -1 : inject (fd, pid, start, rootfs, err);
}

int
attach_put (struct door *d, pid_t pid, uint64_t start, const char *rootfs, struct error *err)
{
    if (d->grant.bound)
        return error_set (err, 0,
                          "where dri-broker can make no device nodes, GPUs are given by dri-runtime and by "
                          "Podman's hooks only");
    if (mount_there (&d->grant, pid, start, rootfs, err) < 0)
        return -1;
    /* The broker sets the device filter of what is attached, so the gate comes behind it.  */
    return d->ask (d->userdata, "Activate",
                   json_pack ("{s:s s:i s:I s:b}", "lease", d->grant.lease, "pid", (int) pid, "start",
                              (json_int_t) start, "attached", 1),
                   DOOR_BROKER_MS, NULL, err);
}

int
attach (struct door *d, pid_t pid, uint64_t start, const char *rootfs, struct error *err)
{
    return attach_put (d, pid, start, rootfs, err) < 0 ? -1 : attach_judge (d, pid, start, rootfs, err);
}

void
attach_give_back (const struct door *d)
{
    struct error ignored;

    if (d->grant.lease[0])
        (void) ask_broker (NULL, "Release", json_pack ("{s:s s:b}", "lease", d->grant.lease, "force", 1),
                           DOOR_BROKER_MS, NULL, &ignored);
}
