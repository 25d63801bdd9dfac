/* Files of ours among those of engines: written whole or not at all, since half of one would keep containers
 * from starting.  */
#ifndef DRI_PLACE_H
#define DRI_PLACE_H

#include <stdbool.h>

#include "../oci/error.h"

/* By rename from PATH.new, which no engine reads; makes the folders above it. Mode 0644.  */
int place_file (const char *path, const char *text, struct error *err);

/* Is exactly this text there?  */
bool place_holds (const char *path, const char *text);

#endif
