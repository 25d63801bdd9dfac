#include "figures.h"

struct figures
figures_none (void)
{
    struct figures f = {.over = 0};

    for (unsigned i = 0; i < ENGINES; i++)
        f.rates[i] = -1;
    return f;
}

void
figures_add (struct figures *f, const struct usage *usage, unsigned lease, unsigned gpu)
{
    const struct usage_sum *sum = &usage->shares[gpu][lease].sum;
    double over = (double) usage_span (usage, lease, gpu) / 1e9;

    for (unsigned i = 0; i < ENGINES; i++) {
        double rate = usage_rate (usage, lease, gpu, i);

        if (rate >= 0)
            f->rates[i] = f->rates[i] < 0 ? rate : f->rates[i] + rate;
    }
    f->over = over > f->over ? over : f->over;
    f->has_memory |= sum->has_memory;
    f->memory += sum->memory;
    f->resident += sum->resident;
}

void
figures_put (const struct figures *f, json_t *object)
{
    json_t *engines = NULL;

    for (unsigned i = 0; i < ENGINES; i++) {
        if (f->rates[i] < 0)
            continue;
        if (!engines)
            engines = json_object ();
        (void) json_object_set_new (engines, engine_name (i), json_real (f->rates[i] > 1 ? 1 : f->rates[i]));
    }
    (void) json_object_set_new (object, "over", engines ? json_real (f->over) : json_null ());
    (void) json_object_set_new (object, "engines", engines ? engines : json_null ());
    (void) json_object_set_new (object, "memory",
                                f->has_memory ? json_pack ("{s:I s:I}", "total", (json_int_t) f->memory,
                                                           "resident", (json_int_t) f->resident)
                                              : json_null ());
}
