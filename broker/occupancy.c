#include "occupancy.h"

bool
occupancy_may_park (const struct lease *lease, uid_t asker)
{
    return lease->parkable && !lease->parked && (asker == 0 || lease->order.owner == asker);
}

struct occupancy
occupancy_count (const struct gpus *gpus, const struct leases *leases, const uid_t *parking)
{
    struct occupancy usage = {{0}};
    uint32_t exclusive = 0;
    const struct lease *lease;

    leases_foreach (leases, lease) {
        if (lease->order.request.access == ACCESS_MONITOR || lease->parked
            || (parking && occupancy_may_park (lease, *parking)))
            continue;
        if (lease->order.request.access == ACCESS_EXCLUSIVE)
            exclusive |= lease->gpus;
        for (uint32_t rest = lease->gpus; rest != 0; rest &= rest - 1)
            usage.used[__builtin_ctz (rest)] += lease->order.request.slots;
    }
    for (unsigned i = 0; i < GPUS_MAX; i++)
        if (exclusive & (1U << i))
            usage.used[i] = gpus->table[i].slots;
    return usage;
}

bool
occupancy_has_room (const struct occupancy *usage, const struct gpus *gpus, const struct request *req,
                    unsigned gpu)
{
    if (req->access == ACCESS_EXCLUSIVE)
        return usage->used[gpu] == 0;
    return usage->used[gpu] + req->slots <= gpus->table[gpu].slots;
}

uint32_t
occupancy_roomy (const struct occupancy *usage, const struct gpus *gpus, const struct request *req,
                 uint32_t among)
{
    uint32_t set = 0;

    for (unsigned i = 0; i < GPUS_MAX; i++)
        if ((among & (1U << i)) && occupancy_has_room (usage, gpus, req, i))
            set |= 1U << i;
    return set;
}
