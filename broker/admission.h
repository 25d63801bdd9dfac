/* The policy put to orders: when they come in, and when it changes while they wait.  */
#ifndef DRI_ADMISSION_H
#define DRI_ADMISSION_H

#include "leasing.h"

/* What counts of the request from here on. Errors: refused, in words for the owner of the container.  */
int admission_judge (const struct leasing *l, struct order *order, struct error *err);

/* The policy has changed: those who wait for a GPU, or run without one, are judged anew by what they once
 * asked for. Who waits and may not have it any more is told so. Leases with a GPU are not of its concern.  */
void admission_judge_again (struct leasing *l);

#endif
