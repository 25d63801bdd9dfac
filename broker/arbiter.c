#include "arbiter.h"

#include <stdarg.h>
#include <stdio.h>

#include "../oci/cleanup.h"

static void decide (struct decision *out, enum verdict verdict, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

static void
decide (struct decision *out, enum verdict verdict, const char *format, ...)
{
    va_list args;

    out->verdict = verdict;
    va_start (args, format);
    (void) vsnprintf (out->reason, sizeof out->reason, format, args);
    va_end (args);
}

/* Slots in use, of every GPU: counted once for a decision.  */
struct usage {
    unsigned used[GPUS_MAX];
};

/* Monitors count as no user; a lease without a GPU holds an empty set.  */
static struct usage
count_usage (const struct gpus *gpus, const struct leases *leases)
{
    struct usage usage = {{0}};
    uint32_t exclusive = 0;
    const struct lease *lease;

    leases_foreach (leases, lease) {
        if (lease->order.request.access == ACCESS_MONITOR)
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

unsigned
arbiter_used (const struct gpus *gpus, const struct leases *leases, unsigned gpu)
{
    return count_usage (gpus, leases).used[gpu];
}

static uint32_t
present (const struct gpus *gpus)
{
    uint32_t set = 0;

    for (unsigned i = 0; i < GPUS_MAX; i++)
        if (gpus->table[i].state == GPU_PRESENT)
            set |= 1U << i;
    return set;
}

static uint32_t
matching (const struct gpus *gpus, uint32_t among, const struct selector *selector)
{
    uint32_t set = 0;

    for (unsigned i = 0; i < GPUS_MAX; i++)
        if ((among & (1U << i)) && gpu_matches (&gpus->table[i], selector))
            set |= 1U << i;
    return set;
}

static bool
wants_all (const struct request *req)
{
    for (unsigned i = 0; i < req->n_selectors; i++)
        if (req->selectors[i].kind == SELECT_ALL)
            return true;
    return false;
}

static bool
has_room (const struct gpus *gpus, const struct usage *usage, const struct request *req, unsigned gpu)
{
    if (req->access == ACCESS_EXCLUSIVE)
        return usage->used[gpu] == 0;
    return usage->used[gpu] + req->slots <= gpus->table[gpu].slots;
}

static uint32_t
roomy (const struct gpus *gpus, const struct usage *usage, const struct request *req, uint32_t among)
{
    uint32_t set = 0;

    for (unsigned i = 0; i < GPUS_MAX; i++)
        if ((among & (1U << i)) && has_room (gpus, usage, req, i))
            set |= 1U << i;
    return set;
}

/* The GPU of the set with the largest share of its slots free; the first of equals.  */
static unsigned
least_loaded (const struct gpus *gpus, const struct usage *usage, uint32_t set)
{
    unsigned best = GPUS_MAX, best_used = 0;

    for (unsigned i = 0; i < GPUS_MAX; i++) {
        unsigned used;

        if (!(set & (1U << i)))
            continue;
        used = usage->used[i];
        if (best == GPUS_MAX || used * gpus->table[best].slots < best_used * gpus->table[i].slots) {
            best = i;
            best_used = used;
        }
    }
    return best;
}

static void
names_of_holders (const struct leases *leases, uint32_t gpus, char *out, size_t size)
{
    const struct lease *lease;
    size_t len = 0;

    out[0] = '\0';
    leases_foreach (leases, lease) {
        if (lease->order.request.access != ACCESS_MONITOR && (lease->gpus & gpus) && len < size)
            len += (size_t) snprintf (out + len, size - len, "%s%.40s", len ? ", " : "",
                                      container_label (&lease->order.container));
    }
}

static void
say_busy (const struct gpus *gpus, const struct leases *leases, const struct usage *usage,
          const struct request *req, uint32_t reserved, struct decision *out)
{
    char names[64], holders[128];

    gpus_names (gpus, out->candidates, names, sizeof names);
    names_of_holders (leases, out->candidates, holders, sizeof holders);
    if (holders[0] == '\0' || (roomy (gpus, usage, req, out->candidates) & reserved))
        decide (out, VERDICT_WAIT, "%s: others wait for it already", names);
    else if (req->access == ACCESS_EXCLUSIVE)
        decide (out, VERDICT_WAIT, "%s cannot be had exclusively: held by %s", names, holders);
    else
        decide (out, VERDICT_WAIT, "%s has no %u free slot%s: held by %s", names, req->slots,
                req->slots == 1 ? "" : "s", holders);
}

static void
say_absent (const struct gpus *gpus, const struct request *req, struct decision *out)
{
    const char *wanted = req->text[KEY_GPU][0] ? req->text[KEY_GPU] : "any";
    char names[96];

    gpus_names (gpus, present (gpus), names, sizeof names);
    if (names[0])
        decide (out, VERDICT_WAIT, "no GPU fits dri.gpu \"%.60s\"; there is %s (drictl devices)", wanted,
                names);
    else
        decide (out, VERDICT_WAIT, "no GPU on this machine (ls /dev/dri; drictl devices)");
}

/* More slots than any fitting GPU has, or, where all are asked for, than one of them: no release will ever
 * help.  */
static bool
asks_too_much (const struct gpus *gpus, const struct request *req, bool all, struct decision *out)
{
    unsigned limit = 0;

    for (unsigned i = 0; i < GPUS_MAX; i++) {
        unsigned slots = gpus->table[i].slots;

        if ((out->candidates & (1U << i)) && (limit == 0 || (all ? slots < limit : slots > limit)))
            limit = slots;
    }
    if (req->access == ACCESS_EXCLUSIVE || req->slots <= limit)
        return false;
    decide (out, VERDICT_REFUSE,
            "dri.slots is %u, and the GPU has %u (\"slots\" in /etc/dri-broker/config.json)", req->slots,
            limit);
    return true;
}

static void
decide_all (const struct gpus *gpus, const struct leases *leases, const struct request *req,
            uint32_t reserved, struct decision *out)
{
    const struct usage usage = count_usage (gpus, leases);
    char names[96];

    if (roomy (gpus, &usage, req, out->candidates & ~reserved) != out->candidates) {
        say_busy (gpus, leases, &usage, req, reserved, out);
        return;
    }
    out->gpus = out->candidates;
    gpus_names (gpus, out->gpus, names, sizeof names);
    decide (out, VERDICT_GRANT, "%s: all that there are", names);
}

/* The selectors stand in order of preference: the first that has room is taken.  */
static void
decide_one (const struct gpus *gpus, const struct leases *leases, const struct request *req,
            uint32_t reserved, struct decision *out)
{
    const struct usage usage = count_usage (gpus, leases);

    for (unsigned i = 0; i < req->n_selectors; i++) {
        uint32_t fitting = matching (gpus, out->candidates, &req->selectors[i]);
        uint32_t free_ones = roomy (gpus, &usage, req, fitting & ~reserved);
        unsigned gpu = least_loaded (gpus, &usage, free_ones);

        if (gpu == GPUS_MAX)
            continue;
        out->gpus = 1U << gpu;
        decide (out, VERDICT_GRANT, "%s fits \"%s\" and had %u of %u slots in use", gpus->table[gpu].name,
                req->selectors[i].text, usage.used[gpu], gpus->table[gpu].slots);
        return;
    }
    say_busy (gpus, leases, &usage, req, reserved, out);
}

static void
decide_monitor (const struct gpus *gpus, struct decision *out)
{
    char names[96];

    out->gpus = out->candidates;
    gpus_names (gpus, out->gpus, names, sizeof names);
    decide (out, VERDICT_GRANT, "%s: a monitor sees every GPU and counts as no user", names);
}

void
arbiter_decide (const struct gpus *gpus, const struct leases *leases, const struct request *req,
                uint32_t reserved, struct decision *out)
{
    bool all = wants_all (req) || req->access == ACCESS_MONITOR;

    *out = (struct decision){0};
    if (all)
        out->candidates = present (gpus);
    for (unsigned i = 0; i < req->n_selectors && !all; i++)
        out->candidates |= matching (gpus, present (gpus), &req->selectors[i]);
    if (out->candidates == 0)
        say_absent (gpus, req, out);
    else if (req->access == ACCESS_MONITOR)
        decide_monitor (gpus, out);
    else if (asks_too_much (gpus, req, all, out))
        return;
    else if (all)
        decide_all (gpus, leases, req, reserved, out);
    else
        decide_one (gpus, leases, req, reserved, out);
}

bool
arbiter_before (const struct request *a, const struct request *b)
{
    static const unsigned rank[] = {[CLASS_REALTIME] = 0, [CLASS_INTERACTIVE] = 1, [CLASS_BATCH] = 2};

    return rank[a->class] < rank[b->class];
}
