#include "events_print.h"

#include <time.h>

#include "../../oci/cleanup.h"
#include "print.h"

static const char *
text_of (const json_t *object, const char *key, const char *instead)
{
    const char *text = json_string_value (json_object_get (object, key));

    return text && *text ? text : instead;
}

/* What people call it: its name, else its place in a compose project, else the start of its id.  */
static void
label_container (char *label, size_t size, const json_t *container)
{
    const char *name = text_of (container, "name", NULL), *project = text_of (container, "project", NULL);
    const char *service = text_of (container, "service", NULL);

    if (name)
        (void) snprintf (label, size, "%s", name);
    else if (project && service)
        (void) snprintf (label, size, "%s/%s", project, service);
    else
        (void) snprintf (label, size, "%.12s", text_of (container, "id", "-"));
}

static void
print_time (char *text, size_t size, const json_t *event)
{
    const double time = json_number_value (json_object_get (event, "time"));
    const time_t seconds = (time_t) time;
    const int milliseconds = (int) ((time - (double) seconds) * 1000 + 0.5);
    struct tm local;
    size_t len;

    if (!localtime_r (&seconds, &local))
        local = (struct tm){.tm_year = 0};
    len = strftime (text, size, "%Y-%m-%d %H:%M:%S", &local);
    (void) snprintf (text + len, size - len, ".%03d", milliseconds < 1000 ? milliseconds : 999);
}

void
event_print (const json_t *event, FILE *out)
{
    const json_t *position = json_object_get (event, "position");
    char when[48], label[272], place[48] = "";

    print_time (when, sizeof when, event);
    label_container (label, sizeof label, json_object_get (event, "container"));
    if (json_is_integer (position))
        (void) snprintf (place, sizeof place, "place %d: ", (int) json_integer_value (position));
    print_line (out, "%s  %-10s  %-20s  %-10s  %s%s", when, text_of (event, "event", "-"), label,
                text_of (event, "gpu", "-"), place, text_of (event, "reason", ""));
}

/* ASCII only, so that no control character of the upper half is among it.  */
void
event_print_json (const json_t *event, FILE *out)
{
    _cleanup_free_ char *text =
        json_dumps (event, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION (15));

    if (text)
        (void) fprintf (out, "%s\n", text);
}
