#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "../oci/cleanup.h"
#include "../oci/file.h"

enum { JOURNAL_BYTES_MAX = 64 << 20, JOURNAL_SLACK = 1 << 20 };

int
journal_read (const char *path, void (*record) (void *userdata, json_t *record), void *userdata,
              unsigned *skipped, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    char *line, *newline;
    size_t len;

    *skipped = 0;
    if (file_read (path, JOURNAL_BYTES_MAX, &text, &len, err) < 0) {
        if (err->status != ENOENT)
            return -1;
        *err = (struct error){0};
        return 0;
    }
    for (line = text;; line = newline + 1) {
        json_t *json;

        newline = memchr (line, '\n', len - (size_t) (line - text));
        if (!newline)
            return 0;
        json = json_loadb (line, (size_t) (newline - line), 0, NULL);
        if (json_is_object (json))
            record (userdata, json);
        else
            (*skipped)++;
        json_decref (json);
    }
}

void
journal_text (char *out, size_t size, const json_t *record, const char *member)
{
    const char *text = json_string_value (json_object_get (record, member));

    (void) snprintf (out, size, "%s", text ? text : "");
}

static int
append_line (struct journal *journal, const char *text, size_t len, struct error *err)
{
    if (write_all (journal->fd, text, len) < 0) {
        error_set (err, errno, "journal %s", journal->path);
        if (ftruncate (journal->fd, (off_t) journal->bytes) < 0)
            error_wrap (err, "and cannot be mended");
        return -1;
    }
    journal->bytes += len;
    return 0;
}

int
journal_append (struct journal *journal, json_t *record, struct error *err)
{
    _cleanup_free_ char *text = json_dumps (record, JSON_COMPACT);
    size_t len;

    json_decref (record);
    if (!text)
        return error_set (err, ENOMEM, "journal");
    /* The newline takes the place of the NUL: the record is one write.  */
    len = strlen (text);
    text[len++] = '\n';
    return append_line (journal, text, len, err);
}

int
journal_append_text (struct journal *journal, struct writer record, struct error *err)
{
    int r;

    writer_words (&record, "\n");
    r = record.text ? append_line (journal, record.text, record.len, err)
                    : error_set (err, ENOMEM, "journal");
    free (record.text);
    return r;
}

int
journal_start (struct journal *journal, const char *path,
               int (*write) (void *userdata, struct journal *journal, struct error *err), void *userdata,
               struct error *err)
{
    char temporary[sizeof journal->path + 8];
    struct journal fresh = {0};
    int r;

    if (snprintf (fresh.path, sizeof fresh.path, "%s", path) >= (int) sizeof fresh.path)
        return error_set (err, ENAMETOOLONG, "journal %s", path);
    (void) snprintf (temporary, sizeof temporary, "%s.new", fresh.path);
    fresh.fd = open (temporary, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fresh.fd < 0)
        return error_set (err, errno, "journal %s", temporary);
    r = write (userdata, &fresh, err);
    if (r == 0 && rename (temporary, path) < 0)
        r = error_set (err, errno, "journal %s", path);
    if (r < 0) {
        journal_close (&fresh);
        (void) unlink (temporary);
        return -1;
    }
    journal_close (journal);
    fresh.needed = fresh.bytes;
    *journal = fresh;
    return 0;
}

bool
journal_is_long (const struct journal *journal)
{
    return journal->bytes > 2 * journal->needed + JOURNAL_SLACK;
}

void
journal_close (struct journal *journal)
{
    if (journal->fd >= 0)
        (void) close (journal->fd);
    journal->fd = -1;
}
