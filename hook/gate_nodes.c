#include "gate_nodes.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "../broker/process.h"
#include "../oci/cleanup.h"
#include "../oci/clock.h"
#include "node.h"
#include "probe_drm.h"

enum { RETRY_FIRST_MS = 20, RETRY_LAST_MS = 500 };

/* The driver is on its way: its module is loading, its firmware is, or the node was made before it.  */
static bool
may_pass (int status)
{
    return status == ENXIO || status == EAGAIN || status == ENODEV;
}

static void
explain_open (const struct gate *gate, const struct grant_node *node, const struct error *err,
              struct verdict *verdict)
{
    const struct workload_user *user = &gate->user;

    switch (err->status) {
    case EACCES:
        (void) snprintf (verdict->reason, sizeof verdict->reason,
                         "the workload's user %u:%u may not open /dev/dri/%s: set dri.owner to \"%u:%u\"",
                         user->uid, user->gid, node->name, user->uid, user->gid);
        break;
    case EPERM:
        (void) snprintf (verdict->reason, sizeof verdict->reason,
                         "the container's device cgroup does not let it open /dev/dri/%s (%u:%u)", node->name,
                         node->major, node->minor);
        break;
    case ENXIO:
    case ENODEV:
        (void) snprintf (
            verdict->reason, sizeof verdict->reason,
            "no driver behind /dev/dri/%s (%u:%u) after %u s: is the GPU's module loaded on the host? "
            "(drictl devices; dmesg)",
            node->name, node->major, node->minor, (gate->wait_ms + 999) / 1000);
        break;
    default:
        (void) snprintf (verdict->reason, sizeof verdict->reason, "/dev/dri/%s: %.900s", node->name,
                         err->message);
        break;
    }
}

/* One try: unlike drm_ioctl, which would go on for as long as a driver says EAGAIN.  */
static int
ask_once (int fd, unsigned long request, void *arg)
{
    int r;

    do
        r = ioctl (fd, request, arg);
    while (r < 0 && errno == EINTR);
    return r;
}

static bool
asks_driver (const struct gate *gate, const struct grant_node *node)
{
    return gate->ready != READY_NODE && node->drm;
}

static int
try_node (const struct gate *gate, int root, const struct grant_node *node, struct drm_facts *facts,
          enum request_ready *level, struct error *err)
{
    _cleanup_close_ int fd = node_open (root, node, err);
    const struct drm_device device = {.fd = fd, .ioctl = ask_once};

    *level = READY_NODE;
    if (fd < 0 || !asks_driver (gate, node))
        return steal_fd (&fd);
    *level = READY_DRIVER;
    if (drm_ask_version (&device, facts, err) < 0)
        return -1;
    drm_ask_facts (&device, facts);
    return steal_fd (&fd);
}

static int
try_patiently (const struct gate *gate, int root, const struct grant_node *node, int64_t deadline,
               struct drm_facts *facts, enum request_ready *level, struct error *err)
{
    long pause = RETRY_FIRST_MS;

    for (;;) {
        int fd = try_node (gate, root, node, facts, level, err);
        int64_t left = deadline - clock_ms ();

        if (fd >= 0 || !may_pass (err->status) || left <= 0)
            return fd;
        (void) poll (NULL, 0, (int) (pause < left ? pause : left));
        pause = pause * 2 > RETRY_LAST_MS ? RETRY_LAST_MS : pause * 2;
    }
}

static void
explain_driver (const struct grant_node *node, const struct error *err, struct verdict *verdict)
{
    (void) snprintf (
        verdict->reason, sizeof verdict->reason,
        "/dev/dri/%s: the kernel's driver does not answer (%.150s): the GPU may have failed; look at the "
        "host's dmesg, reload its module or reboot",
        node->name, err->message);
}

/* What the driver says is wrong fails nothing here, but is worth a word.  */
static void
praise (const struct grant_node *node, const struct drm_facts *facts, struct verdict *verdict)
{
    int len = snprintf (verdict->reason, sizeof verdict->reason, "%s: %s %s", node->name, facts->driver,
                        facts->version);

    for (unsigned i = 0; i < facts->n_notes && len > 0 && (size_t) len < sizeof verdict->reason; i++)
        len +=
            snprintf (verdict->reason + len, sizeof verdict->reason - (size_t) len, ". %s", facts->notes[i]);
}

static bool
is_new_render (const struct gate *gate, const struct gate_found *found, const struct grant_node *node)
{
    for (unsigned i = 0; i < found->n_renders; i++) {
        const struct grant_node *other = &gate->nodes[found->renders[i].node];

        if (other->major == node->major && other->minor == node->minor)
            return false;
    }
    return strncmp (node->name, "renderD", strlen ("renderD")) == 0
           && found->n_renders < countof (found->renders);
}

/* Where a node is a stand-in of a simulated GPU, there is no driver to ask, and the verdict says so.  */
static bool
judge_node (const struct gate *gate, int root, unsigned i, int64_t deadline, struct verdict *verdict,
            struct gate_found *found)
{
    const struct grant_node *node = &gate->nodes[i];
    struct drm_facts facts = {.n_notes = 0};
    struct error err = {0};
    int fd = try_patiently (gate, root, node, deadline, &facts, &verdict->level, &err);

    if (fd < 0) {
        if (verdict->level == READY_NODE)
            explain_open (gate, node, &err, verdict);
        else
            explain_driver (node, &err, verdict);
        return false;
    }
    if (verdict->level == READY_NODE)
        (void) snprintf (verdict->reason, sizeof verdict->reason, "%s opened%s", node->name,
                         node->drm ? "" : " (simulated GPU: no driver to ask)");
    else
        praise (node, &facts, verdict);
    if (is_new_render (gate, found, node)) {
        struct gate_render *render = &found->renders[found->n_renders++];

        *render = (struct gate_render){.fd = fd, .node = i};
        (void) snprintf (render->driver, sizeof render->driver, "%s%s%s", facts.driver,
                         facts.driver[0] ? " " : "", facts.version);
    } else {
        (void) close (fd);
    }
    return true;
}

void
gate_nodes_judge (const struct gate *gate, int64_t deadline, struct verdict *verdict,
                  struct gate_found *found)
{
    _cleanup_close_ int process = process_open (gate->pid, gate->start);
    _cleanup_close_ int root = -1;
    struct error err = {0};

    root = workload_become (gate->pid, process, gate->rootfs, &gate->user, WORKLOAD_LOOKS, &err);
    if (root < 0) {
        (void) snprintf (verdict->reason, sizeof verdict->reason,
                         "the readiness gate cannot become the workload: %.180s", err.message);
        return;
    }
    for (unsigned i = 0; i < gate->n_nodes; i++)
        if (!judge_node (gate, root, i, deadline, verdict, found))
            return;
    if (gate->ready == READY_AUTO || gate->ready == READY_VAAPI)
        sight_look (&found->sight, root, &gate->variables);
    verdict->ok = true;
}
