/* One service of a compose file, as doctor looks at it: shared by the files doctor_compose*.c.  */
#ifndef DRI_DOCTOR_COMPOSE_SERVICE_H
#define DRI_DOCTOR_COMPOSE_SERVICE_H

#include "compose_file.h"
#include "compose_labels.h"
#include "doctor.h"

struct service {
    struct doctor *doctor;
    struct compose_file *file;
    struct compose_edits *edits;
    yaml_node_t *node;
    const char *name;
    bool by_default; /* dri is Docker's default runtime here */

    bool has_gpu;   /* by itself */
    bool has_other; /* what a privileged container may be for */
    bool has_video; /* a camera or a capture card */
    bool has_slip;  /* a label that dri-runtime refuses */
    bool card;      /* a primary node, by name */
    char gpu[64];   /* for dri.gpu; "" any */
    unsigned n_nodes;
    char taken[256]; /* what is taken out, for the finding */
    struct compose_labels labels;
};

/* Notes what the entries of this list, devices or volumes, tell about it.  */
void service_look_at_paths (struct service *service, const char *name);

/* Says that it takes the GPU by itself, and edits it so that it asks dri-broker, where that can be done.
 * runtime: there is none yet.  */
void service_propose (struct service *service, bool runtime);

/* Is it written in a way that cannot be edited, or for others too?  */
bool service_is_shared (struct service *service);

/* Adds the line runtime: dri, and the wanted labels as a mapping of their own.  */
void service_add_lines (struct service *service, bool runtime, bool labels);

/* Back to so many edits, none of which has failed.  */
void service_drop_edits (struct service *service, size_t before);

/* As YAML 1.1 has it; node may be NULL.  */
bool service_is_true (const yaml_node_t *node);

#endif
