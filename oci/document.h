/* JSON that comes out as it went in, apart from what was edited.
 *
 * jansson keeps the order and unknown fields of a document, but its integers are signed 64-bit and its reals
 * are doubles: 18446744073709551615 (an unlimited rlimit in Docker's config.json), 1.10 or 1e400 would be
 * refused or change. On load, each number that jansson cannot give back to the letter becomes a string that
 * starts with a random tag; on dump it becomes the number again. All other numbers stay JSON numbers, so
 * code that reads ids and sizes needs to know nothing of this.  */
#ifndef DRI_DOCUMENT_H
#define DRI_DOCUMENT_H

#include <jansson.h>
#include <stddef.h>

#include "error.h"

struct document {
    json_t *root; /* owned by the document; edited in place */
    char tag[20]; /* 64 random bits, so that no text can contain it on purpose */
    const char *text;
};

/* Errors name line and column. text need not be NUL-terminated. A root that is not an object is an error.  */
int document_load (struct document *doc, const char *text, size_t len, struct error *err);

/* Most of a config.json is none of our business, and parsing it would cost more than all else of a start. Of
 * the members that are arrays or objects, at any depth, this reads only those in names (ends with NULL); the
 * others come out to the letter, and are strings for who looks at them. What is wrong inside of them is for
 * the next reader to find. text has to live until the last document_dump.  */
int document_load_members (struct document *doc, const char *text, size_t len, const char *const *names,
                           struct error *err);

/* flags as for json_dumpb. The text is the caller's to free; it is not NUL-terminated.  */
int document_dump (const struct document *doc, size_t flags, char **text, size_t *len, struct error *err);

void document_finish (struct document *doc);

#endif
