/* The way back from the journal's records (record.h) after a crash: every lease checked against the living.
 */
#ifndef DRI_RECOVERY_H
#define DRI_RECOVERY_H

#include "leasing.h"

/* Replays the journal, keeps the leases whose process lives (pid and start time, boot id) and the grants that
 * may still be taken up, removes every other directory, starts the journal anew.  */
int recovery_run (struct leasing *l, const char *journal, struct error *err);

/* The journal has what there is now, and no more.  */
int recovery_rewrite_journal (struct leasing *l, struct error *err);

#endif
