/* The broker's journal, record by record: what is written down of a lease, of a container that waits without
 * a client, and of a home. recovery.h reads them back. Pure: the tables in, one JSON object out.
 *
 * {"op":"grant"|"move"|"activate"|"freeze"|"report"|"revoke"|"release","lease":…},
 * {"op":"put-off"|"forget","container":…} and {"op":"home","key":…}.
 *
 * The text of a writer is the caller's, who gives it to journal_append_text; where memory is short there is
 * none, and that fails. Times are seconds since the epoch, start is in clock ticks since boot (proc(5)).  */
#ifndef DRI_RECORD_H
#define DRI_RECORD_H

#include <jansson.h>

#include "../oci/writer.h"
#include "gpu.h"
#include "homes.h"
#include "lease.h"
#include "queue.h"

struct writer record_grant (const struct lease *lease, const struct gpus *gpus);
struct writer record_move (const struct lease *lease, const struct gpus *gpus);
struct writer record_activate (const struct lease *lease);
/* Whether it is parked, and whether the broker may have frozen it (governed).  */
struct writer record_freeze (const struct lease *lease);
struct writer record_report (const struct lease *lease);
/* Its reason is the lease's decision.  */
struct writer record_revoke (const struct lease *lease);
struct writer record_release (const struct lease *lease);

struct writer record_put_off (const struct waiter *waiter);
struct writer record_forget (const struct waiter *waiter);

/* For journal_append, which takes it over.  */
json_t *record_home (const struct home *home, const struct gpus *gpus);

#endif
