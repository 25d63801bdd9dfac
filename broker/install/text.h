/* The text of a file, or that there is none.  */
#ifndef DRI_TEXT_H
#define DRI_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "../../oci/error.h"

struct text {
    char *data; /* NUL-terminated, which len does not count; NULL: there is no file */
    size_t len;
};

void text_finish (struct text *text);
bool text_same (const struct text *a, const struct text *b);

#define _cleanup_text_ __attribute__ ((cleanup (text_finish)))

/* The copy is the caller's. Errors: memory.  */
int text_copy (const struct text *from, struct text *to, struct error *err);

/* What `patch -p0` and `git apply -p0` take from before to after, with three lines around each change; "" for
 * the same text. The caller's to free; NULL where memory is short. A text without data is a file that is not
 * there (/dev/null).  */
char *text_diff (const struct text *before, const struct text *after, const char *path);

#endif
