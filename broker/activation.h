/* A container takes its grant up, and what the gate found of it is put into effect.
 *
 * A lease that is active ends with its process (leasing_watch), no longer with its client.  */
#ifndef DRI_ACTIVATION_H
#define DRI_ACTIVATION_H

#include "leasing.h"

/* pid: the container's init, as the broker sees it; start: as for leasing_watch. Errors: its GPU was revoked,
 * the process is gone, the journal cannot be written.  */
int activation_begin (struct leasing *l, struct lease *lease, pid_t pid, uint64_t start, struct error *err);

/* ok: the container was verified at this level. Where it was not, and may start so, it goes on without its
 * GPU. reason: for people, copied.  */
void activation_report (struct leasing *l, struct lease *lease, enum request_ready level, bool ok,
                        const char *reason);

#endif
