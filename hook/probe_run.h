/* Runs a probe in its box, and makes a report of whatever comes out of it.  */
#ifndef DRI_PROBE_RUN_H
#define DRI_PROBE_RUN_H

#include <jansson.h>
#include <sys/types.h>

#include "../oci/error.h"
#include "probe_report.h"

enum { PROBE_DEADLINE_MS = 10000, PROBE_DEADLINE_MAX_MS = 60000 };

struct probe {
    int program; /* dri-probe, open: the path need not exist where it runs */
    int null;    /* /dev/null, as well */

    pid_t (*fork) (void *data); /* makes the child; NULL for fork() */
    /* In the child, which is still as free as the caller: becomes whoever is to be asked for, and opens the
     * node. Errors: err->status is the errno of the open.  */
    int (*open_node) (void *data, struct error *err);
    void *data;

    const char *device; /* for people */
    enum probe_level level;
    const char *require;      /* as of require_parse; "" for none */
    char *const *environment; /* all that the probe has of it */
    unsigned deadline_ms;
};

/* The report, as in dri-probe(8). Always comes to one, a second after the deadline at the latest; no process
 * of it is left then, but one that hangs in the kernel. The reference is the caller's.  */
json_t *probe_run (const struct probe *probe);

#endif
