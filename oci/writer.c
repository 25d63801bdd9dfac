#include "writer.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

void
writer_raw (struct writer *w, const char *text, size_t len)
{
    if (w->failed)
        return;
    if (!w->text || w->room - w->len < len) {
        size_t room = 2 * (w->len + len) + 512;
        char *bigger = realloc (w->text, room);

        if (!bigger) {
            free (w->text);
            *w = (struct writer){.failed = true};
            return;
        }
        w->text = bigger;
        w->room = room;
    }
    memcpy (w->text + w->len, text, len);
    w->len += len;
}

/* Needs no escape in JSON.  */
static bool
is_plain (const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] < ' ' || text[i] > '~' || text[i] == '"' || text[i] == '\\')
            return false;
    return true;
}

void
writer_string (struct writer *w, const char *text)
{
    size_t len = strlen (text);

    if (is_plain (text, len)) {
        writer_words (w, "\"");
        writer_raw (w, text, len);
        writer_words (w, "\"");
    } else {
        _cleanup_json_ json_t *string = json_string (text);
        _cleanup_free_ char *escaped = string ? json_dumps (string, JSON_ENCODE_ANY) : NULL;

        if (escaped)
            writer_raw (w, escaped, strlen (escaped));
        else
            writer_words (w, "null");
    }
}

void
writer_number (struct writer *w, int64_t number)
{
    uint64_t rest = number < 0 ? -(uint64_t) number : (uint64_t) number;
    char digits[20];
    size_t at = sizeof digits;

    do
        digits[--at] = (char) ('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (number < 0)
        writer_words (w, "-");
    writer_raw (w, digits + at, sizeof digits - at);
}

void
writer_bool (struct writer *w, bool value)
{
    if (value)
        writer_words (w, "true");
    else
        writer_words (w, "false");
}
