/* The second half of the readiness gate: does VA-API work in the container, for its workload? dri-probe asks,
 * in the container's namespaces, by the container's own loader, libva and drivers, in its box (confine.h).
 * Where it does not run there, the image's own vainfo is asked, and then the libva of this machine; the
 * verdict says which.  */
#ifndef DRI_GATE_VAAPI_H
#define DRI_GATE_VAAPI_H

#include <jansson.h>

#include "gate.h"

/* Is there something to ask? auto: where the image has libva.  */
bool gate_wants_vaapi (const struct gate *gate, const struct gate_found *found);

/* verdict is that of the first half, and is replaced. A driver that is on its way is asked again until the
 * deadline. Comes to an end some seconds after it. *report gets what dri-probe(8) said last, or NULL; the
 * reference is the caller's. report may be NULL.  */
void gate_vaapi_judge (const struct gate *gate, const struct gate_found *found, int64_t deadline,
                       struct verdict *verdict, json_t **report);

#endif
