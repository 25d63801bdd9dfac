#include "placement.h"

#include <stdio.h>

/* Fine enough that no two shares of up to 1000 slots fall together.  */
enum { WHOLE = 10000000 };
/* Less is noise: a desktop, a camera that is looked at.  */
enum { LOAD_MIN_PERCENT = 10 };

bool
placement_is_a_choice (const struct gpus *gpus)
{
    return __builtin_popcount (gpus_present (gpus)) > 1;
}

static unsigned
filled (const struct gpus *gpus, const struct occupancy *usage, unsigned gpu)
{
    return (unsigned) ((uint64_t) usage->used[gpu] * WHOLE / gpus->table[gpu].slots);
}

static bool
load_counts (const struct question *q, uint32_t set)
{
    if (!q->load || (set & (set - 1)) == 0)
        return false;
    for (uint32_t rest = set; rest != 0; rest &= rest - 1)
        if (q->load->percent[__builtin_ctz (rest)] < 0)
            return false;
    return true;
}

static unsigned
fullness (const struct gpus *gpus, const struct occupancy *usage, const struct load *load, unsigned gpu)
{
    unsigned by_slots = filled (gpus, usage, gpu), by_load = 0;

    if (load && load->percent[gpu] >= LOAD_MIN_PERCENT)
        by_load = (unsigned) load->percent[gpu] * (WHOLE / 100);
    return by_load > by_slots ? by_load : by_slots;
}

static bool
is_home (const struct question *q, uint32_t set)
{
    return q->home >= 0 && (set & (1U << q->home));
}

unsigned
placement_choose (const struct gpus *gpus, const struct occupancy *usage, const struct question *q,
                  uint32_t set)
{
    const struct load *load = load_counts (q, set) ? q->load : NULL;
    unsigned best = GPUS_MAX, least = 0;

    if (is_home (q, set))
        return (unsigned) q->home;
    for (uint32_t rest = set; rest != 0; rest &= rest - 1) {
        unsigned i = (unsigned) __builtin_ctz (rest), full = fullness (gpus, usage, load, i);

        if (best == GPUS_MAX || full < least
            || (full == least && filled (gpus, usage, i) < filled (gpus, usage, best))) {
            best = i;
            least = full;
        }
    }
    return best;
}

void
placement_describe (const struct gpus *gpus, const struct occupancy *usage, const struct question *q,
                    uint32_t set, unsigned chosen, char *out, size_t size)
{
    char busy[32] = "";

    if (q->asker == 0 && load_counts (q, set) && !is_home (q, set))
        (void) snprintf (busy, sizeof busy, " and was %d%% busy", q->load->percent[chosen]);
    (void) snprintf (out, size, "had %u of %u slots in use%s%s", usage->used[chosen],
                     gpus->table[chosen].slots, busy,
                     is_home (q, set) && (set & (set - 1)) ? "; the container had it before" : "");
}

/* --- why not the others --- */

static bool
is_named (const struct gpu *gpu, const struct request *req, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (gpu_matches (gpu, &req->selectors[i]))
            return true;
    return false;
}

/* NULL: nothing speaks against it but what it has to do.  */
static const char *
objection (const struct gpus *gpus, const struct question *q, const struct fitness *fitness, unsigned chosen,
           unsigned selector, unsigned gpu)
{
    const struct gpu *g = &gpus->table[gpu];
    const uint32_t bit = 1U << gpu;

    if (g->state != GPU_PRESENT)
        return "gone";
    if (!(policy_gpus (q->policy, gpus) & bit))
        return "not allowed to it";
    if (!is_named (g, q->req, q->req->n_selectors))
        return "not what dri.gpu asks for";
    if (fitness->unable & bit)
        return "cannot do what dri.require asks for";
    if (q->reserved & bit)
        return "others wait for it";
    if ((fitness->able & (1U << chosen)) && !(fitness->able & bit))
        return "not known whether it can do what dri.require asks for";
    return is_named (g, q->req, selector + 1) ? NULL : "comes later in dri.gpu";
}

void
placement_others (const struct gpus *gpus, const struct occupancy *usage, const struct question *q,
                  const struct fitness *fitness, unsigned chosen, unsigned selector, char *out, size_t size)
{
    size_t len = 0;

    out[0] = '\0';
    for (unsigned i = 0; i < GPUS_MAX && len < size; i++) {
        const struct gpu *gpu = &gpus->table[i];
        const char *against;
        char busy[24] = "";

        if (i == chosen || gpu->state == GPU_ABSENT)
            continue;
        against = objection (gpus, q, fitness, chosen, selector, i);
        if (q->asker == 0 && q->load && q->load->percent[i] >= 0)
            (void) snprintf (busy, sizeof busy, ", %d%% busy", q->load->percent[i]);
        if (against)
            len += (size_t) snprintf (out + len, size - len, "%s%s: %s", len ? "; " : "", gpu->name, against);
        else
            len += (size_t) snprintf (out + len, size - len, "%s%s: %u of %u slots in use%s", len ? "; " : "",
                                      gpu->name, usage->used[i], gpu->slots, busy);
    }
}
