/* drictl doctor COMPOSE-FILE: what its services take of a GPU past dri-broker, and what they tell dri-broker
 * wrongly; with a patch that puts it right.  */
#ifndef DRI_DOCTOR_COMPOSE_H
#define DRI_DOCTOR_COMPOSE_H

#include "doctor.h"
#include "../install/text.h"

/* Adds findings on the file; path is how the user named it. *after, the caller's, is the text with all that
 * can be changed, the same as before where there is nothing. Errors: no compose file.  */
int doctor_compose (struct doctor *doctor, const char *path, const struct text *before, struct text *after,
                    struct error *err);

#endif
