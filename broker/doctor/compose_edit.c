/* Edits of a compose file's text, by whole lines.  */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "compose_file.h"

void
compose_edits_finish (struct compose_edits *edits)
{
    for (size_t i = 0; i < edits->n; i++)
        free (edits->list[i].text);
    edits->n = 0;
    edits->failed = false;
}

/* Takes the text.  */
static void
add (struct compose_edits *edits, size_t begin, size_t end, char *text)
{
    if (!text || edits->n == COMPOSE_EDITS_MAX) {
        free (text);
        edits->failed = true;
        return;
    }
    edits->list[edits->n++] = (struct compose_edit){begin, end, text};
}

static size_t
line_begin (const struct compose_file *file, size_t byte)
{
    while (byte > 0 && file->text[byte - 1] != '\n')
        byte--;
    return byte;
}

/* Behind its newline.  */
static size_t
line_end (const struct compose_file *file, size_t byte)
{
    const char *newline = memchr (file->text + byte, '\n', file->len - byte);

    return newline ? (size_t) (newline + 1 - file->text) : file->len;
}

/* White space and at most one dash.  */
static bool
is_indent (const struct compose_file *file, size_t begin, size_t end)
{
    unsigned dashes = 0;

    for (size_t i = begin; i < end; i++) {
        dashes += file->text[i] == '-';
        if (!strchr (" -", file->text[i]) || dashes > 1)
            return false;
    }
    return true;
}

static bool
is_rest_empty (const struct compose_file *file, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++) {
        if (file->text[i] == '#')
            return true;
        if (!strchr (" \t\r\n", file->text[i]))
            return false;
    }
    return true;
}

void
compose_remove_lines (const struct compose_file *file, struct compose_edits *edits, size_t begin, size_t end)
{
    size_t first = line_begin (file, begin), last = line_end (file, end);

    if (!is_indent (file, first, begin) || !is_rest_empty (file, end, last))
        edits->failed = true;
    else
        add (edits, first, last, strdup (""));
}

void
compose_add_line (const struct compose_file *file, struct compose_edits *edits, size_t byte, bool after,
                  const char *format, ...)
{
    size_t first = line_begin (file, byte), at = after ? line_end (file, byte) : first;
    const char *newline = at >= 2 && file->text[at - 2] == '\r' ? "\r\n" : "\n";
    /* The last line of the file may have no end.  */
    bool cut = at > 0 && file->text[at - 1] != '\n';
    _cleanup_free_ char *line = NULL;
    char *text = NULL;
    va_list args;
    int r;

    va_start (args, format);
    r = vasprintf (&line, format, args);
    va_end (args);
    if (r < 0)
        line = NULL;
    if (!line || !is_indent (file, first, byte)
        || asprintf (&text, "%s%.*s%s%s", cut ? newline : "", (int) (byte - first), file->text + first, line,
                     cut ? "" : newline)
               < 0)
        edits->failed = true;
    else
        add (edits, at, at, text);
}

void
compose_replace (struct compose_edits *edits, size_t begin, size_t end, const char *text)
{
    add (edits, begin, end, strdup (text));
}

static bool
comes_after (const struct compose_edit *a, const struct compose_edit *b)
{
    return a->begin > b->begin || (a->begin == b->begin && a->end > b->end);
}

/* At the same place, what is put in comes before what is taken away, and else in the order of the calls.  */
static void
sort (struct compose_edits *edits)
{
    for (size_t i = 1; i < edits->n; i++) {
        struct compose_edit edit = edits->list[i];
        size_t j = i;

        for (; j > 0 && comes_after (&edits->list[j - 1], &edit); j--)
            edits->list[j] = edits->list[j - 1];
        edits->list[j] = edit;
    }
}

int
compose_apply (const struct compose_file *file, struct compose_edits *edits, struct text *after,
               struct error *err)
{
    size_t at = 0, len;
    char *data = NULL;
    bool overlap = false;
    FILE *out;

    if (edits->failed)
        return error_set (err, 0, "it is laid out in a way that drictl does not edit");
    sort (edits);
    out = open_memstream (&data, &len);
    if (!out)
        return error_set (err, ENOMEM, "compose file");
    for (size_t i = 0; i < edits->n; i++) {
        const struct compose_edit *edit = &edits->list[i];

        overlap = overlap || edit->begin < at;
        if (edit->begin > at)
            (void) fwrite (file->text + at, 1, edit->begin - at, out);
        (void) fputs (edit->text, out);
        at = edit->end > at ? edit->end : at;
    }
    (void) fwrite (file->text + at, 1, file->len - at, out);
    /* It may move the text.  */
    if (fclose (out) != 0 || overlap) {
        free (data);
        return error_set (err, 0, "two changes meet in one line");
    }
    *after = (struct text){data, len};
    return 0;
}
