#include "admission.h"

#include "../oci/cleanup.h"
#include "peer.h"
#include "turns.h"

int
admission_judge (const struct leasing *l, struct order *order, struct error *err)
{
    if (policy_apply (l->policy, order->owner, &order->container, &order->request, &order->policy, err) < 0)
        return -1;
    /* What is root's alone to ask no rule gives to another.  */
    if (order->owner != 0 && peer_check_request (&order->request, err) < 0)
        return error_wrap (err, "%s of /etc/dri-broker/config.json", order->policy.rule);
    if (order->request.wait_ms > l->config->max_wait_ms)
        order->request.wait_ms = l->config->max_wait_ms;
    return 0;
}

/* What was asked stands in the order's parameters. On failure the order is as it was.  */
static int
judge_again (const struct leasing *l, struct order *order, struct error *err)
{
    _cleanup_json_ json_t *parameters = json_loads (order->parameters, 0, NULL);
    struct order fresh = *order;

    if (request_from_json (&fresh.request, json_object_get (parameters, "request"), err) < 0
        || admission_judge (l, &fresh, err) < 0)
        return -1;
    *order = fresh;
    return 0;
}

static void
judge_waiter (struct leasing *l, struct waiter *w)
{
    struct waiter refused;
    struct error err;

    if (judge_again (l, &w->order, &err) == 0) {
        w->turn = turns_of (l, &w->order);
    } else if (w->kind == WAITER_CLIENT) {
        refused = queue_take (&l->queue, w);
        leasing_refuse (l, refused.client, &refused.order, err.message);
        turns_settled (l, &refused);
    }
}

void
admission_judge_again (struct leasing *l)
{
    struct lease *lease;
    struct error ignored;

    for (unsigned i = 0; i < QUEUE_MAX; i++)
        if (l->queue.waiters[i].kind != WAITER_NONE)
            judge_waiter (l, &l->queue.waiters[i]);
    leases_foreach (&l->leases, lease) {
        if (lease->gpus == 0 && lease->state != LEASE_REVOKED)
            (void) judge_again (l, &lease->order, &ignored);
    }
}
