/* JSON text, written member by member: for the few objects that are written for every lease, where a tree of
 * values would cost more than all else of the request. Everything else is jansson's.  */
#ifndef DRI_WRITER_H
#define DRI_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct writer {
    char *text; /* owned; NULL before the first word */
    size_t len, room;
    bool failed; /* out of memory: there is no text */
};

/* As it stands: punctuation, names of members, JSON that was checked before.  */
void writer_raw (struct writer *w, const char *text, size_t len);
#define writer_words(w, literal) writer_raw (w, "" literal, sizeof (literal) - 1)

/* A string in its quotes, whatever is in it; null where it is no UTF-8.  */
void writer_string (struct writer *w, const char *text);
void writer_number (struct writer *w, int64_t number);
void writer_bool (struct writer *w, bool value);

#endif
