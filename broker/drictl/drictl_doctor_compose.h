/* drictl doctor COMPOSE-FILE, told to a person.  */
#ifndef DRI_DRICTL_DOCTOR_COMPOSE_H
#define DRI_DRICTL_DOCTOR_COMPOSE_H

#include <stdbool.h>

/* Prints the findings and the patch, nothing else of root than Docker's configuration being looked at. The
 * exit code.  */
int examine_compose_file (const char *path, const char *root, bool json);

#endif
