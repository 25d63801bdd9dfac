/* What drictl explain prints: the reply of the method Explain in plain text. No socket here.  */
#ifndef DRI_EXPLAIN_H
#define DRI_EXPLAIN_H

#include <jansson.h>
#include <stdio.h>

/* What was asked, what was decided and why, as whom the workload runs, and what it sees in /dev/dri.  */
void explain_print (const json_t *reply, FILE *out);

/* The granted nodes as lines of a configuration of Proxmox VE (pct.conf(5), dev[n]), for who wants them given
 * once and for all, without a lease.  */
void explain_print_lxc (const json_t *reply, FILE *out);

#endif
