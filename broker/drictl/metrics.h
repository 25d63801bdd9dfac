/* The reply of the method Status as text for Prometheus. Pure: JSON in, text out.
 *
 * Names follow https://prometheus.io/docs/practices/naming/; the formats are those of exposition.h. There are
 * no more series than a fixed number for each GPU and each lease, of which the broker has 256 at most. A
 * figure that is null has no series.  */
#ifndef DRI_METRICS_H
#define DRI_METRICS_H

#include <jansson.h>

/* What node_exporter's textfile collector reads; what Prometheus itself asks for.  */
enum metrics_format { METRICS_TEXT, METRICS_OPENMETRICS };

/* status: NULL where there is no broker. The text is the caller's to free; NULL where memory is short.  */
char *metrics_text (const json_t *status, enum metrics_format format);

#endif
