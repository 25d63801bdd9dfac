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

unsigned
arbiter_used (const struct gpus *gpus, const struct leases *leases, unsigned gpu)
{
    return occupancy_count (gpus, leases, NULL).used[gpu];
}

/* All that a decision is made from.  */
struct view {
    const struct gpus *gpus;
    const struct leases *leases;
    const struct question *q;
    struct fitness fitness; /* of the candidates */
    struct occupancy usage;
};

static bool
wants_all (const struct request *req)
{
    for (unsigned i = 0; i < req->n_selectors; i++)
        if (req->selectors[i].kind == SELECT_ALL)
            return true;
    return req->access == ACCESS_MONITOR;
}

static uint32_t
wanted (const struct gpus *gpus, const struct request *req, uint32_t among)
{
    uint32_t set = 0;

    if (wants_all (req))
        return among;
    for (unsigned i = 0; i < req->n_selectors; i++)
        set |= gpus_matching (gpus, among, &req->selectors[i]);
    return set;
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
say_busy (const struct view *v, struct decision *out)
{
    const struct request *req = v->q->req;
    char names[64], holders[128];

    gpus_names (v->gpus, out->candidates, names, sizeof names);
    names_of_holders (v->leases, out->candidates, v->q->asker, holders, sizeof holders);
    if (holders[0] == '\0' || (occupancy_roomy (&v->usage, v->gpus, req, out->candidates) & v->q->reserved))
        decide (out, VERDICT_WAIT, "%s: others wait for it already", names);
    else if (req->access == ACCESS_EXCLUSIVE)
        decide (out, VERDICT_WAIT, "%s cannot be had exclusively: held by %s", names, holders);
    else
        decide (out, VERDICT_WAIT, "%s has no %u free slot%s: held by %s", names, req->slots,
                req->slots == 1 ? "" : "s", holders);
}

/* Each word is one GPU that is known, and none of them may be given: no wait will help.  */
static bool
is_forbidden (const struct view *v)
{
    const struct request *req = v->q->req;

    for (unsigned i = 0; i < req->n_selectors; i++) {
        const struct selector *selector = &req->selectors[i];

        if ((selector->kind != SELECT_NAME && selector->kind != SELECT_PCI && selector->kind != SELECT_NODE)
            || !gpus_matching (v->gpus, gpus_present (v->gpus), selector))
            return false;
    }
    return true;
}

static void
say_forbidden (const struct view *v, const char *wanted_words, struct decision *out)
{
    const struct policy_mark *policy = v->q->policy;
    char names[96] = "";
    size_t len = 0;

    for (unsigned i = 0; i < policy->n_gpus && len < sizeof names; i++)
        len += (size_t) snprintf (names + len, sizeof names - len, "%s%s", len ? ", " : "",
                                  policy->gpus[i].text);
    decide (out, is_forbidden (v) ? VERDICT_REFUSE : VERDICT_WAIT,
            "dri.gpu is \"%.40s\", and %.60s of /etc/dri-broker/config.json allows %.50s only: ask for that, "
            "or change the rule",
            wanted_words, policy->rule, names);
}

static void
say_absent (const struct view *v, struct decision *out)
{
    const struct request *req = v->q->req;
    const char *words = req->text[KEY_GPU][0] ? req->text[KEY_GPU] : "any";
    char names[96];

    gpus_names (v->gpus, gpus_present (v->gpus), names, sizeof names);
    if (wanted (v->gpus, req, gpus_present (v->gpus)))
        say_forbidden (v, words, out);
    else if (names[0])
        decide (out, VERDICT_WAIT, "no GPU fits dri.gpu \"%.60s\"; there is %s (drictl devices)", words,
                names);
    else
        decide (out, VERDICT_WAIT, "no GPU on this machine (ls /dev/dri; drictl devices)");
}

static void
say_unable (const struct view *v, struct decision *out)
{
    char lacking[160];

    fitness_explain (v->gpus, v->fitness.unable, v->q->req, lacking, sizeof lacking);
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
fitness_words (const struct view *v, uint32_t chosen)
{
    if (v->q->req->text[KEY_REQUIRE][0] == '\0')
        return "";
    return chosen & ~v->fitness.able ? "; what it can do is not known (drictl probe)"
                                     : "; it lists what dri.require asks for";
}

/* More slots than any fitting GPU has, or, where all are asked for, than one of them: no release will ever
 * help.  */
static bool
asks_too_much (const struct view *v, struct decision *out)
{
    const struct request *req = v->q->req;
    const bool all = wants_all (req);
    unsigned limit = 0;

    for (unsigned i = 0; i < GPUS_MAX; i++) {
        unsigned slots = v->gpus->table[i].slots;

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

static bool
may_park_others (const struct request *req)
{
    return req->class != CLASS_BATCH && (req->class == CLASS_REALTIME || req->access == ACCESS_EXCLUSIVE);
}

static bool
all_have_room (const struct view *v, uint32_t all)
{
    return occupancy_roomy (&v->usage, v->gpus, v->q->req, all & ~v->q->reserved) == all;
}

static void
decide_all (const struct view *v, struct decision *out)
{
    struct view parked = *v;
    char names[96];
    bool park = false;

    if (!all_have_room (v, out->candidates)) {
        parked.usage = occupancy_count (v->gpus, v->leases, &v->q->asker);
        park = may_park_others (v->q->req) && all_have_room (&parked, out->candidates);
        if (!park) {
            say_busy (v, out);
            return;
        }
    }
    if (v->fitness.asked) {
        say_asked (v->gpus, v->fitness.asked, out);
        return;
    }
    out->gpus = out->candidates;
    out->park = park;
    gpus_names (v->gpus, out->gpus, names, sizeof names);
    decide (out, VERDICT_GRANT, "%s: all that there are%s%s", names, fitness_words (v, out->gpus),
            park ? "; batch containers stand still for it" : "");
}

/* The selectors stand in order of preference: the first that has room is taken. False: none has.  */
static bool
take_one (const struct view *v, uint32_t among, const char *words, struct decision *out)
{
    const struct request *req = v->q->req;

    for (unsigned i = 0; i < req->n_selectors; i++) {
        uint32_t set = occupancy_roomy (&v->usage, v->gpus, req,
                                        gpus_matching (v->gpus, among & ~v->q->reserved, &req->selectors[i]));
        unsigned gpu = placement_choose (v->gpus, &v->usage, v->q, set);
        char figures[96];

        if (gpu == GPUS_MAX)
            continue;
        out->gpus = 1U << gpu;
        placement_describe (v->gpus, &v->usage, v->q, set, gpu, figures, sizeof figures);
        placement_others (v->gpus, &v->usage, v->q, &v->fitness, gpu, i, out->others, sizeof out->others);
        decide (out, VERDICT_GRANT, "%s fits \"%s\" and %s%s", v->gpus->table[gpu].name,
                req->selectors[i].text, figures, words);
        return true;
    }
    return false;
}

/* Nothing is free: is there, once batch containers stand still?  */
static bool
take_parked (const struct view *v, struct decision *out)
{
    struct view parked = *v;

    parked.usage = occupancy_count (v->gpus, v->leases, &v->q->asker);
    out->park = may_park_others (v->q->req)
                && take_one (&parked, v->fitness.able | v->fitness.unknown,
                             "; batch containers stand still for it", out);
    return out->park;
}

/* What a GPU can do comes before which one is preferred: those of which it is known first.  */
static void
decide_one (const struct view *v, struct decision *out)
{
    const struct fitness *f = &v->fitness;
    uint32_t asked = occupancy_roomy (&v->usage, v->gpus, v->q->req, f->asked & ~v->q->reserved);

    if (take_one (v, f->able, fitness_words (v, 0), out))
        return;
    if (asked)
        say_asked (v->gpus, asked, out);
    else if (!take_one (v, f->unknown, fitness_words (v, f->unknown), out) && !take_parked (v, out))
        say_busy (v, out);
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
arbiter_decide (const struct gpus *gpus, const struct leases *leases, const struct question *q,
                struct decision *out)
{
    struct view v = {.gpus = gpus, .leases = leases, .q = q};

    memset (out, 0, sizeof *out);
    out->candidates = wanted (gpus, q->req, gpus_present (gpus) & policy_gpus (q->policy, gpus));
    if (out->candidates == 0) {
        say_absent (&v, out);
        return;
    }
    if (q->req->access == ACCESS_MONITOR) {
        decide_monitor (gpus, out);
        return;
    }
    v.fitness = fitness_of (gpus, out->candidates, q->req);
    v.usage = occupancy_count (gpus, leases, NULL);
    out->candidates &= ~v.fitness.unable;
    if (out->candidates == 0)
        say_unable (&v, out);
    else if (asks_too_much (&v, out))
        return;
    else if (wants_all (q->req))
        decide_all (&v, out);
    else
        decide_one (&v, out);
}

struct lease *
arbiter_next_to_park (const struct gpus *gpus, struct leases *leases, const struct request *req, uid_t asker,
                      unsigned gpu)
{
    const struct occupancy usage = occupancy_count (gpus, leases, NULL);
    struct lease *lease, *newest = NULL;

    if (occupancy_has_room (&usage, gpus, req, gpu))
        return NULL;
    leases_foreach (leases, lease) {
        if ((lease->gpus & (1U << gpu)) && occupancy_may_park (lease, asker)
            && (!newest || lease->since >= newest->since))
            newest = lease;
    }
    return newest;
}

bool
arbiter_may_wake (const struct gpus *gpus, const struct leases *leases, const struct lease *lease,
                  uint32_t reserved)
{
    const struct occupancy usage = occupancy_count (gpus, leases, NULL);

    return lease->parked
           && occupancy_roomy (&usage, gpus, &lease->order.request, lease->gpus & ~reserved) == lease->gpus;
}

uint64_t
arbiter_turn (enum request_class class, uint64_t arrival, uint64_t ageing)
{
    static const unsigned rank[] = {[CLASS_REALTIME] = 0, [CLASS_INTERACTIVE] = 1, [CLASS_BATCH] = 2};

    return arrival + rank[class] * ageing;
}
