#include "probe_report.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../oci/cleanup.h"
#include "../oci/error.h"
#include "../oci/file.h"

enum { TEXT_MAX = 1000, ARRAY_MAX = 512, DEPTH_MAX = 6, STEPS_MAX = 64 };

static const char *const levels[PROBE_LEVELS] = {
    [PROBE_NODE] = "node",
    [PROBE_DRIVER] = "driver",
    [PROBE_VAAPI] = "vaapi",
};

static const char *const reasons[PROBE_REASONS] = {
    [PROBE_OK] = "ok",
    [PROBE_NO_NODE] = "no-node",
    [PROBE_NOT_PERMITTED] = "not-permitted",
    [PROBE_DEVICE_CGROUP] = "device-cgroup",
    [PROBE_NO_DRIVER] = "no-driver",
    [PROBE_NOT_OPENED] = "not-opened",
    [PROBE_NOT_DRM] = "not-drm",
    [PROBE_DRIVER_SILENT] = "driver-silent",
    [PROBE_NO_LIBVA] = "no-libva",
    [PROBE_NO_DISPLAY] = "no-display",
    [PROBE_INIT_FAILED] = "init-failed",
    [PROBE_NO_PROFILES] = "no-profiles",
    [PROBE_MISSING_PROFILE] = "missing-profile",
    [PROBE_MISSING_RATE] = "missing-rate-control",
    [PROBE_REFUSED] = "refused",
    [PROBE_HUNG] = "hung",
    [PROBE_CRASHED] = "crashed",
    [PROBE_EXITED] = "exited",
    [PROBE_MEMORY] = "memory",
    [PROBE_FLOODED] = "flooded",
    [PROBE_GARBLED] = "garbled",
    [PROBE_NOT_STARTED] = "not-started",
};

const char *
probe_level_name (enum probe_level level)
{
    return levels[level];
}

const char *
probe_reason_name (enum probe_reason reason)
{
    return reasons[reason];
}

/* --- the confined side --- */

static json_int_t
now_us (void)
{
    struct timespec t;

    (void) clock_gettime (CLOCK_MONOTONIC, &t);
    return (json_int_t) t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void
write_line (int fd, json_t *line)
{
    _cleanup_free_ char *text = json_dumps (line, JSON_COMPACT);

    json_decref (line);
    if (text && write_all (fd, text, strlen (text)) == 0)
        (void) write_all (fd, "\n", 1);
}

void
report_step (int fd, const char *name)
{
    write_line (fd, json_pack ("{s:s s:I}", "step", name, "t", now_us ()));
}

void
report_finding (int fd, const char *name, json_t *value)
{
    write_line (fd, json_pack ("{s:o}", name, value));
}

void
report_verdict (int fd, enum probe_reason reason, const char *format, ...)
{
    char message[TEXT_MAX];
    va_list args;

    va_start (args, format);
    (void) vsnprintf (message, sizeof message, format, args);
    va_end (args);
    text_clean (message);
    write_line (fd,
                json_pack ("{s:s s:s s:I}", "reason", reasons[reason], "message", message, "t", now_us ()));
}

/* --- the reader --- */

/* Every member that a report can have, wherever it stands.  */
static const struct {
    const char *name;
    json_type type;
} members[] = {
    {"step", JSON_STRING},   {"t", JSON_INTEGER},         {"reason", JSON_STRING},  {"message", JSON_STRING},
    {"drm", JSON_OBJECT},    {"facts", JSON_OBJECT},      {"vaapi", JSON_OBJECT},   {"require", JSON_ARRAY},
    {"driver", JSON_STRING}, {"version", JSON_STRING},    {"engines", JSON_ARRAY},  {"class", JSON_STRING},
    {"count", JSON_INTEGER}, {"firmware", JSON_ARRAY},    {"name", JSON_STRING},    {"status", JSON_STRING},
    {"notes", JSON_ARRAY},   {"vendor", JSON_STRING},     {"profiles", JSON_ARRAY}, {"profile", JSON_STRING},
    {"rates", JSON_ARRAY},   {"entrypoint", JSON_STRING}, {"max", JSON_ARRAY},      {"depths", JSON_ARRAY},
    {"ok", JSON_TRUE},       {"capability", JSON_STRING},
};

static bool
is_member (const char *name, const json_t *value)
{
    const json_type type = json_is_boolean (value) ? JSON_TRUE : json_typeof (value);

    for (size_t i = 0; i < countof (members); i++)
        if (strcmp (members[i].name, name) == 0)
            return members[i].type == type;
    return false;
}

static json_t *tidy (const json_t *value, unsigned depth);

static json_t *
tidy_text (const char *text)
{
    char copy[TEXT_MAX];

    (void) snprintf (copy, sizeof copy, "%s", text);
    text_clean (copy);
    return json_string (copy);
}

static json_t *
tidy_array (const json_t *array, unsigned depth)
{
    json_t *copy = json_array ();

    for (size_t i = 0; i < json_array_size (array) && i < ARRAY_MAX; i++) {
        json_t *element = tidy (json_array_get (array, i), depth);

        if (element)
            (void) json_array_append_new (copy, element);
    }
    return copy;
}

static json_t *
tidy_object (json_t *object, unsigned depth)
{
    json_t *copy = json_object ();
    const char *name;
    json_t *value;

    json_object_foreach (object, name, value) {
        json_t *tidied = is_member (name, value) ? tidy (value, depth) : NULL;

        if (tidied)
            (void) json_object_set_new (copy, name, tidied);
    }
    return copy;
}

/* NULL for what has no place in a report.  */
static json_t *
tidy (const json_t *value, unsigned depth)
{
    if (depth == DEPTH_MAX)
        return NULL;
    switch (json_typeof (value)) {
    case JSON_STRING:
        return tidy_text (json_string_value (value));
    case JSON_INTEGER:
        return json_integer (json_integer_value (value));
    case JSON_TRUE:
    case JSON_FALSE:
        return json_boolean (json_is_true (value));
    case JSON_ARRAY:
        return tidy_array (value, depth + 1);
    case JSON_OBJECT:
        return tidy_object ((json_t *) value, depth + 1);
    default:
        return NULL;
    }
}

/* The step before ended now.  */
static void
end_step (const struct report *report, const json_t *line, json_int_t *last)
{
    json_t *step = json_array_get (report->steps, json_array_size (report->steps) - 1);
    json_int_t t = json_integer_value (json_object_get (line, "t"));

    if (step && *last >= 0 && t >= *last && t - *last < INT32_MAX)
        (void) json_object_set_new (step, "ms", json_real ((double) (t - *last) / 1000));
    *last = t;
}

static bool
take_step (struct report *report, const json_t *line, json_int_t *last)
{
    const char *name = json_string_value (json_object_get (line, "step"));

    if (json_array_size (report->steps) == STEPS_MAX)
        return false;
    end_step (report, line, last);
    (void) snprintf (report->step, sizeof report->step, "%s", name);
    (void) json_array_append_new (report->steps, json_pack ("{s:s s:n}", "step", report->step, "ms"));
    return true;
}

static bool
take_verdict (struct report *report, const json_t *line, json_int_t *last)
{
    const char *name = json_string_value (json_object_get (line, "reason"));
    const char *message = json_string_value (json_object_get (line, "message"));

    for (unsigned i = 0; i < PROBE_REASONS; i++)
        if (message && strcmp (reasons[i], name) == 0) {
            end_step (report, line, last);
            report->judged = true;
            report->reason = (enum probe_reason) i;
            (void) snprintf (report->message, sizeof report->message, "%s", message);
            return true;
        }
    return false;
}

static bool
take_findings (const struct report *report, const json_t *line)
{
    static const char *const findings[] = {"drm", "facts", "vaapi", "require"};
    bool found = false;

    for (size_t i = 0; i < countof (findings); i++) {
        json_t *value = json_object_get (line, findings[i]);

        if (value)
            (void) json_object_set (report->findings, findings[i], value);
        found |= value != NULL;
    }
    return found;
}

/* Nothing comes after the verdict.  */
static bool
take_line (struct report *report, const char *text, size_t len, json_int_t *last)
{
    _cleanup_json_ json_t *parsed = json_loadb (text, len, JSON_REJECT_DUPLICATES, NULL);
    _cleanup_json_ json_t *line = NULL;

    if (!json_is_object (parsed) || report->judged)
        return false;
    line = tidy (parsed, 0);
    if (json_object_get (line, "step"))
        return take_step (report, line, last);
    if (json_object_get (line, "reason"))
        return take_verdict (report, line, last);
    return take_findings (report, line);
}

void
report_parse (struct report *report, const char *text, size_t len)
{
    json_int_t last = 0;

    *report = (struct report){.findings = json_object (), .steps = json_array ()};
    for (const char *end = memchr (text, '\n', len); end; end = memchr (text, '\n', len)) {
        if (!take_line (report, text, (size_t) (end - text), &last))
            report->garbled = true;
        len -= (size_t) (end + 1 - text);
        text = end + 1;
    }
}

void
report_finish (struct report *report)
{
    json_decref (report->findings);
    json_decref (report->steps);
}
