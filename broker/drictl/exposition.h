/* The text in which Prometheus is told of metrics: "text-based format 0.0.4"
 * (https://prometheus.io/docs/instrumenting/exposition_formats/) and OpenMetrics 1.0
 * (https://prometheus.io/docs/specs/om/open_metrics_spec/). Whether all of it could be written the stream
 * knows (ferror).  */
#ifndef DRI_EXPOSITION_H
#define DRI_EXPOSITION_H

#include <stdbool.h>
#include <stdio.h>

enum metric_kind { METRIC_GAUGE, METRIC_COUNTER, METRIC_INFO };

/* The name is without the suffix that its kind has ("_total", "_info"); unit: NULL where there is none.  */
struct metric {
    const char *name, *unit, *help;
    enum metric_kind kind;
};

struct exposition {
    FILE *out; /* the caller's */
    bool open; /* OpenMetrics */
};

/* Once before the samples of a metric.  */
void exposition_begin (const struct exposition *e, const struct metric *metric);
/* After the value pairs of label and text, which may be anybody's, and NULL. A text that is NULL is an empty
 * value, which is none to Prometheus.  */
void exposition_sample (const struct exposition *e, const struct metric *metric, double value, ...)
    __attribute__ ((sentinel));
/* After everything.  */
void exposition_end (const struct exposition *e);

#endif
