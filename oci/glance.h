/* The quick answer for most containers: nobody said a word to us.
 *
 * Parsing config.json and Docker's record takes longer than everything else that dri-runtime does for a
 * container that did not opt in; looking whether our names stand in their text takes no time. Only a "no" is
 * final: whoever gets a "maybe" has to read the documents.  */
#ifndef DRI_GLANCE_H
#define DRI_GLANCE_H

#include <stdbool.h>
#include <stddef.h>

/* Could this JSON text have a key of ours?  */
bool glance_names_us (const char *text, size_t len);

/* text: config.json. True where neither it nor the container's record at Docker names us. A container that
 * may be Docker's, but whose record is not where the text says, is a maybe.  */
bool glance_is_silent (const char *text, size_t len, const char *id);

#endif
