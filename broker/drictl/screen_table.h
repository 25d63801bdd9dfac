/* The tables of drictl top: leases, who has none, and who waits; see screen.h.  */
#ifndef DRI_SCREEN_TABLE_H
#define DRI_SCREEN_TABLE_H

#include "pen.h"
#include "screen.h"

void table_draw (struct pen *pen, const struct screen *screen, const json_t *status);

#endif
