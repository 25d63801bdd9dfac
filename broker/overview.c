#include "overview.h"

#include "arbiter.h"
#include "meter.h"
#include "throttle.h"

static json_t *
gpus_to_json (const struct leasing *l)
{
    json_t *gpus = json_array ();

    for (unsigned i = 0; i < GPUS_MAX; i++) {
        json_t *gpu;

        if (l->gpus->table[i].state == GPU_ABSENT)
            continue;
        gpu = gpu_to_json (&l->gpus->table[i]);
        meter_add_gpu (l->meter, i, gpu);
        (void) json_object_set_new (json_object_get (gpu, "slots"), "used",
                                    json_integer (arbiter_used (l->gpus, &l->leases, i)));
        (void) json_array_append_new (gpus, gpu);
    }
    return gpus;
}

static json_t *
waiter_to_json (const struct leasing *l, const struct waiter *waiter, unsigned position)
{
    char names[128];

    gpus_names (l->gpus, waiter->candidates, names, sizeof names);
    return json_pack ("{s:o s:s s:o s:s s:i s:I s:s}", "container",
                      container_to_json (&waiter->order.container), "state", waiter_kind_name (waiter->kind),
                      "gpu", names[0] ? json_string (names) : json_null (), "class",
                      class_name (waiter->order.request.class), "position", (int) position, "since",
                      (json_int_t) waiter->since, "reason", waiter->reason);
}

json_t *
overview_to_json (struct leasing *l, const struct viewer *viewer)
{
    json_t *leases = json_array (), *queue = json_array ();
    const struct waiter *waiter;
    const struct lease *lease;
    unsigned position = 0;

    leases_foreach (&l->leases, lease) {
        const char *state, *unheld;
        json_t *object;

        if (!viewer_sees (viewer, &lease->order))
            continue;
        object = lease_to_json (lease, l->gpus, viewer_owns (viewer, &lease->order));
        meter_add_lease (l->meter, lease, object);
        (void) json_object_set_new (object, "cgroup",
                                    viewer_owns (viewer, &lease->order) && lease->cgroup[0] == '/'
                                        ? json_string (lease->cgroup)
                                        : json_null ());
        (void) json_object_set_new (
            object, "open", lease->state == LEASE_REVOKED ? meter_holders (l->meter, lease) : json_null ());
        state = throttle_state (l->throttle, lease);
        unheld = throttle_unheld (l->throttle, lease);
        if (unheld) {
            state = "unheld";
            (void) json_object_set_new (object, "reason", json_string (unheld));
        }
        if (state)
            (void) json_object_set_new (object, "state", json_string (state));
        (void) json_array_append_new (leases, object);
    }
    for (waiter = queue_next (&l->queue, NULL); waiter; waiter = queue_next (&l->queue, waiter)) {
        position++;
        if (viewer_sees (viewer, &waiter->order))
            (void) json_array_append_new (queue, waiter_to_json (l, waiter, position));
    }
    return json_pack ("{s:o s:o s:o}", "gpus", gpus_to_json (l), "leases", leases, "queue", queue);
}
