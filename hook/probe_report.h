/* What a probe has to say, and how it comes out of its box: lines of JSON through a pipe, written by the
 * confined process and taken apart as hostile, since a driver in the same process can write them too.
 *
 *   {"step": "va-initialize", "t": 1234}     what is done from now on, and when (microseconds, any start)
 *   {"drm": {…}}, {"facts": {…}}, …          findings, as they stand in the report
 *   {"reason": "ok", "message": "…", "t": …} the verdict, the last line
 *
 * The report that is made of them stands in dri-probe(8).  */
#ifndef DRI_PROBE_REPORT_H
#define DRI_PROBE_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum probe_level { PROBE_NODE, PROBE_DRIVER, PROBE_VAAPI, PROBE_LEVELS };

enum probe_reason {
    PROBE_OK,
    /* the node */
    PROBE_NO_NODE,
    PROBE_NOT_PERMITTED,
    PROBE_DEVICE_CGROUP,
    PROBE_NO_DRIVER,
    PROBE_NOT_OPENED,
    PROBE_NOT_DRM,
    /* the kernel's driver */
    PROBE_DRIVER_SILENT,
    /* VA-API */
    PROBE_NO_LIBVA,
    PROBE_NO_DISPLAY,
    PROBE_INIT_FAILED,
    PROBE_NO_PROFILES,
    PROBE_MISSING_PROFILE,
    PROBE_MISSING_RATE,
    PROBE_REFUSED,
    /* how the confined process ended */
    PROBE_HUNG,
    PROBE_CRASHED,
    PROBE_EXITED,
    PROBE_MEMORY,
    PROBE_FLOODED,
    PROBE_GARBLED,
    PROBE_NOT_STARTED,
    PROBE_REASONS
};

const char *probe_level_name (enum probe_level level);
const char *probe_reason_name (enum probe_reason reason);

/* --- the confined side; what cannot be written is lost, and the reader will notice --- */

void report_step (int fd, const char *name);
void report_finding (int fd, const char *name, json_t *value); /* steals value */
void report_verdict (int fd, enum probe_reason reason, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

/* --- the reader --- */

struct report {
    json_t *findings; /* an object: those of "drm", "facts", "vaapi", "require" that were reported */
    json_t *steps;    /* [{"step": …, "ms": …}]; ms is null for the one that did not end */
    char step[32];    /* the last */
    bool garbled;     /* something was no line of ours */
    bool judged;      /* there is a verdict: */
    enum probe_reason reason;
    char message[1024];
};

/* Known members of the right type only, bounded in number, length and depth, texts printable. A last line
 * that is not ended is left out.  */
void report_parse (struct report *report, const char *text, size_t len);
void report_finish (struct report *report);

#endif
