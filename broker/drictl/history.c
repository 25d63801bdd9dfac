#include "history.h"

#include <stdio.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "status_text.h"

static void
clear (struct history_gpu *gpu)
{
    *gpu = (struct history_gpu){.name = ""};
    for (unsigned i = 0; i < ENGINES; i++)
        for (unsigned j = 0; j < HISTORY_SAMPLES; j++)
            gpu->samples[i][j] = -1;
}

void
history_init (struct history *h)
{
    h->at = 0;
    for (unsigned i = 0; i < GPUS_MAX; i++)
        clear (&h->gpus[i]);
}

static int
index_of (const struct history *h, const char *name)
{
    for (int i = 0; i < GPUS_MAX; i++)
        if (strcmp (h->gpus[i].name, name) == 0)
            return i;
    return -1;
}

const struct history_gpu *
history_find (const struct history *h, const char *name)
{
    int i = name[0] ? index_of (h, name) : -1;

    return i < 0 ? NULL : &h->gpus[i];
}

static bool
is_there (const json_t *status, const char *name)
{
    const json_t *gpu;
    size_t i;

    json_array_foreach (json_object_get (status, "gpus"), i, gpu)
        if (strcmp (text_of (gpu, "name", ""), name) == 0)
            return true;
    return false;
}

static void
take_gpu (struct history *h, const json_t *json)
{
    const char *name = text_of (json, "name", "");
    const json_t *engines = json_object_get (json, "engines");
    int place = index_of (h, name);
    struct history_gpu *gpu;

    if (place < 0)
        place = index_of (h, "");
    if (place < 0 || !name[0] || strlen (name) >= sizeof gpu->name)
        return;
    gpu = &h->gpus[place];
    (void) snprintf (gpu->name, sizeof gpu->name, "%s", name);
    for (unsigned i = 0; i < ENGINES; i++) {
        const json_t *load = json_object_get (engines, engine_name (i));

        if (!json_is_number (load))
            continue;
        gpu->known[i] = true;
        gpu->samples[i][h->at] = json_number_value (load);
    }
}

void
history_take (struct history *h, const json_t *status)
{
    const json_t *gpu;
    size_t i;

    for (unsigned j = 0; j < GPUS_MAX; j++) {
        if (status && !is_there (status, h->gpus[j].name))
            clear (&h->gpus[j]);
        for (unsigned k = 0; k < ENGINES; k++)
            h->gpus[j].samples[k][h->at] = -1;
    }
    json_array_foreach (json_object_get (status, "gpus"), i, gpu)
        take_gpu (h, gpu);
    h->at = (h->at + 1) % HISTORY_SAMPLES;
}

double
history_sample (const struct history *h, const struct history_gpu *gpu, enum engine engine, unsigned ago)
{
    return gpu->samples[engine][(h->at + HISTORY_SAMPLES - 1 - ago % HISTORY_SAMPLES) % HISTORY_SAMPLES];
}
