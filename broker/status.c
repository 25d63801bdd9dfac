#include "status.h"

#include <stdbool.h>
#include <string.h>

#include "../oci/cleanup.h"
#include "print.h"

enum { LABEL_SIZE = 272 };

/* The text of a member; instead where it is null, empty or no text.  */
static const char *
text_of (const json_t *object, const char *key, const char *instead)
{
    const char *text = json_string_value (json_object_get (object, key));

    return text && *text ? text : instead;
}

static void
cell_text (struct libscols_line *row, size_t column, const json_t *object, const char *key)
{
    table_cell (row, column, "%s", text_of (object, key, "-"));
}

static void
cell_integer (struct libscols_line *row, size_t column, const json_t *value, const char *unit)
{
    if (json_is_integer (value))
        table_cell (row, column, "%lld%s", (long long) json_integer_value (value), unit);
    else
        table_cell (row, column, "n/a");
}

static void
cell_bytes (struct libscols_line *row, size_t column, const json_t *bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double n = json_number_value (bytes);
    size_t unit = 0;

    if (!json_is_number (bytes)) {
        table_cell (row, column, "n/a");
        return;
    }
    for (; n >= 1024 && unit + 1 < countof (units); unit++)
        n /= 1024;
    table_cell (row, column, unit > 0 && n < 10 ? "%.1f %s" : "%.0f %s", n, units[unit]);
}

/* {"render": 0.41, "video": null} as "render 41%, video n/a".  */
static void
cell_engines (struct libscols_line *row, size_t column, json_t *engines)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_fclose_ FILE *out = NULL;
    const char *name, *comma = "";
    json_t *load;
    size_t len;

    if (json_is_object (engines))
        out = open_memstream (&text, &len);
    if (!out) {
        table_cell (row, column, "n/a");
        return;
    }
    json_object_foreach (engines, name, load) {
        if (json_is_number (load))
            (void) fprintf (out, "%s%s %.0f%%", comma, name, json_number_value (load) * 100);
        else
            (void) fprintf (out, "%s%s n/a", comma, name);
        comma = ", ";
    }
    (void) fflush (out);
    table_cell (row, column, "%s", text && *text ? text : "n/a");
}

static void
cell_age (struct libscols_line *row, size_t column, const json_t *since, time_t now)
{
    long long s = (long long) now - (long long) json_integer_value (since);

    if (!json_is_integer (since))
        table_cell (row, column, "n/a");
    else if (s < 60)
        table_cell (row, column, "%llds", s < 0 ? 0 : s);
    else if (s < 3600)
        table_cell (row, column, "%lldm", s / 60);
    else if (s < 86400)
        table_cell (row, column, "%lldh %lldm", s / 3600, s % 3600 / 60);
    else
        table_cell (row, column, "%lldd %lldh", s / 86400, s % 86400 / 3600);
}

/* What people call it: its name, else its place in a compose project, else the start of its id.  */
static void
label_container (char *label, size_t size, const json_t *container)
{
    const char *project = text_of (container, "project", NULL),
               *service = text_of (container, "service", NULL);
    const char *name = text_of (container, "name", NULL);

    if (name)
        (void) snprintf (label, size, "%s", name);
    else if (project && service)
        (void) snprintf (label, size, "%s/%s", project, service);
    else
        (void) snprintf (label, size, "%.12s", text_of (container, "id", "-"));
}

static void
cell_container (struct libscols_line *row, size_t column, const json_t *container)
{
    char label[LABEL_SIZE];

    label_container (label, sizeof label, container);
    table_cell (row, column, "%s", label);
}

static bool
is_simulated (const json_t *gpu)
{
    return json_is_true (json_object_get (gpu, "simulated"));
}

static void
cell_model (struct libscols_line *row, size_t column, const json_t *gpu)
{
    const char *model = text_of (gpu, "model", "");

    if (is_simulated (gpu) && strncasecmp (model, "simulated", strlen ("simulated")) != 0)
        table_cell (row, column, "simulated %s", model);
    else
        table_cell (row, column, "%s", *model ? model : "-");
}

/* Is name among the words of list, which are parted by commas and spaces?  */
static bool
has_word (const char *list, const char *name)
{
    size_t len = strlen (name);

    while (*list != '\0') {
        size_t word = strcspn (list, ", ");

        if (word == len && len > 0 && memcmp (list, name, len) == 0)
            return true;
        list += word;
        list += strspn (list, ", ");
    }
    return false;
}

static void
cell_gpu (struct libscols_line *row, size_t column, const json_t *reply, const json_t *lease)
{
    const char *name = text_of (lease, "gpu", "-"), *mark = "";
    const json_t *gpu;
    size_t i;

    json_array_foreach (json_object_get (reply, "gpus"), i, gpu)
        if (is_simulated (gpu) && has_word (name, text_of (gpu, "name", "")))
            mark = " (simulated)";
    table_cell (row, column, "%s%s", name, mark);
}

static void
print_gpus (const json_t *gpus, FILE *out)
{
    static const char *const titles[] = {"GPU",   "PCI",     "DRIVER", "MODEL", "STATE",
                                         "SLOTS", "ENGINES", "MEMORY", NULL};
    struct libscols_table *table;
    const json_t *gpu;
    size_t i;

    if (json_array_size (gpus) == 0) {
        print_line (out, "No GPU.");
        return;
    }
    table = table_create (out, titles);
    json_array_foreach (gpus, i, gpu) {
        struct libscols_line *row = table_row (table);
        const json_t *slots = json_object_get (gpu, "slots");

        cell_text (row, 0, gpu, "name");
        cell_text (row, 1, gpu, "pci");
        cell_text (row, 2, gpu, "driver");
        cell_model (row, 3, gpu);
        cell_text (row, 4, gpu, "state");
        if (json_is_integer (json_object_get (slots, "used"))
            && json_is_integer (json_object_get (slots, "total")))
            table_cell (row, 5, "%lld of %lld",
                        (long long) json_integer_value (json_object_get (slots, "used")),
                        (long long) json_integer_value (json_object_get (slots, "total")));
        else
            table_cell (row, 5, "n/a");
        cell_engines (row, 6, json_object_get (gpu, "engines"));
        cell_bytes (row, 7, json_object_get (json_object_get (gpu, "memory"), "resident"));
    }
    table_print (table);
}

static void
cell_ready (struct libscols_line *row, size_t column, const json_t *ready)
{
    if (!json_is_object (ready))
        table_cell (row, column, "n/a");
    else
        table_cell (row, column, json_is_true (json_object_get (ready, "ok")) ? "%s" : "not %s",
                    text_of (ready, "level", "ready"));
}

static void
print_leases (const json_t *reply, time_t now, FILE *out)
{
    static const char *const titles[] = {"CONTAINER", "GPU",   "ACCESS", "CLASS",   "SLOTS",  "SHARE", "PID",
                                         "AGE",       "STATE", "READY",  "ENGINES", "MEMORY", NULL};
    const json_t *leases = json_object_get (reply, "leases"), *lease;
    struct libscols_table *table;
    size_t i;

    if (json_array_size (leases) == 0) {
        print_line (out, "No lease.");
        return;
    }
    table = table_create (out, titles);
    json_array_foreach (leases, i, lease) {
        struct libscols_line *row = table_row (table);
        const json_t *share = json_object_get (lease, "share");

        cell_container (row, 0, json_object_get (lease, "container"));
        cell_gpu (row, 1, reply, lease);
        cell_text (row, 2, lease, "access");
        cell_text (row, 3, lease, "class");
        cell_integer (row, 4, json_object_get (lease, "slots"), "");
        if (json_integer_value (share) == 0)
            table_cell (row, 5, "-");
        else
            cell_integer (row, 5, share, "%");
        cell_integer (row, 6, json_object_get (lease, "pid"), "");
        cell_age (row, 7, json_object_get (lease, "since"), now);
        cell_text (row, 8, lease, "state");
        cell_ready (row, 9, json_object_get (lease, "ready"));
        cell_engines (row, 10, json_object_get (lease, "engines"));
        cell_bytes (row, 11, json_object_get (json_object_get (lease, "memory"), "resident"));
    }
    table_print (table);
}

/* Reasons are sentences: below the tables, where they have room.  */
static void
print_reason (const char *name, const char *reason, FILE *out)
{
    if (*reason)
        print_line (out, "%s: %s", name, reason);
}

static void
print_reasons (const json_t *reply, FILE *out)
{
    const json_t *object;
    size_t i;

    json_array_foreach (json_object_get (reply, "gpus"), i, object)
        print_reason (text_of (object, "name", "-"), text_of (object, "reason", ""), out);
    json_array_foreach (json_object_get (reply, "leases"), i, object) {
        const json_t *container = json_object_get (object, "container"),
                     *ready = json_object_get (object, "ready");
        char name[LABEL_SIZE];

        label_container (name, sizeof name, container);
        print_reason (name, text_of (object, "reason", ""), out);
        if (!json_is_true (json_object_get (ready, "ok")))
            print_reason (name, text_of (ready, "reason", ""), out);
    }
}

static void
print_queue (const json_t *queue, time_t now, FILE *out)
{
    static const char *const titles[] = {"WAITING",  "STATE", "GPU",    "CLASS",
                                         "POSITION", "SINCE", "REASON", NULL};
    struct libscols_table *table;
    const json_t *waiting;
    size_t i;

    if (json_array_size (queue) == 0)
        return;
    (void) fputc ('\n', out);
    table = table_create (out, titles);
    json_array_foreach (queue, i, waiting) {
        struct libscols_line *row = table_row (table);

        cell_container (row, 0, json_object_get (waiting, "container"));
        cell_text (row, 1, waiting, "state");
        cell_text (row, 2, waiting, "gpu");
        cell_text (row, 3, waiting, "class");
        cell_integer (row, 4, json_object_get (waiting, "position"), "");
        cell_age (row, 5, json_object_get (waiting, "since"), now);
        cell_text (row, 6, waiting, "reason");
    }
    table_print (table);
}

void
status_print (const json_t *reply, time_t now, FILE *out)
{
    print_gpus (json_object_get (reply, "gpus"), out);
    (void) fputc ('\n', out);
    print_leases (reply, now, out);
    print_queue (json_object_get (reply, "queue"), now, out);
    print_reasons (reply, out);
}

void
devices_print (const json_t *reply, FILE *out)
{
    static const char *const titles[] = {"GPU",   "PCI",   "DRIVER", "VENDOR", "MODEL",
                                         "NODES", "STATE", "READY",  NULL};
    const json_t *gpus = json_object_get (reply, "gpus"), *gpu;
    struct libscols_table *table;
    size_t i;

    if (json_array_size (gpus) == 0) {
        print_line (out, "No GPU.");
        return;
    }
    table = table_create (out, titles);
    json_array_foreach (gpus, i, gpu) {
        struct libscols_line *row = table_row (table);
        const char *render = text_of (gpu, "render", ""), *card = text_of (gpu, "card", "");

        cell_text (row, 0, gpu, "name");
        cell_text (row, 1, gpu, "pci");
        cell_text (row, 2, gpu, "driver");
        cell_text (row, 3, gpu, "vendor");
        cell_model (row, 4, gpu);
        table_cell (row, 5, "%s%s%s", *render || *card ? render : "-", *render && *card ? " " : "", card);
        cell_text (row, 6, gpu, "state");
        table_cell (row, 7, "%s", text_of (json_object_get (gpu, "ready"), "level", "n/a"));
    }
    table_print (table);
}
