#include "layout.h"

#include <stdio.h>
#include <string.h>

#include "../oci/cleanup.h"

static int
to_host (const struct workload *w, const char *what, uint32_t id, uint32_t *out, struct error *err)
{
    bool user = what[0] == 'u';
    int64_t host;

    if (!w->userns) {
        *out = id;
        return 0;
    }
    host = id_to_host (user ? w->uid_map : w->gid_map, user ? w->n_uid_map : w->n_gid_map, id);
    if (host < 0 || host >= UINT32_MAX)
        return error_set (err, 0,
                          "%s %u, to own the GPU's nodes, is not mapped in the container's user namespace",
                          what, id);
    *out = (uint32_t) host;
    return 0;
}

static bool
maps_gid (const struct workload *w, gid_t gid)
{
    return !w->userns || id_to_host (w->gid_map, w->n_gid_map, gid) >= 0;
}

/* auto: the workload's own ids. Where it drops to PUID:PGID, that group. A workload that stays root gets the
 * host's group of the node instead of group 0: it opens the node by its uid, and a `docker exec -u 1000` by
 * that group, which dri-runtime adds, without being given root's.  */
static int
owner_of (const struct order *order, gid_t host_gid, struct layout_node *node, struct error *err)
{
    const struct owner *owner = &order->request.owner;
    const struct workload *w = &order->workload;
    gid_t gid;

    switch (owner->kind) {
    case OWNER_HOST:
        node->uid = 0;
        node->gid = host_gid;
        node->mode = 0660;
        return 0;
    case OWNER_IDS:
        node->mode = owner->mode;
        return to_host (w, "uid", owner->uid, &node->uid, err) < 0
                       || to_host (w, "gid", owner->gid, &node->gid, err) < 0
                   ? -1
                   : 0;
    case OWNER_AUTO:
        break;
    }
    gid = w->drops ? w->pgid : w->uid == 0 && w->gid == 0 && maps_gid (w, host_gid) ? host_gid : w->gid;
    node->mode = 0660;
    return to_host (w, "uid", w->uid, &node->uid, err) < 0 || to_host (w, "gid", gid, &node->gid, err) < 0
               ? -1
               : 0;
}

static int
add_node (struct layout *layout, const struct gpu *gpu, const struct gpu_node *from, const char *name,
          const struct order *order, struct error *err)
{
    struct layout_node *node = &layout->nodes[layout->n_nodes];

    (void) snprintf (node->node.name, sizeof node->node.name, "%s", name);
    node->node.major = from->major;
    node->node.minor = from->minor;
    node->node.drm = !gpu->simulated;
    if (owner_of (order, from->gid, node, err) < 0)
        return -1;
    layout->n_nodes++;
    for (unsigned i = 0; i < layout->n_gids; i++)
        if (layout->gids[i] == from->gid)
            return 0;
    /* The host's root group is not given to anybody.  */
    if (from->gid != 0 && maps_gid (&order->workload, from->gid) && layout->n_gids < GRANT_GIDS_MAX)
        layout->gids[layout->n_gids++] = from->gid;
    return 0;
}

static void
add_link (struct layout *layout, const struct gpu *gpu, const char *kind, const char *node)
{
    struct layout_link *link = &layout->links[layout->n_links++];

    (void) snprintf (link->name, sizeof link->name, "%s-%s", gpu->bus, kind);
    (void) snprintf (link->target, sizeof link->target, "../%s", node);
}

static int
add_gpu (struct layout *layout, const struct gpu *gpu, const struct order *order, struct error *err)
{
    if (gpu->render.name[0]) {
        if (add_node (layout, gpu, &gpu->render, gpu->render.name, order, err) < 0)
            return -1;
        add_link (layout, gpu, "render", gpu->render.name);
    }
    if (gpu->card.name[0] && order->request.card) {
        if (add_node (layout, gpu, &gpu->card, gpu->card.name, order, err) < 0)
            return -1;
        add_link (layout, gpu, "card", gpu->card.name);
    }
    return 0;
}

static bool
has_node (const struct layout *layout, const char *name)
{
    for (unsigned i = 0; i < layout->n_nodes; i++)
        if (strcmp (layout->nodes[i].node.name, name) == 0)
            return true;
    return false;
}

int
layout_make (struct layout *layout, const struct gpus *gpus, uint32_t set, const struct order *order,
             struct error *err)
{
    const struct gpu *first = NULL;

    layout->n_nodes = layout->n_links = layout->n_gids = 0;
    for (unsigned i = 0; i < GPUS_MAX; i++) {
        const struct gpu *gpu = &gpus->table[i];

        if (!(set & (1U << i)) || gpu->state != GPU_PRESENT)
            continue;
        if (add_gpu (layout, gpu, order, err) < 0)
            return -1;
        if (!first && gpu->render.name[0])
            first = gpu;
    }
    /* libva and ffmpeg begin their search at renderD128 and stop where it is missing.  */
    if (first && !has_node (layout, "renderD128"))
        return add_node (layout, first, &first->render, "renderD128", order, err);
    return 0;
}

void
layout_to_grant (const struct layout *layout, struct grant *grant)
{
    for (unsigned i = 0; i < layout->n_nodes; i++)
        grant->nodes[i] = layout->nodes[i].node;
    grant->n_nodes = layout->n_nodes;
    memcpy (grant->gids, layout->gids, sizeof grant->gids);
    grant->n_gids = layout->n_gids;
}
