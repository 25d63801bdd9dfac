/* What the broker answers to Status, and with it what uses GPUs without a lease, for drictl status and drictl
 * top.
 */
#ifndef DRI_DRICTL_STATUS_H
#define DRI_DRICTL_STATUS_H

#include <jansson.h>
#include <stdbool.h>

#include "../../oci/config.h"
#include "../../oci/error.h"
#include "unmanaged.h"

struct status_options {
    bool json, all, watch;
};

struct status_reader {
    struct config config;
    struct unmanaged *unmanaged; /* NULL: not asked for */
};

/* An exit code; prints what is wrong.  */
int status_reader_init (struct status_reader *reader, bool all);
void status_reader_finish (struct status_reader *reader);

/* An exit code, and what is wrong in err, not printed. *reply is the caller's.  */
int status_reader_read (struct status_reader *reader, json_t **reply, struct error *err);

/* drictl_top.c: shows it once a second until it is told to stop. An exit code.  */
int status_watch (struct status_reader *reader, const struct status_options *options);

#endif
