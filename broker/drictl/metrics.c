#include "metrics.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "print.h"

enum kind { GAUGE, COUNTER, INFO };

struct output {
    FILE *out;
    enum metrics_format format;
    const json_t *status;
    json_t *names; /* array: what the leases are called, no two the same */
};

/* Metrics of one name. The name is without the suffix that its kind has ("_total", "_info").  */
struct family {
    const char *name, *unit, *help;
    enum kind kind;
    void (*samples) (struct output *o, const struct family *family);
};

static const char *
suffix_of (const struct family *family)
{
    static const char *const suffixes[] = {[GAUGE] = "", [COUNTER] = "_total", [INFO] = "_info"};

    return suffixes[family->kind];
}

/* A text of others': what a terminal would obey comes out as \u001b, and then what the format wants escaped
 * is. NULL is an empty value, which is none to Prometheus.  */
static void
put_value (FILE *out, const char *text)
{
    _cleanup_free_ char *safe = text_safe (text ? text : "");

    for (const char *c = safe ? safe : ""; *c; c++) {
        if (*c == '\\' || *c == '"')
            (void) fputc ('\\', out);
        (void) fputc (*c, out);
    }
}

/* By jansson, whose decimal point is one in every locale.  */
static void
put_number (FILE *out, double value)
{
    bool whole = value >= 0 && value < 9e15 && value == (double) (json_int_t) value;
    _cleanup_json_ json_t *number = whole ? json_integer ((json_int_t) value) : json_real (value);

    (void) json_dumpf (number, out, JSON_ENCODE_ANY | JSON_REAL_PRECISION (15));
}

/* After the value pairs of label and text, and NULL.  */
static void
sample (struct output *o, const struct family *family, double value, ...)
{
    const char *label, *separator = "{";
    va_list labels;

    (void) fprintf (o->out, "%s%s", family->name, suffix_of (family));
    va_start (labels, value);
    for (label = va_arg (labels, const char *); label; label = va_arg (labels, const char *)) {
        (void) fprintf (o->out, "%s%s=\"", separator, label);
        put_value (o->out, va_arg (labels, const char *));
        (void) fputc ('"', o->out);
        separator = ",";
    }
    va_end (labels);
    (void) fputs (*separator == ',' ? "} " : " ", o->out);
    put_number (o->out, value);
    (void) fputc ('\n', o->out);
}

static const char *
text_of (const json_t *object, const char *key)
{
    return json_string_value (json_object_get (object, key));
}

/* --- GPUs --- */

static void
gpu_info (struct output *o, const struct family *family)
{
    const json_t *gpu;
    size_t i;

    json_array_foreach (json_object_get (o->status, "gpus"), i, gpu)
        sample (o, family, 1, "gpu", text_of (gpu, "name"), "pci", text_of (gpu, "pci"), "driver",
                text_of (gpu, "driver"), "vendor", text_of (gpu, "vendor"), "device", text_of (gpu, "device"),
                "model", text_of (gpu, "model"), "render", text_of (gpu, "render"), "ready",
                text_of (json_object_get (gpu, "ready"), "level"), NULL);
}

static void
gpu_present (struct output *o, const struct family *family)
{
    const json_t *gpu;
    size_t i;

    json_array_foreach (json_object_get (o->status, "gpus"), i, gpu) {
        const char *state = text_of (gpu, "state");

        sample (o, family, state && strcmp (state, "present") == 0, "gpu", text_of (gpu, "name"), NULL);
    }
}

/* A figure of each GPU, which stands below two keys.  */
static void
gpu_figure (struct output *o, const struct family *family, const char *key, const char *figure)
{
    const json_t *gpu;
    size_t i;

    json_array_foreach (json_object_get (o->status, "gpus"), i, gpu) {
        const json_t *value = json_object_get (json_object_get (gpu, key), figure);

        if (json_is_number (value))
            sample (o, family, json_number_value (value), "gpu", text_of (gpu, "name"), NULL);
    }
}

static void
gpu_slots (struct output *o, const struct family *family)
{
    gpu_figure (o, family, "slots", "total");
}

static void
gpu_slots_used (struct output *o, const struct family *family)
{
    gpu_figure (o, family, "slots", "used");
}

static void
gpu_memory (struct output *o, const struct family *family)
{
    gpu_figure (o, family, "memory", "total");
}

static void
gpu_resident (struct output *o, const struct family *family)
{
    gpu_figure (o, family, "memory", "resident");
}

static void
put_busy (struct output *o, const struct family *family, const char *label, const char *name, json_t *object)
{
    const char *engine;
    json_t *busy;

    json_object_foreach (json_object_get (object, "busy"), engine, busy) {
        if (json_is_number (busy))
            sample (o, family, json_number_value (busy), label, name, "engine", engine, NULL);
    }
}

static void
gpu_busy (struct output *o, const struct family *family)
{
    json_t *gpu;
    size_t i;

    json_array_foreach (json_object_get (o->status, "gpus"), i, gpu)
        put_busy (o, family, "gpu", text_of (gpu, "name"), gpu);
}

/* --- leases --- */

static bool
is_taken (const json_t *names, const char *name)
{
    const json_t *taken;
    size_t i;

    json_array_foreach (names, i, taken) {
        if (json_is_string (taken) && strcmp (json_string_value (taken), name) == 0)
            return true;
    }
    return false;
}

/* What people call it, as in drictl status; a user's with his uid behind it. Two engines may have containers
 * of one name, and a series that is there twice would cost Prometheus the whole file: the later one is
 * "name#2".  */
static json_t *
name_lease (const json_t *names, const json_t *lease)
{
    const json_t *container = json_object_get (lease, "container");
    const char *name = text_of (container, "name"), *id = text_of (container, "id");
    json_int_t owner = json_integer_value (json_object_get (lease, "owner"));
    char first[280], label[sizeof first + 40], at[24] = "";

    if (name && *name)
        (void) snprintf (first, sizeof first, "%s", name);
    else if (text_of (container, "project") && text_of (container, "service"))
        (void) snprintf (first, sizeof first, "%s/%s", text_of (container, "project"),
                         text_of (container, "service"));
    else
        (void) snprintf (first, sizeof first, "%.12s", id ? id : "");
    if (owner != 0)
        (void) snprintf (at, sizeof at, "@%" JSON_INTEGER_FORMAT, owner);
    (void) snprintf (label, sizeof label, "%s%s", first, at);
    for (unsigned n = 2; is_taken (names, label); n++)
        (void) snprintf (label, sizeof label, "%s#%u%s", first, n, at);
    return json_string (label);
}

static void
name_leases_of (json_t *names, const json_t *leases, bool root)
{
    const json_t *lease;
    size_t i;

    json_array_foreach (leases, i, lease) {
        if ((json_integer_value (json_object_get (lease, "owner")) == 0) == root)
            (void) json_array_set_new (names, i, name_lease (names, lease));
    }
}

/* Root's choose first: no user takes a series that is root's, whatever he calls his container.  */
static json_t *
name_leases (const json_t *status)
{
    const json_t *leases = json_object_get (status, "leases");
    json_t *names = json_array ();

    for (size_t i = 0; i < json_array_size (leases); i++)
        (void) json_array_append_new (names, json_null ());
    name_leases_of (names, leases, true);
    name_leases_of (names, leases, false);
    return names;
}

static const char *
lease_name (const struct output *o, size_t i)
{
    return json_string_value (json_array_get (o->names, i));
}

static void
lease_info (struct output *o, const struct family *family)
{
    const json_t *lease;
    size_t i;

    json_array_foreach (json_object_get (o->status, "leases"), i, lease) {
        const json_t *container = json_object_get (lease, "container");

        sample (o, family, 1, "container", lease_name (o, i), "gpu", text_of (lease, "gpu"), "access",
                text_of (lease, "access"), "class", text_of (lease, "class"), "image",
                text_of (container, "image"), "project", text_of (container, "project"), "service",
                text_of (container, "service"), "container_engine", text_of (container, "engine"), NULL);
    }
}

/* All states that dri-broker(7) names, so that one that was left falls to 0.  */
static void
lease_state (struct output *o, const struct family *family)
{
    static const char *const states[] = {"granted", "active", "without", "throttled",
                                         "parked",  "unheld", "lost",    "revoked"};
    const json_t *lease;
    size_t i;

    json_array_foreach (json_object_get (o->status, "leases"), i, lease) {
        const char *state = text_of (lease, "state");

        for (size_t j = 0; j < countof (states); j++)
            sample (o, family, state && strcmp (state, states[j]) == 0, "container", lease_name (o, i),
                    "state", states[j], NULL);
    }
}

/* A figure of each lease, multiplied.  */
static void
lease_figure (struct output *o, const struct family *family, const char *key, const char *figure, double by)
{
    const json_t *lease;
    size_t i;

    json_array_foreach (json_object_get (o->status, "leases"), i, lease) {
        const json_t *value = json_object_get (lease, key);

        if (figure)
            value = json_object_get (value, figure);
        if (json_is_number (value))
            sample (o, family, json_number_value (value) * by, "container", lease_name (o, i), NULL);
    }
}

static void
lease_ready (struct output *o, const struct family *family)
{
    const json_t *lease;
    size_t i;

    json_array_foreach (json_object_get (o->status, "leases"), i, lease) {
        const json_t *ok = json_object_get (json_object_get (lease, "ready"), "ok");

        if (json_is_boolean (ok))
            sample (o, family, json_is_true (ok), "container", lease_name (o, i), NULL);
    }
}

static void
lease_slots (struct output *o, const struct family *family)
{
    lease_figure (o, family, "slots", NULL, 1);
}

static void
lease_share (struct output *o, const struct family *family)
{
    lease_figure (o, family, "share", NULL, 0.01);
}

static void
lease_start (struct output *o, const struct family *family)
{
    lease_figure (o, family, "since", NULL, 1);
}

static void
lease_memory (struct output *o, const struct family *family)
{
    lease_figure (o, family, "memory", "total", 1);
}

static void
lease_resident (struct output *o, const struct family *family)
{
    lease_figure (o, family, "memory", "resident", 1);
}

static void
lease_busy (struct output *o, const struct family *family)
{
    json_t *lease;
    size_t i;

    json_array_foreach (json_object_get (o->status, "leases"), i, lease)
        put_busy (o, family, "container", lease_name (o, i), lease);
}

/* --- the rest --- */

static void
broker_up (struct output *o, const struct family *family)
{
    sample (o, family, o->status != NULL, NULL);
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
queue_containers (struct output *o, const struct family *family)
{
    static const char *const classes[] = {"realtime", "interactive", "batch"}, *const states[] = {"waiting",
                                                                                                  "put off",
                                                                                                  "starting"};

    for (size_t i = 0; o->status && i < countof (classes); i++)
        for (size_t j = 0; j < countof (states); j++)
            sample (o, family, count_waiting (json_object_get (o->status, "queue"), classes[i], states[j]),
                    "class", classes[i], "state", states[j], NULL);
}

static const struct family families[] = {
    {"dri_broker_up", NULL, "Whether dri-broker answers.", GAUGE, broker_up},
    {"dri_gpu", NULL, "A GPU; ready is the highest level that was verified.", INFO, gpu_info},
    {"dri_gpu_present", NULL, "Whether the GPU is there; 0 while it is lost.", GAUGE, gpu_present},
    {"dri_gpu_slots", NULL, "Slots of the GPU.", GAUGE, gpu_slots},
    {"dri_gpu_slots_used", NULL, "Slots that leases have taken.", GAUGE, gpu_slots_used},
    {"dri_gpu_engine_busy_seconds", "seconds",
     "Time that engines of a kind worked for leases, over their number: its rate is 1 at most.", COUNTER,
     gpu_busy},
    {"dri_gpu_memory_bytes", "bytes", "Memory of all leases' buffers on the GPU.", GAUGE, gpu_memory},
    {"dri_gpu_memory_resident_bytes", "bytes", "The part of it that is resident.", GAUGE, gpu_resident},
    {"dri_lease", NULL, "A container that has a lease.", INFO, lease_info},
    {"dri_lease_state", NULL, "1 for the state that the lease is in.", GAUGE, lease_state},
    {"dri_lease_ready", NULL, "Whether the container was verified to be able to use its GPU.", GAUGE,
     lease_ready},
    {"dri_lease_slots", NULL, "Slots that the lease has.", GAUGE, lease_slots},
    {"dri_lease_share_ratio", "ratio", "The ceiling of its GPU time, where it has one.", GAUGE, lease_share},
    {"dri_lease_start_time_seconds", "seconds", "When the lease began, since the epoch.", GAUGE, lease_start},
    {"dri_lease_engine_busy_seconds", "seconds",
     "Time that engines of a kind worked for the lease, over their number.", COUNTER, lease_busy},
    {"dri_lease_memory_bytes", "bytes", "Memory of the container's buffers.", GAUGE, lease_memory},
    {"dri_lease_memory_resident_bytes", "bytes", "The part of it that is resident.", GAUGE, lease_resident},
    {"dri_queue_containers", NULL, "Containers that wait for a GPU.", GAUGE, queue_containers},
};

/* The older format knows counters by their whole name, and infos as gauges.  */
static void
put_family (struct output *o, const struct family *family)
{
    static const char *const kinds[] = {[GAUGE] = "gauge", [COUNTER] = "counter", [INFO] = "info"};
    bool open = o->format == METRICS_OPENMETRICS;
    const char *suffix = open ? "" : suffix_of (family);

    (void) fprintf (o->out, "# HELP %s%s %s\n# TYPE %s%s %s\n", family->name, suffix, family->help,
                    family->name, suffix, kinds[open || family->kind != INFO ? family->kind : GAUGE]);
    if (open && family->unit)
        (void) fprintf (o->out, "# UNIT %s %s\n", family->name, family->unit);
    family->samples (o, family);
}

char *
metrics_text (const json_t *status, enum metrics_format format)
{
    _cleanup_json_ json_t *names = name_leases (status);
    struct output o = {.format = format, .status = status, .names = names};
    _cleanup_free_ char *text = NULL;
    size_t len;
    bool failed;

    o.out = open_memstream (&text, &len);
    if (!o.out)
        return NULL;
    for (size_t i = 0; i < countof (families); i++)
        put_family (&o, &families[i]);
    if (format == METRICS_OPENMETRICS)
        (void) fputs ("# EOF\n", o.out);
    failed = ferror (o.out);
    failed |= fclose (o.out) != 0;
    return failed ? NULL : steal_ptr (&text);
}
