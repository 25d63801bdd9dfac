#include "status.h"

#include <stdbool.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "print.h"
#include "status_text.h"

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
    char text[FIGURE_SIZE];

    text_bytes (text, bytes);
    table_cell (row, column, "%s", text);
}

static void
cell_engines (struct libscols_line *row, size_t column, json_t *engines)
{
    _cleanup_free_ char *text = text_engines (engines);

    table_cell (row, column, "%s", text ? text : "n/a");
}

static void
cell_age (struct libscols_line *row, size_t column, const json_t *since, time_t now)
{
    char text[FIGURE_SIZE];

    text_age (text, since, now);
    table_cell (row, column, "%s", text);
}

static void
cell_container (struct libscols_line *row, size_t column, const json_t *container)
{
    char label[LABEL_SIZE];

    text_container (label, container);
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

bool
status_names (const char *list, const char *name)
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
        if (is_simulated (gpu) && status_names (name, text_of (gpu, "name", "")))
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

        text_container (name, container);
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

static void
print_unmanaged (const json_t *users, FILE *out)
{
    static const char *const titles[] = {"WITHOUT A LEASE", "MADE BY", "GPU",    "PROCESSES",
                                         "FIRST",           "ENGINES", "MEMORY", NULL};
    struct libscols_table *table;
    const json_t *user;
    size_t i;

    if (!users)
        return;
    (void) fputc ('\n', out);
    if (json_array_size (users) == 0) {
        print_line (out, "Nothing uses a GPU without a lease.");
        return;
    }
    table = table_create (out, titles);
    json_array_foreach (users, i, user) {
        struct libscols_line *row = table_row (table);
        const json_t *container = json_object_get (user, "container"),
                     *process = json_object_get (user, "process");
        char label[LABEL_SIZE];

        if (json_is_object (container)) {
            text_user (label, user);
            table_cell (row, 0, "%s", label);
        } else
            table_cell (row, 0, "(no container)");
        cell_text (row, 1, container, "engine");
        cell_text (row, 2, user, "gpu");
        cell_integer (row, 3, json_object_get (user, "processes"), "");
        table_cell (row, 4, "%s (%lld)", text_of (process, "name", "-"),
                    (long long) json_integer_value (json_object_get (process, "pid")));
        cell_engines (row, 5, json_object_get (user, "engines"));
        cell_bytes (row, 6, json_object_get (json_object_get (user, "memory"), "resident"));
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
    print_unmanaged (json_object_get (reply, "unmanaged"), out);
    if (json_is_false (json_object_get (reply, "complete")))
        print_line (out, "Not every process could be looked at: there may be more without a lease.");
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
