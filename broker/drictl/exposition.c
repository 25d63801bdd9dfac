#include "exposition.h"

#include <jansson.h>
#include <stdarg.h>

#include "../../oci/cleanup.h"
#include "print.h"

static const char *
suffix_of (const struct metric *metric)
{
    static const char *const suffixes[] = {
        [METRIC_GAUGE] = "", [METRIC_COUNTER] = "_total", [METRIC_INFO] = "_info"};

    return suffixes[metric->kind];
}

/* The older format knows counters by their whole name, and infos as gauges.  */
void
exposition_begin (const struct exposition *e, const struct metric *metric)
{
    static const char *const kinds[] = {
        [METRIC_GAUGE] = "gauge", [METRIC_COUNTER] = "counter", [METRIC_INFO] = "info"};
    const char *suffix = e->open ? "" : suffix_of (metric);
    const enum metric_kind kind = e->open || metric->kind != METRIC_INFO ? metric->kind : METRIC_GAUGE;

    (void) fprintf (e->out, "# HELP %s%s %s\n# TYPE %s%s %s\n", metric->name, suffix, metric->help,
                    metric->name, suffix, kinds[kind]);
    if (e->open && metric->unit)
        (void) fprintf (e->out, "# UNIT %s %s\n", metric->name, metric->unit);
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

void
exposition_sample (const struct exposition *e, const struct metric *metric, double value, ...)
{
    const char *label, *separator = "{";
    va_list labels;

    (void) fprintf (e->out, "%s%s", metric->name, suffix_of (metric));
    va_start (labels, value);
    for (label = va_arg (labels, const char *); label; label = va_arg (labels, const char *)) {
        (void) fprintf (e->out, "%s%s=\"", separator, label);
        put_value (e->out, va_arg (labels, const char *));
        (void) fputc ('"', e->out);
        separator = ",";
    }
    va_end (labels);
    (void) fputs (*separator == ',' ? "} " : " ", e->out);
    put_number (e->out, value);
    (void) fputc ('\n', e->out);
}

void
exposition_end (const struct exposition *e)
{
    if (e->open)
        (void) fputs ("# EOF\n", e->out);
}
