/* The journal's records, and the way back from them after a crash: every lease checked against the living. */
#ifndef DRI_RECOVERY_H
#define DRI_RECOVERY_H

#include <jansson.h>

#include "leasing.h"

/* {"op":"grant"|"activate"|"report"|"release","lease":…}; the references are the caller's.  */
json_t *recovery_grant_record (const struct lease *lease, const struct gpus *gpus);
json_t *recovery_activate_record (const struct lease *lease);
json_t *recovery_report_record (const struct lease *lease);
json_t *recovery_release_record (const struct lease *lease);

/* Replays the journal, keeps the leases whose process lives (pid and start time, boot id) and the grants that
 * may still be taken up, removes every other directory, starts the journal anew.  */
int recovery_run (struct leasing *l, const char *journal, struct error *err);

int recovery_rewrite_journal (struct leasing *l, struct error *err);

#endif
