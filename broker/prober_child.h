/* What becomes dri-probe: a child of the broker that keeps CAP_SETUID and CAP_SETGID, since dri-probe becomes
 * nobody. It starts that program, as often as it is asked to, and nothing else; it waits for none.  */
#ifndef DRI_PROBER_CHILD_H
#define DRI_PROBER_CHILD_H

#include "../oci/error.h"

#define PROBER_NAME "dri-prober"

/* Forks; see child.h. Returns the broker's end, the caller's to close. Never fails for a dri-probe that is
 * not there: the reports say so.  */
int prober_child_start (struct error *err);

/* Has the node at path asked, with a deadline of 5 seconds. The report, as in dri-probe(8), goes to out,
 * which stays the caller's. -1 with errno.  */
int prober_child_ask (int child, const char *path, int out);

#endif
