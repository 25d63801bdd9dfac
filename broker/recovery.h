/* The journal's records, and the way back from them after a crash: every lease checked against the living. */
#ifndef DRI_RECOVERY_H
#define DRI_RECOVERY_H

#include "../oci/writer.h"
#include "leasing.h"

/* {"op":"grant"|"move"|"activate"|"freeze"|"report"|"revoke"|"release","lease":…} and
 * {"op":"put-off"|"forget","container":…}, for journal_append_text.  */
struct writer recovery_grant_record (const struct lease *lease, const struct gpus *gpus);
struct writer recovery_move_record (const struct lease *lease, const struct gpus *gpus);
struct writer recovery_activate_record (const struct lease *lease);
/* Whether it is parked, and whether the broker may have frozen it (governed).  */
struct writer recovery_freeze_record (const struct lease *lease);
struct writer recovery_report_record (const struct lease *lease);
/* Its reason is the lease's decision.  */
struct writer recovery_revoke_record (const struct lease *lease);
struct writer recovery_release_record (const struct lease *lease);
struct writer recovery_put_off_record (const struct waiter *waiter);
struct writer recovery_forget_record (const struct waiter *waiter);

/* Replays the journal, keeps the leases whose process lives (pid and start time, boot id) and the grants that
 * may still be taken up, removes every other directory, starts the journal anew.  */
int recovery_run (struct leasing *l, const char *journal, struct error *err);

int recovery_rewrite_journal (struct leasing *l, struct error *err);

#endif
