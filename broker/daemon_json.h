/* The edit of Docker's daemon.json, text in and text out: no file is touched here.
 *
 * Unknown keys, their order, numbers to the letter, and the indentation stay. An edit that has nothing to do
 * gives the text back byte for byte.  */
#ifndef DRI_DAEMON_JSON_H
#define DRI_DAEMON_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "../oci/error.h"

struct text {
    char *data; /* NULL: there is no file */
    size_t len;
};

void text_finish (struct text *text);
bool text_same (const struct text *a, const struct text *b);

#define _cleanup_text_ __attribute__ ((cleanup (text_finish)))

/* Adds the runtime "dri", and makes it Docker's default where that is asked for; a default that is there
 * stays where it is not. Errors: invalid JSON, with line and column; the same key twice (Docker merges the
 * two, we would lose one); "runtimes" that is not an object. *after is the caller's.  */
int daemon_json_add (const struct text *now, const char *runtime, bool default_runtime, struct text *after,
                     struct error *err);

/* Takes it out. original is the text from before the edit, NULL where it is not known; it tells what stood in
 * the places that the edit took. Gives the very bytes of original (or no text) where the edit is the only
 * difference.  */
int daemon_json_remove (const struct text *now, const struct text *original, struct text *after,
                        struct error *err);

/* Is it a text that daemon_json_add would take?  */
int daemon_json_check (const struct text *text, struct error *err);

/* The two values that the edit is about, as JSON, "" where they are absent. Each is the caller's to free.  */
int daemon_json_values (const struct text *text, char **runtime, char **default_runtime, struct error *err);

#endif
