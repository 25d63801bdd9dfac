/* What the edits of apply.h share. All in place, as they; what is returned is borrowed from the spec.  */
#ifndef DRI_APPLY_PARTS_H
#define DRI_APPLY_PARTS_H

#include "apply.h"

/* The member of parent, made where it is missing. NULL where it is there and of another type, or memory is
 * short.  */
json_t *apply_member (json_t *parent, const char *name, json_type type);
/* The error of that: -1.  */
int apply_malformed (const char *what, struct error *err);

/* The hooks of a grant, by which the gate and the end of the container come about; those that were ours
 * before give way.  */
int apply_set_hooks (json_t *spec, const struct grant *grant, const struct request *req,
                     const struct workload *w, const struct apply_hook *hook, struct error *err);
void apply_remove_hooks (json_t *spec);

#endif
