/* What the workload meets at its device nodes: each is opened, and the kernel's driver behind it asked. In a
 * process that becomes the workload for that and does not come back from it (workload_become); gate.c has
 * the process that makes it and may have to give it up, since an open or a driver may hang.  */
#ifndef DRI_GATE_NODES_H
#define DRI_GATE_NODES_H

#include "gate.h"

/* The descriptors of found are the caller's. deadline: until then (clock_ms) a driver that is on its way is
 * asked again. verdict and found come with their zeros; the level is that of the last node that was tried. */
void gate_nodes_judge (const struct gate *gate, int64_t deadline, struct verdict *verdict,
                       struct gate_found *found);

#endif
