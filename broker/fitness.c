#include "fitness.h"

#include <stdio.h>

/* The text was checked when it came in. False: it asks for nothing.  */
static bool
parse (const struct request *req, struct require *require)
{
    struct error ignored;

    return req->text[KEY_REQUIRE][0] && require_parse (require, req->text[KEY_REQUIRE], &ignored) == 0
           && require->n > 0;
}

static uint32_t *
set_for (struct fitness *fitness, const struct gpu_ready *ready, const struct require *require, bool patient)
{
    switch (ready->knowledge) {
    case GPU_KNOWN:
        return abilities_lack (&ready->abilities, require) ? &fitness->unable : &fitness->able;
    case GPU_ASKED:
        return patient ? &fitness->asked : &fitness->unknown;
    case GPU_UNKNOWN:
        break;
    }
    return &fitness->unknown;
}

struct fitness
fitness_of (const struct gpus *gpus, uint32_t among, const struct request *req)
{
    const bool patient = req->wait_ms >= FITNESS_PATIENCE_MS;
    struct fitness fitness = {.able = 0};
    struct require require;

    if (!parse (req, &require)) {
        fitness.able = among;
        return fitness;
    }
    for (uint32_t rest = among; rest != 0; rest &= rest - 1) {
        unsigned i = (unsigned) __builtin_ctz (rest);

        *set_for (&fitness, &gpus->table[i].ready, &require, patient) |= 1U << i;
    }
    return fitness;
}

void
fitness_explain (const struct gpus *gpus, uint32_t unable, const struct request *req, char *out, size_t size)
{
    struct require require;
    size_t len = 0;

    out[0] = '\0';
    if (!parse (req, &require))
        return;
    for (uint32_t rest = unable; rest != 0 && len < size; rest &= rest - 1) {
        const struct gpu *gpu = &gpus->table[__builtin_ctz (rest)];
        const struct capability *lacking = abilities_lack (&gpu->ready.abilities, &require);

        if (lacking)
            len += (size_t) snprintf (out + len, size - len, "%s%s (%s) does not list %s", len ? ", " : "",
                                      gpu->render.name, gpu->driver, lacking->text);
    }
}
