#include "pen.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "../../oci/cleanup.h"
#include "print.h"

/* SGR, of ECMA-48: what every terminal with colours knows.  */
static const char *const codes[] = {"", "1", "2", "32", "33", "31", "7"};

/* The columns that the character at s takes, and its bytes; 0 columns: it is not to be written.  */
static unsigned
measure (const struct pen *pen, const char *s, size_t *len)
{
    mbstate_t state = {0};
    wchar_t character;
    int width;

    *len = 1;
    if ((unsigned char) *s < 0x80)
        return 1;
    if (!pen->utf8)
        return (*s & 0xc0) == 0x80 ? 0 : 1; /* one "?" for the bytes of one */
    *len = mbrtowc (&character, s, strlen (s), &state);
    if (*len == (size_t) -1 || *len == (size_t) -2 || *len == 0) {
        *len = 1;
        return 1;
    }
    width = wcwidth (character);
    return width < 0 ? 1 : (unsigned) width;
}

static bool
can_show (const struct pen *pen, const char *s, size_t len)
{
    mbstate_t state = {0};
    wchar_t character;

    if ((unsigned char) *s < 0x80)
        return true;
    return pen->utf8 && mbrtowc (&character, s, len, &state) == len && wcwidth (character) >= 0;
}

void
pen_text (struct pen *pen, enum pen_style style, unsigned room, const char *text)
{
    _cleanup_free_ char *safe = text_safe (text);
    bool styled = pen->color && style != PEN_PLAIN;
    size_t len;

    if (!safe || pen->row >= pen->rows)
        return;
    if (room > pen->columns - pen->column)
        room = pen->columns - pen->column;
    if (styled)
        (void) fprintf (pen->out, "\033[%sm", codes[style]);
    for (const char *s = safe; *s; s += len) {
        unsigned width = measure (pen, s, &len);

        if (width > room)
            break;
        room -= width;
        pen->column += width;
        if (width > 0 && can_show (pen, s, len))
            (void) fwrite (s, 1, len, pen->out);
        else if (width > 0)
            (void) fputc ('?', pen->out);
    }
    if (styled)
        (void) fputs ("\033[0m", pen->out);
}

void
pen_write (struct pen *pen, enum pen_style style, const char *text)
{
    pen_text (pen, style, pen->columns, text);
}

void
pen_repeat (struct pen *pen, enum pen_style style, const char *sign, unsigned n)
{
    _cleanup_free_ char *text = calloc (n + 1, strlen (sign));
    char *end = text;

    for (unsigned i = 0; text && i < n; i++)
        end = stpcpy (end, sign);
    if (text && n > 0)
        pen_write (pen, style, text);
}

void
pen_move (struct pen *pen, unsigned column)
{
    if (pen->row >= pen->rows)
        return;
    for (; pen->column < column && pen->column < pen->columns; pen->column++)
        (void) fputc (' ', pen->out);
}

static unsigned
columns_of (const struct pen *pen, const char *text)
{
    unsigned columns = 0;
    size_t len;

    for (; *text; text += len)
        columns += measure (pen, text, &len);
    return columns;
}

void
pen_field (struct pen *pen, enum pen_style style, unsigned width, bool right, const char *text)
{
    unsigned start = pen->column, needed = columns_of (pen, text);

    if (right && needed < width)
        pen_move (pen, start + width - needed);
    pen_text (pen, style, width, text);
    pen_move (pen, start + width);
}

/* The last line has no end: a terminal would scroll.  */
void
pen_end_line (struct pen *pen)
{
    pen->column = 0;
    pen->row++;
    if (pen->row < pen->rows)
        (void) fputc ('\n', pen->out);
}
