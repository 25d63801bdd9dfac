/* What somebody meant who wrote a word that there is not. Pure.  */
#ifndef DRI_NEAREST_H
#define DRI_NEAREST_H

#include <stddef.h>

/* Advice in place of a text that is none of the names (NULL at the end): "did you mean "shared"?", the
 * nearest, or where none is near, "valid are …", all. quote stands around each.  */
void nearest_advise (const char *text, const char *const *names, const char *quote, char *out, size_t size);

#endif
