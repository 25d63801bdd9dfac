/* What there is now: the reply of the method Status. The figures are those of the meter's last look.  */
#ifndef DRI_OVERVIEW_H
#define DRI_OVERVIEW_H

#include <jansson.h>

#include "leasing.h"
#include "subject.h"

/* The reference is the caller's.  */
json_t *overview_to_json (struct leasing *l, const struct viewer *viewer);

#endif
