/* What the hook may do, phase by phase: one table of capabilities, each with its reason.  */
#ifndef DRI_PHASE_H
#define DRI_PHASE_H

#include <stdbool.h>

#include "../oci/error.h"

/* A process goes forward only, but for the first three, between which the hook itself changes.  */
enum phase {
    PHASE_HOOK,     /* the hook: its arguments, the broker, what its children found */
    PHASE_START,    /* the hook: it makes a child */
    PHASE_LOG,      /* the hook: it reads the kernel's log */
    PHASE_JOIN,     /* a child: it joins the container and becomes the workload, or nobody */
    PHASE_OVERRIDE, /* a child: it is the workload, root with CAP_DAC_OVERRIDE */
    PHASE_NOTHING,  /* all else: the workload, foreign code, the hook's last words */
    PHASES
};

/* Effective are the capabilities of this phase, permitted those of the phases that can come after too, and
 * none that this process did not have before; inheritable none.  */
int phase_enter (enum phase phase, struct error *err);

/* As a mask, of a phase; for tests and messages.  */
unsigned long long phase_mask (enum phase phase);

#endif
