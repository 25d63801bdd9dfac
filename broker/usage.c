#include "usage.h"

#include <string.h>

static const uint64_t rate_ns = UINT64_C (1000000000);

static struct usage_clients *
before (struct usage *usage)
{
    return &usage->rounds[!usage->current];
}

static bool
is_at (const struct usage_clients *clients, uint16_t slot, unsigned gpu, uint64_t id)
{
    const struct usage_client *c = &clients->table[slot - 1U];

    return c->gpu == gpu && c->id == id;
}

/* The place of the client, or where it would be. There are more places than clients.  */
static uint16_t *
slot_of (struct usage_clients *clients, unsigned gpu, uint64_t id)
{
    uint64_t mixed = (id * GPUS_MAX + gpu) * UINT64_C (0x9e3779b97f4a7c15);
    size_t i = mixed >> 40;

    while (clients->hash[i % USAGE_HASH] != 0 && !is_at (clients, clients->hash[i % USAGE_HASH], gpu, id))
        i++;
    return &clients->hash[i % USAGE_HASH];
}

static struct usage_client *
find (struct usage_clients *clients, unsigned gpu, uint64_t id)
{
    uint16_t slot = *slot_of (clients, gpu, id);

    return slot ? &clients->table[slot - 1U] : NULL;
}

void
usage_begin (struct usage *usage, uint64_t now)
{
    struct usage_clients *clients;

    usage->current = !usage->current;
    clients = &usage->rounds[usage->current];
    clients->n = 0;
    memset (clients->hash, 0, sizeof clients->hash);
    usage->now = now;
    usage->round++;
    usage->missed_before = usage->missed;
    usage->missed = false;
}

/* What was never written is not touched: a page less.  */
static void
clear (struct usage *usage, unsigned lease, uint32_t gpus)
{
    for (unsigned gpu = 0; gpu < GPUS_MAX; gpu++)
        if (gpus & (1U << gpu))
            usage->shares[gpu][lease] = (struct usage_share){.sum = {.clients = 0}};
}

void
usage_look_at (struct usage *usage, unsigned lease, uint32_t gpus)
{
    struct usage_lease *l = &usage->leases[lease];

    if (l->looked && !l->fresh && l->round + 1 != usage->round) {
        l->looked = 0;
        for (unsigned gpu = 0; gpu < GPUS_MAX; gpu++)
            if (gpus & (1U << gpu))
                memset (usage->shares[gpu][lease].marks, 0, sizeof usage->shares[gpu][lease].marks);
    }
    clear (usage, lease, gpus & ~l->gpus);
    l->fresh = false;
    l->round = usage->round;
    l->gpus = gpus;
    for (unsigned gpu = 0; gpu < GPUS_MAX; gpu++) {
        struct usage_sum *sum = &usage->shares[gpu][lease].sum;

        if ((gpus & (1U << gpu)) == 0)
            continue;
        sum->clients = 0;
        sum->memory = sum->resident = 0;
    }
}

static uint64_t
larger (uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Seen again, in another file.  */
static void
merge (struct usage_client *c, const struct fdinfo *info)
{
    fdinfo_merge_engines (c->engines, info->engines);
    c->memory = larger (c->memory, info->memory);
    c->resident = larger (c->resident, info->resident);
}

void
usage_add (struct usage *usage, unsigned lease, unsigned gpu, const struct fdinfo *info)
{
    struct usage_clients *clients = &usage->rounds[usage->current];
    struct usage_sum *sum = &usage->shares[gpu][lease].sum;
    uint16_t *slot = slot_of (clients, gpu, info->client);
    struct usage_client *c;

    sum->has_memory |= info->has_memory;
    if (*slot) {
        merge (&clients->table[*slot - 1U], info);
        return;
    }
    if (clients->n == USAGE_CLIENTS_MAX) {
        usage->missed = true;
        return;
    }
    c = &clients->table[clients->n++];
    *slot = (uint16_t) clients->n;
    *c = (struct usage_client){.id = info->client,
                               .lease = (uint16_t) lease,
                               .gpu = (uint8_t) gpu,
                               .memory = info->memory,
                               .resident = info->resident};
    memcpy (c->engines, info->engines, sizeof c->engines);
    sum->clients++;
}

/* What a client did since the look before, in ns. Cycles are parts of those that went by meanwhile.  */
static uint64_t
progress (const struct fdinfo_engine *then, struct fdinfo_engine *now, uint64_t passed)
{
    uint64_t busy;

    if (now->busy <= then->busy) {
        now->busy = then->busy;
        return 0;
    }
    busy = now->busy - then->busy;
    if (now->total == 0)
        return busy / now->capacity;
    if (now->total <= then->total || then->total == 0)
        return 0;
    return (uint64_t) ((double) busy / (double) (now->total - then->total) / now->capacity * (double) passed);
}

/* A driver that stops telling of an engine has not begun at 0 when it tells again.  */
static void
keep_vanished (struct usage *usage, struct usage_client *c, const struct usage_client *then)
{
    for (unsigned i = 0; i < ENGINES; i++) {
        if (c->engines[i].known || then->engines[i].busy == 0)
            continue;
        c->engines[i] = then->engines[i];
        c->engines[i].known = false;
        usage->shares[c->gpu][c->lease].sum.known[i] = false;
    }
}

static void
count (struct usage *usage, struct usage_client *c, const struct usage_client *then)
{
    const struct usage_lease *lease = &usage->leases[c->lease];
    struct usage_sum *sum = &usage->shares[c->gpu][c->lease].sum;
    struct usage_total *total = &usage->totals[c->gpu];
    static const struct usage_client unseen;

    sum->memory += c->memory;
    sum->resident += c->resident;
    for (unsigned i = 0; i < ENGINES; i++) {
        uint64_t had = 0;

        if (!c->engines[i].known)
            continue;
        sum->known[i] = total->known[i] = true;
        if (lease->looked && (then || !usage->missed_before))
            had = progress (then ? &then->engines[i] : &unseen.engines[i], &c->engines[i],
                            usage->now - lease->looked);
        sum->busy[i] += had;
        total->busy[i] += had;
    }
}

/* A rate begins at the older mark, which is thrown away when the newer one is old enough to take its place.
 */
static void
set_marks (struct usage_share *share, uint64_t now)
{
    struct usage_mark *marks = share->marks;
    const struct usage_sum *sum = &share->sum;

    if (marks[1].at != 0 && now - marks[1].at < rate_ns)
        return;
    marks[0] = marks[1];
    marks[1].at = now;
    memcpy (marks[1].busy, sum->busy, sizeof sum->busy);
}

void
usage_end (struct usage *usage)
{
    struct usage_clients *clients = &usage->rounds[usage->current];

    for (unsigned i = 0; i < clients->n; i++) {
        struct usage_client *c = &clients->table[i];
        const struct usage_client *then = find (before (usage), c->gpu, c->id);

        if (then)
            keep_vanished (usage, c, then);
    }
    for (unsigned i = 0; i < clients->n; i++) {
        struct usage_client *c = &clients->table[i];

        count (usage, c, find (before (usage), c->gpu, c->id));
    }
    for (unsigned i = 0; i < LEASES_MAX; i++) {
        struct usage_lease *lease = &usage->leases[i];

        if (lease->round != usage->round)
            continue;
        lease->looked = usage->now;
        for (unsigned gpu = 0; gpu < GPUS_MAX; gpu++)
            if (lease->gpus & (1U << gpu))
                set_marks (&usage->shares[gpu][i], usage->now);
    }
}

void
usage_start (struct usage *usage, unsigned lease, uint32_t gpus, uint64_t now)
{
    struct usage_lease *l = &usage->leases[lease];

    clear (usage, lease, gpus | l->gpus);
    *l = (struct usage_lease){.looked = now, .fresh = true, .gpus = gpus};
    for (unsigned gpu = 0; gpu < GPUS_MAX; gpu++)
        if (gpus & (1U << gpu))
            usage->shares[gpu][lease].marks[1].at = now;
}

void
usage_forget (struct usage *usage, unsigned lease)
{
    clear (usage, lease, usage->leases[lease].gpus);
    usage->leases[lease] = (struct usage_lease){.looked = 0};
}

static const struct usage_mark *
rate_since (const struct usage_share *share)
{
    return &share->marks[share->marks[0].at == 0];
}

uint64_t
usage_span (const struct usage *usage, unsigned lease, unsigned gpu)
{
    const struct usage_lease *l = &usage->leases[lease];
    const struct usage_mark *since = rate_since (&usage->shares[gpu][lease]);

    return since->at == 0 || l->looked <= since->at ? 0 : l->looked - since->at;
}

double
usage_rate (const struct usage *usage, unsigned lease, unsigned gpu, enum engine engine)
{
    const struct usage_sum *sum = &usage->shares[gpu][lease].sum;
    const struct usage_mark *since = rate_since (&usage->shares[gpu][lease]);
    uint64_t span = usage_span (usage, lease, gpu);
    double rate;

    if (!sum->known[engine] || span == 0)
        return -1;
    rate = (double) (sum->busy[engine] - since->busy[engine]) / (double) span;
    return rate > 1 ? 1 : rate;
}
