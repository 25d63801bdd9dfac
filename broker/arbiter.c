#include "arbiter.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../oci/cleanup.h"
#include "fitness.h"

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
struct occupancy {
    unsigned used[GPUS_MAX];
};

/* Nobody but root has other users' containers parked.  */
static bool
is_parkable (const struct lease *lease, uid_t asker)
{
    return lease->parkable && !lease->parked && (asker == 0 || lease->order.owner == asker);
}

/* Monitors count as no user, nor do those who are parked; a lease without a GPU holds an empty set. parking:
 * as if all were parked that the asker may have parked; NULL: none.  */
static struct occupancy
count_usage (const struct gpus *gpus, const struct leases *leases, const uid_t *parking)
{
    struct occupancy usage = {{0}};
    uint32_t exclusive = 0;
    const struct lease *lease;

    leases_foreach (leases, lease) {
        if (lease->order.request.access == ACCESS_MONITOR || lease->parked
            || (parking && is_parkable (lease, *parking)))
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
    return count_usage (gpus, leases, NULL).used[gpu];
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
has_room (const struct gpus *gpus, const struct occupancy *usage, const struct request *req, unsigned gpu)
{
    if (req->access == ACCESS_EXCLUSIVE)
        return usage->used[gpu] == 0;
    return usage->used[gpu] + req->slots <= gpus->table[gpu].slots;
}

static uint32_t
roomy (const struct gpus *gpus, const struct occupancy *usage, const struct request *req, uint32_t among)
{
    uint32_t set = 0;

    for (unsigned i = 0; i < GPUS_MAX; i++)
        if ((among & (1U << i)) && has_room (gpus, usage, req, i))
            set |= 1U << i;
    return set;
}

/* The GPU of the set with the largest share of its slots free; the first of equals.  */
static unsigned
least_loaded (const struct gpus *gpus, const struct occupancy *usage, uint32_t set)
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

/* Nobody but root learns of other users' containers.  */
static void
names_of_holders (const struct leases *leases, uint32_t gpus, uid_t asker, char *out, size_t size)
{
    const struct lease *lease;
    bool others = false;
    size_t len = 0;

    out[0] = '\0';
    leases_foreach (leases, lease) {
        if (lease->order.request.access == ACCESS_MONITOR || !(lease->gpus & gpus))
            continue;
        if (asker != 0 && lease->order.owner != asker)
            others = true;
        else if (len < size)
            len += (size_t) snprintf (out + len, size - len, "%s%.40s", len ? ", " : "",
                                      container_label (&lease->order.container));
    }
    if (others && len < size)
        (void) snprintf (out + len, size - len, "%sothers", len ? ", " : "");
}

static void
say_busy (const struct gpus *gpus, const struct leases *leases, const struct occupancy *usage,
          const struct request *req, uid_t asker, uint32_t reserved, struct decision *out)
{
    char names[64], holders[128];

    gpus_names (gpus, out->candidates, names, sizeof names);
    names_of_holders (leases, out->candidates, asker, holders, sizeof holders);
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

static void
say_unable (const struct gpus *gpus, const struct request *req, uint32_t unable, struct decision *out)
{
    char lacking[160];

    fitness_explain (gpus, unable, req, lacking, sizeof lacking);
    decide (out, VERDICT_WAIT, "no GPU can do all that dri.require asks for: %s (drictl probe)", lacking);
}

static void
say_asked (const struct gpus *gpus, uint32_t asked, struct decision *out)
{
    char names[96];

    gpus_names (gpus, asked, names, sizeof names);
    decide (out, VERDICT_WAIT, "%s: being asked whether it can do what dri.require asks for", names);
}

/* What is to be said of a GPU that was chosen.  */
static const char *
fitness_words (const struct request *req, const struct fitness *fitness, uint32_t chosen)
{
    if (req->text[KEY_REQUIRE][0] == '\0')
        return "";
    return chosen & ~fitness->able ? "; what it can do is not known (drictl probe)"
                                   : "; it lists what dri.require asks for";
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
            const struct fitness *fitness, uid_t asker, uint32_t reserved, struct decision *out)
{
    const struct occupancy usage = count_usage (gpus, leases, NULL);
    char names[96];

    if (roomy (gpus, &usage, req, out->candidates & ~reserved) != out->candidates) {
        say_busy (gpus, leases, &usage, req, asker, reserved, out);
        return;
    }
    if (fitness->asked) {
        say_asked (gpus, fitness->asked, out);
        return;
    }
    out->gpus = out->candidates;
    gpus_names (gpus, out->gpus, names, sizeof names);
    decide (out, VERDICT_GRANT, "%s: all that there are%s", names, fitness_words (req, fitness, out->gpus));
}

/* The selectors stand in order of preference: the first that has room is taken. False: none has.  */
static bool
take_one (const struct gpus *gpus, const struct occupancy *usage, const struct request *req, uint32_t among,
          const char *words, struct decision *out)
{
    for (unsigned i = 0; i < req->n_selectors; i++) {
        uint32_t fitting = matching (gpus, among, &req->selectors[i]);
        unsigned gpu = least_loaded (gpus, usage, roomy (gpus, usage, req, fitting));

        if (gpu == GPUS_MAX)
            continue;
        out->gpus = 1U << gpu;
        decide (out, VERDICT_GRANT, "%s fits \"%s\" and had %u of %u slots in use%s", gpus->table[gpu].name,
                req->selectors[i].text, usage->used[gpu], gpus->table[gpu].slots, words);
        return true;
    }
    return false;
}

static bool
may_park_others (const struct request *req)
{
    return req->class != CLASS_BATCH && (req->class == CLASS_REALTIME || req->access == ACCESS_EXCLUSIVE);
}

/* Nothing is free: is there, once batch containers stand still?  */
static bool
take_parked (const struct gpus *gpus, const struct leases *leases, const struct request *req, uid_t asker,
             uint32_t among, const char *words, struct decision *out)
{
    const struct occupancy usage = count_usage (gpus, leases, &asker);

    out->park = may_park_others (req) && take_one (gpus, &usage, req, among, words, out);
    return out->park;
}

struct lease *
arbiter_next_to_park (const struct gpus *gpus, struct leases *leases, const struct request *req, uid_t asker,
                      unsigned gpu)
{
    const struct occupancy usage = count_usage (gpus, leases, NULL);
    struct lease *lease, *newest = NULL;

    if (has_room (gpus, &usage, req, gpu))
        return NULL;
    leases_foreach (leases, lease) {
        if ((lease->gpus & (1U << gpu)) && is_parkable (lease, asker)
            && (!newest || lease->since >= newest->since))
            newest = lease;
    }
    return newest;
}

bool
arbiter_may_wake (const struct gpus *gpus, const struct leases *leases, const struct lease *lease,
                  uint32_t reserved)
{
    const struct occupancy usage = count_usage (gpus, leases, NULL);

    return lease->parked
           && roomy (gpus, &usage, &lease->order.request, lease->gpus & ~reserved) == lease->gpus;
}

/* What a GPU can do comes before which one is preferred: those of which it is known first.  */
static void
decide_one (const struct gpus *gpus, const struct leases *leases, const struct request *req,
            const struct fitness *fitness, uid_t asker, uint32_t reserved, struct decision *out)
{
    const struct occupancy usage = count_usage (gpus, leases, NULL);
    uint32_t asked = roomy (gpus, &usage, req, fitness->asked & ~reserved);

    if (take_one (gpus, &usage, req, fitness->able & ~reserved, fitness_words (req, fitness, 0), out))
        return;
    if (asked)
        say_asked (gpus, asked, out);
    else if (!take_one (gpus, &usage, req, fitness->unknown & ~reserved,
                        fitness_words (req, fitness, fitness->unknown), out)
             && !take_parked (gpus, leases, req, asker, (fitness->able | fitness->unknown) & ~reserved,
                              "; batch containers stand still for it", out))
        say_busy (gpus, leases, &usage, req, asker, reserved, out);
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
arbiter_decide (const struct gpus *gpus, const struct leases *leases, const struct request *req, uid_t asker,
                uint32_t reserved, struct decision *out)
{
    bool all = wants_all (req) || req->access == ACCESS_MONITOR;
    struct fitness fitness;

    memset (out, 0, sizeof *out);
    if (all)
        out->candidates = present (gpus);
    for (unsigned i = 0; i < req->n_selectors && !all; i++)
        out->candidates |= matching (gpus, present (gpus), &req->selectors[i]);
    if (out->candidates == 0) {
        say_absent (gpus, req, out);
        return;
    }
    if (req->access == ACCESS_MONITOR) {
        decide_monitor (gpus, out);
        return;
    }
    fitness = fitness_of (gpus, out->candidates, req);
    out->candidates &= ~fitness.unable;
    if (out->candidates == 0)
        say_unable (gpus, req, fitness.unable, out);
    else if (asks_too_much (gpus, req, all, out))
        return;
    else if (all)
        decide_all (gpus, leases, req, &fitness, asker, reserved, out);
    else
        decide_one (gpus, leases, req, &fitness, asker, reserved, out);
}

uint64_t
arbiter_turn (enum request_class class, uint64_t arrival, uint64_t ageing)
{
    static const unsigned rank[] = {[CLASS_REALTIME] = 0, [CLASS_INTERACTIVE] = 1, [CLASS_BATCH] = 2};

    return arrival + rank[class] * ageing;
}
