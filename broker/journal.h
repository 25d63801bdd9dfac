/* What a broker that died was holding: one JSON object a line, appended before the thing is done or answered.
 *
 * It lives on a tmpfs beside the socket and is gone at reboot, as every lease is. A last line without its
 * newline was cut by a crash and does not count; any other line that is no JSON is passed over.  */
#ifndef DRI_JOURNAL_H
#define DRI_JOURNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "../oci/error.h"
#include "../oci/writer.h"

struct journal {
    int fd; /* owned; -1: not open */
    char path[160];
    size_t bytes;
    size_t needed; /* bytes when it was last started anew */
};

/* Reads every record of the file, oldest first. No file: no record. *skipped counts lines that are none.  */
int journal_read (const char *path, void (*record) (void *userdata, json_t *record), void *userdata,
                  unsigned *skipped, struct error *err);

/* Starts the file anew with the records that write() appends: by rename, so that a crash leaves either the
 * old journal or the new. The journal is open for appending afterwards.  */
int journal_start (struct journal *journal, const char *path,
                   int (*write) (void *userdata, struct journal *journal, struct error *err), void *userdata,
                   struct error *err);

/* A text of a record, copied; cut where it is too long, "" where there is none.  */
void journal_text (char *out, size_t size, const json_t *record, const char *member);

/* Appends one record, which is stolen. On failure the file is as before.  */
int journal_append (struct journal *journal, json_t *record, struct error *err);
/* The same for one that is text already: a JSON object on one line, without its newline.  */
int journal_append_text (struct journal *journal, struct writer record, struct error *err);

/* Far more than it needs to be: time to start it anew. Relative to what it needed, or a long one would be
 * started anew at every record.  */
bool journal_is_long (const struct journal *journal);

void journal_close (struct journal *journal);

#endif
