#include "metrics.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "exposition.h"
#include "metrics_names.h"

struct output {
    struct exposition to;
    const json_t *status;
    json_t *names; /* array: what the leases are called, no two the same */
};

static const char *
text_of (const json_t *object, const char *key)
{
    return json_string_value (json_object_get (object, key));
}

/* --- GPUs --- */

static void
gpu_info (const struct output *o, const struct metric *metric)
{
    const json_t *gpu;
    size_t i;

    json_array_foreach (json_object_get (o->status, "gpus"), i, gpu)
        exposition_sample (&o->to, metric, 1, "gpu", text_of (gpu, "name"), "pci", text_of (gpu, "pci"),
                           "driver", text_of (gpu, "driver"), "vendor", text_of (gpu, "vendor"), "device",
                           text_of (gpu, "device"), "model", text_of (gpu, "model"), "render",
                           text_of (gpu, "render"), "ready",
                           text_of (json_object_get (gpu, "ready"), "level"), NULL);
}

static void
gpu_present (const struct output *o, const struct metric *metric)
{
    const json_t *gpu;
    size_t i;

    json_array_foreach (json_object_get (o->status, "gpus"), i, gpu) {
        const char *state = text_of (gpu, "state");

        exposition_sample (&o->to, metric, state && strcmp (state, "present") == 0, "gpu",
                           text_of (gpu, "name"), NULL);
    }
}

/* A figure of each GPU, which stands below two keys.  */
static void
gpu_figure (const struct output *o, const struct metric *metric, const char *key, const char *figure)
{
    const json_t *gpu;
    size_t i;

    json_array_foreach (json_object_get (o->status, "gpus"), i, gpu) {
        const json_t *value = json_object_get (json_object_get (gpu, key), figure);

        if (json_is_number (value))
            exposition_sample (&o->to, metric, json_number_value (value), "gpu", text_of (gpu, "name"), NULL);
    }
}

static void
gpu_slots (const struct output *o, const struct metric *metric)
{
    gpu_figure (o, metric, "slots", "total");
}

static void
gpu_slots_used (const struct output *o, const struct metric *metric)
{
    gpu_figure (o, metric, "slots", "used");
}

static void
gpu_memory (const struct output *o, const struct metric *metric)
{
    gpu_figure (o, metric, "memory", "total");
}

static void
gpu_resident (const struct output *o, const struct metric *metric)
{
    gpu_figure (o, metric, "memory", "resident");
}

static void
put_busy (const struct output *o, const struct metric *metric, const char *label, const char *name,
          json_t *object)
{
    const char *engine;
    json_t *busy;

    json_object_foreach (json_object_get (object, "busy"), engine, busy) {
        if (json_is_number (busy))
            exposition_sample (&o->to, metric, json_number_value (busy), label, name, "engine", engine, NULL);
    }
}

static void
gpu_busy (const struct output *o, const struct metric *metric)
{
    json_t *gpu;
    size_t i;

    json_array_foreach (json_object_get (o->status, "gpus"), i, gpu)
        put_busy (o, metric, "gpu", text_of (gpu, "name"), gpu);
}

/* --- leases --- */

static const char *
lease_name (const struct output *o, size_t i)
{
    return json_string_value (json_array_get (o->names, i));
}

static void
lease_info (const struct output *o, const struct metric *metric)
{
    const json_t *lease;
    size_t i;

    json_array_foreach (json_object_get (o->status, "leases"), i, lease) {
        const json_t *container = json_object_get (lease, "container");

        exposition_sample (&o->to, metric, 1, "container", lease_name (o, i), "gpu", text_of (lease, "gpu"),
                           "access", text_of (lease, "access"), "class", text_of (lease, "class"), "image",
                           text_of (container, "image"), "project", text_of (container, "project"), "service",
                           text_of (container, "service"), "container_engine", text_of (container, "engine"),
                           NULL);
    }
}

/* All states that dri-broker(7) names, so that one that was left falls to 0.  */
static void
lease_state (const struct output *o, const struct metric *metric)
{
    static const char *const states[] = {"granted", "active", "without", "throttled",
                                         "parked",  "unheld", "lost",    "revoked"};
    const json_t *lease;
    size_t i;

    json_array_foreach (json_object_get (o->status, "leases"), i, lease) {
        const char *state = text_of (lease, "state");

        for (size_t j = 0; j < countof (states); j++)
            exposition_sample (&o->to, metric, state && strcmp (state, states[j]) == 0, "container",
                               lease_name (o, i), "state", states[j], NULL);
    }
}

/* A figure of each lease, multiplied.  */
static void
lease_figure (const struct output *o, const struct metric *metric, const char *key, const char *figure,
              double by)
{
    const json_t *lease;
    size_t i;

    json_array_foreach (json_object_get (o->status, "leases"), i, lease) {
        const json_t *value = json_object_get (lease, key);

        if (figure)
            value = json_object_get (value, figure);
        if (json_is_number (value))
            exposition_sample (&o->to, metric, json_number_value (value) * by, "container", lease_name (o, i),
                               NULL);
    }
}

static void
lease_ready (const struct output *o, const struct metric *metric)
{
    const json_t *lease;
    size_t i;

    json_array_foreach (json_object_get (o->status, "leases"), i, lease) {
        const json_t *ok = json_object_get (json_object_get (lease, "ready"), "ok");

        if (json_is_boolean (ok))
            exposition_sample (&o->to, metric, json_is_true (ok), "container", lease_name (o, i), NULL);
    }
}

static void
lease_slots (const struct output *o, const struct metric *metric)
{
    lease_figure (o, metric, "slots", NULL, 1);
}

static void
lease_share (const struct output *o, const struct metric *metric)
{
    lease_figure (o, metric, "share", NULL, 0.01);
}

static void
lease_start (const struct output *o, const struct metric *metric)
{
    lease_figure (o, metric, "since", NULL, 1);
}

static void
lease_memory (const struct output *o, const struct metric *metric)
{
    lease_figure (o, metric, "memory", "total", 1);
}

static void
lease_resident (const struct output *o, const struct metric *metric)
{
    lease_figure (o, metric, "memory", "resident", 1);
}

static void
lease_busy (const struct output *o, const struct metric *metric)
{
    json_t *lease;
    size_t i;

    json_array_foreach (json_object_get (o->status, "leases"), i, lease)
        put_busy (o, metric, "container", lease_name (o, i), lease);
}

/* --- the rest --- */

static void
broker_up (const struct output *o, const struct metric *metric)
{
    exposition_sample (&o->to, metric, o->status != NULL, NULL);
}

static unsigned
count_waiting (const json_t *queue, const char *class, const char *state)
{
    const json_t *waiting;
    unsigned n = 0;
    size_t i;

    json_array_foreach (queue, i, waiting) {
        const char *of_class = text_of (waiting, "class"), *in_state = text_of (waiting, "state");

        n += of_class && in_state && strcmp (of_class, class) == 0 && strcmp (in_state, state) == 0;
    }
    return n;
}

static void
queue_containers (const struct output *o, const struct metric *metric)
{
    static const char *const classes[] = {"realtime", "interactive", "batch"}, *const states[] = {"waiting",
                                                                                                  "put off",
                                                                                                  "starting"};

    for (size_t i = 0; o->status && i < countof (classes); i++)
        for (size_t j = 0; j < countof (states); j++)
            exposition_sample (&o->to, metric,
                               count_waiting (json_object_get (o->status, "queue"), classes[i], states[j]),
                               "class", classes[i], "state", states[j], NULL);
}

/* In the order in which they come out.  */
static const struct family {
    struct metric metric;
    void (*samples) (const struct output *o, const struct metric *metric);
} families[] = {
    {{"dri_broker_up", NULL, "Whether dri-broker answers.", METRIC_GAUGE}, broker_up},
    {{"dri_gpu", NULL, "A GPU; ready is the highest level that was verified.", METRIC_INFO}, gpu_info},
    {{"dri_gpu_present", NULL, "Whether the GPU is there; 0 while it is lost.", METRIC_GAUGE}, gpu_present},
    {{"dri_gpu_slots", NULL, "Slots of the GPU.", METRIC_GAUGE}, gpu_slots},
    {{"dri_gpu_slots_used", NULL, "Slots that leases have taken.", METRIC_GAUGE}, gpu_slots_used},
    {{"dri_gpu_engine_busy_seconds", "seconds",
      "Time that engines of a kind worked for leases, over their number: its rate is 1 at most.",
      METRIC_COUNTER},
     gpu_busy},
    {{"dri_gpu_memory_bytes", "bytes", "Memory of all leases' buffers on the GPU.", METRIC_GAUGE},
     gpu_memory},
    {{"dri_gpu_memory_resident_bytes", "bytes", "The part of it that is resident.", METRIC_GAUGE},
     gpu_resident},
    {{"dri_lease", NULL, "A container that has a lease.", METRIC_INFO}, lease_info},
    {{"dri_lease_state", NULL, "1 for the state that the lease is in.", METRIC_GAUGE}, lease_state},
    {{"dri_lease_ready", NULL, "Whether the container was verified to be able to use its GPU.", METRIC_GAUGE},
     lease_ready},
    {{"dri_lease_slots", NULL, "Slots that the lease has.", METRIC_GAUGE}, lease_slots},
    {{"dri_lease_share_ratio", "ratio", "The ceiling of its GPU time, where it has one.", METRIC_GAUGE},
     lease_share},
    {{"dri_lease_start_time_seconds", "seconds", "When the lease began, since the epoch.", METRIC_GAUGE},
     lease_start},
    {{"dri_lease_engine_busy_seconds", "seconds",
      "Time that engines of a kind worked for the lease, over their number.", METRIC_COUNTER},
     lease_busy},
    {{"dri_lease_memory_bytes", "bytes", "Memory of the container's buffers.", METRIC_GAUGE}, lease_memory},
    {{"dri_lease_memory_resident_bytes", "bytes", "The part of it that is resident.", METRIC_GAUGE},
     lease_resident},
    {{"dri_queue_containers", NULL, "Containers that wait for a GPU.", METRIC_GAUGE}, queue_containers},
};

char *
metrics_text (const json_t *status, enum metrics_format format)
{
    _cleanup_json_ json_t *names = metrics_lease_names (status);
    struct output o = {.to.open = format == METRICS_OPENMETRICS, .status = status, .names = names};
    _cleanup_free_ char *text = NULL;
    size_t len;
    bool failed;

    o.to.out = open_memstream (&text, &len);
    if (!o.to.out)
        return NULL;
    for (size_t i = 0; i < countof (families); i++) {
        exposition_begin (&o.to, &families[i].metric);
        families[i].samples (&o, &families[i].metric);
    }
    exposition_end (&o.to);
    failed = ferror (o.to.out);
    failed |= fclose (o.to.out) != 0;
    return failed ? NULL : steal_ptr (&text);
}
