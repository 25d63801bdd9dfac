#include <stdbool.h>
#include <string.h>

#include "drictl_probe.h"
#include "print.h"
#include "json_text.h"

static void
print_text (const char *title, const char *text, FILE *out)
{
    if (*text)
        print_line (out, "  %s: %s", title, text);
}

static void
join (const json_t *list, const char *separator, char *out, size_t size)
{
    const json_t *one;
    size_t i, len = 0;

    (void) snprintf (out, size, "-");
    json_array_foreach ((json_t *) list, i, one) {
        if (len < size && json_is_integer (one))
            len += (size_t) snprintf (out + len, size - len, "%s%lld", i ? separator : "",
                                      (long long) json_integer_value (one));
        else if (len < size && json_is_string (one))
            len += (size_t) snprintf (out + len, size - len, "%s%s", i ? separator : "",
                                      json_string_value (one));
    }
}

static void
print_profiles (const json_t *profiles, FILE *out)
{
    static const char *const titles[] = {"  PROFILE", "ENTRYPOINT", "RATE CONTROL", "LARGEST", NULL};
    struct libscols_table *table;
    const json_t *profile;
    char text[80];
    size_t i;

    if (json_array_size (profiles) == 0)
        return;
    table = table_create (out, titles);
    json_array_foreach ((json_t *) profiles, i, profile) {
        struct libscols_line *row = table_row (table);

        table_cell (row, 0, "  %s", json_text (profile, "profile"));
        table_cell (row, 1, "%s", json_text (profile, "entrypoint"));
        join (json_object_get (profile, "rates"), " ", text, sizeof text);
        table_cell (row, 2, "%s", text);
        join (json_object_get (profile, "max"), "x", text, sizeof text);
        table_cell (row, 3, "%s", text);
    }
    table_print (table);
}

static void
print_report (const json_t *report, const char *expectation, FILE *out)
{
    const json_t *drm = json_object_get (report, "drm"), *vaapi = json_object_get (report, "vaapi"), *note;
    size_t i;

    if (drm)
        print_line (out, "  Kernel driver: %s %s", json_text (drm, "driver"), json_text (drm, "version"));
    if (vaapi)
        print_line (out, "  VA driver: %s (VA-API %s)", json_text (vaapi, "vendor"),
                    json_text (vaapi, "version"));
    json_array_foreach (json_object_get (json_object_get (report, "facts"), "notes"), i, note)
        if (json_is_string (note))
            print_text ("Note", json_string_value (note), out);
    print_text ("Could do more", expectation, out);
    print_profiles (json_object_get (vaapi, "profiles"), out);
}

static void
print_gpu (const json_t *gpu, FILE *out)
{
    const json_t *report = json_object_get (gpu, "report");
    const char *level = json_text (report, "verified");

    print_line (out, "GPU %s (%s, %s)%s", json_text (gpu, "name"), json_text (gpu, "render"),
                json_text (gpu, "driver"),
                json_is_true (json_object_get (gpu, "simulated")) ? ", simulated" : "");
    print_line (out, "  Verified: %s", *level ? level : "nothing");
    print_text ("Verdict", json_text (report, "message"), out);
    print_report (report, json_text (json_object_get (gpu, "ready"), "expectation"), out);
}

static void
print_container (const json_t *reply, FILE *out)
{
    const json_t *container = json_object_get (reply, "container"), *ready = json_object_get (reply, "ready");
    const char *name = json_text (container, "name");
    char gpus[128];

    join (json_object_get (reply, "gpus"), ", ", gpus, sizeof gpus);
    print_line (out, "Container %s, GPU %s", *name ? name : json_text (container, "id"), gpus);
    print_line (out, "  %s: %s", json_is_true (json_object_get (ready, "ok")) ? "Verified" : "Fails at",
                json_text (ready, "level"));
    print_text ("Verdict", json_text (ready, "reason"), out);
    print_report (json_object_get (reply, "report"), json_text (reply, "expectation"), out);
}

void
probe_print (const json_t *reply, FILE *out)
{
    const json_t *gpu;
    size_t i;

    if (json_object_get (reply, "ready")) {
        print_container (reply, out);
        return;
    }
    json_array_foreach (json_object_get (reply, "gpus"), i, gpu) {
        print_gpu (gpu, out);
    }
}
