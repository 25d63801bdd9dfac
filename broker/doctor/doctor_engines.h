/* What several checks of engines look at.  */
#ifndef DRI_DOCTOR_ENGINES_H
#define DRI_DOCTOR_ENGINES_H

#include "doctor_guest.h"

/* Docker's daemon.json, {} where there is none; NULL where it is no JSON. The reference is the caller's.  */
json_t *docker_configuration (const struct guest *guest);

/* Is "dri" the runtime of containers that name none?  */
bool docker_default_is_dri (const json_t *configuration);

#endif
