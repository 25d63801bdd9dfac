#include "status_text.h"

#include <stdio.h>
#include <string.h>

#include "../../oci/cleanup.h"

const char *
text_of (const json_t *object, const char *key, const char *instead)
{
    const char *text = json_string_value (json_object_get (object, key));

    return text && *text ? text : instead;
}

void
text_container (char label[LABEL_SIZE], const json_t *container)
{
    const char *project = text_of (container, "project", NULL),
               *service = text_of (container, "service", NULL);
    const char *name = text_of (container, "name", NULL);

    if (name)
        (void) snprintf (label, LABEL_SIZE, "%s", name);
    else if (project && service)
        (void) snprintf (label, LABEL_SIZE, "%s/%s", project, service);
    else
        (void) snprintf (label, LABEL_SIZE, "%.12s", text_of (container, "id", "-"));
}

void
text_user (char label[LABEL_SIZE], const json_t *user)
{
    const json_t *container = json_object_get (user, "container"),
                 *process = json_object_get (user, "process");

    if (json_is_object (container) && json_integer_value (json_object_get (user, "owner")) != 0)
        (void) snprintf (label, LABEL_SIZE, "%.12s (user %lld)", text_of (container, "id", "-"),
                         (long long) json_integer_value (json_object_get (user, "owner")));
    else if (json_is_object (container))
        text_container (label, container);
    else
        (void) snprintf (label, LABEL_SIZE, "%s (%lld)", text_of (process, "name", "-"),
                         (long long) json_integer_value (json_object_get (process, "pid")));
}

void
text_bytes (char text[FIGURE_SIZE], const json_t *bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double n = json_number_value (bytes);
    size_t unit = 0;

    if (!json_is_number (bytes)) {
        (void) snprintf (text, FIGURE_SIZE, "n/a");
        return;
    }
    for (; n >= 1024 && unit + 1 < countof (units); unit++)
        n /= 1024;
    (void) snprintf (text, FIGURE_SIZE, unit > 0 && n < 10 ? "%.1f %s" : "%.0f %s", n, units[unit]);
}

void
text_age (char text[FIGURE_SIZE], const json_t *since, time_t now)
{
    long long s = (long long) now - (long long) json_integer_value (since);

    if (!json_is_integer (since))
        (void) snprintf (text, FIGURE_SIZE, "n/a");
    else if (s < 60)
        (void) snprintf (text, FIGURE_SIZE, "%llds", s < 0 ? 0 : s);
    else if (s < 3600)
        (void) snprintf (text, FIGURE_SIZE, "%lldm", s / 60);
    else if (s < 86400)
        (void) snprintf (text, FIGURE_SIZE, "%lldh %lldm", s / 3600, s % 3600 / 60);
    else
        (void) snprintf (text, FIGURE_SIZE, "%lldd %lldh", s / 86400, s % 86400 / 3600);
}

void
text_load (char text[FIGURE_SIZE], const json_t *load)
{
    if (json_is_number (load))
        (void) snprintf (text, FIGURE_SIZE, "%.0f%%", json_number_value (load) * 100);
    else
        (void) snprintf (text, FIGURE_SIZE, "n/a");
}

char *
text_engines (json_t *engines)
{
    char *text = NULL, figure[FIGURE_SIZE];
    const char *name, *comma = "";
    json_t *load;
    size_t len;
    FILE *out;

    if (json_object_size (engines) == 0)
        return strdup ("n/a");
    out = open_memstream (&text, &len);
    if (!out)
        return NULL;
    json_object_foreach (engines, name, load) {
        if (json_is_number (load) && json_number_value (load) < 0.005)
            continue;
        text_load (figure, load);
        (void) fprintf (out, "%s%s %s", comma, name, figure);
        comma = ", ";
    }
    if (!*comma)
        (void) fputs ("idle", out);
    (void) fclose (out);
    return text;
}
