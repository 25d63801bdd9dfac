/* The edit of Docker's daemon.json, text in and text out: no file is touched here.
 *
 * Unknown keys, their order, numbers to the letter, and the indentation stay. An edit that has nothing to do
 * gives the text back byte for byte.  */
#ifndef DRI_DAEMON_JSON_H
#define DRI_DAEMON_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "../../oci/error.h"
#include "text.h"

struct daemon_json_edit {
    const char *runtime;
    bool default_runtime;
    const json_t *resources; /* for Swarm (generic_resources.h); NULL: they stay as they are */
};

/* Adds the runtime "dri", and makes it Docker's default where that is asked for; a default that is there
 * stays where it is not. original as below. Errors: invalid JSON, with line and column; the same key twice
 * (Docker merges the two, we would lose one); "runtimes" that is not an object. *after is the caller's.  */
int daemon_json_add (const struct text *now, const struct text *original, const struct daemon_json_edit *edit,
                     struct text *after, struct error *err);

/* Takes it out. original is the text from before the edit, NULL where it is not known; it tells what stood in
 * the places that the edit took. Gives the very bytes of original (or no text) where the edit is the only
 * difference.  */
int daemon_json_remove (const struct text *now, const struct text *original, struct text *after,
                        struct error *err);

/* Is it a text that daemon_json_add would take?  */
int daemon_json_check (const struct text *text, struct error *err);

/* What the edit is about, as JSON, "" where it is absent. Each is the caller's to free.  */
struct daemon_json_values {
    char *runtime, *default_runtime, *resources;
};

int daemon_json_read (const struct text *text, struct daemon_json_values *values, struct error *err);
void daemon_json_values_finish (struct daemon_json_values *values);

#define _cleanup_values_ __attribute__ ((cleanup (daemon_json_values_finish)))

#endif
