/* The children of the readiness gate that run foreign code: where they run, and as whom. All of it is
 * inherited by fork, and nothing comes back but the report of the box (boxed.h).  */
#ifndef DRI_GATE_CHILD_H
#define DRI_GATE_CHILD_H

#include <jansson.h>

#include "gate.h"

enum gate_where {
    GATE_IN_CONTAINER, /* our program, as the workload */
    GATE_ITS_VAINFO,   /* the image's, as the workload */
    GATE_ON_HOST       /* our program, as nobody, where no process of the container can see it */
};

struct gate_child {
    const struct gate *gate;
    const struct gate_found *found;
    const struct gate_render *render;
    enum gate_where where;
    int program;    /* dri-probe */
    int null;       /* /dev/null */
    int pids;       /* our own pid namespace */
    int process;    /* the container's init, a pidfd */
    json_t *report; /* owned; the last one's that dri-probe gave */
};

/* Of struct box and struct probe; data is a gate_child.  */
pid_t gate_child_fork (void *data);
int gate_child_enter (void *data, struct error *err);
int gate_child_enter_vainfo (void *data, int *program, struct error *err);

#endif
