#include "print.h"

#include <langinfo.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../oci/cleanup.h"

/* The code point at s and its length in bytes; length 1 and -1 for a byte that is not UTF-8.  */
static int32_t
utf8_decode (const unsigned char *s, size_t *len)
{
    static const int32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = s[0] < 0x80 ? 1 : s[0] >> 5 == 0x6 ? 2 : s[0] >> 4 == 0xe ? 3 : s[0] >> 3 == 0x1e ? 4 : 0;
    int32_t code = n < 2 ? s[0] : s[0] & (0xff >> (n + 1));

    *len = 1;
    if (n == 0)
        return -1;
    for (size_t i = 1; i < n; i++) {
        if (s[i] >> 6 != 0x2)
            return -1;
        code = code << 6 | (s[i] & 0x3f);
    }
    if (code < least[n] || code > 0x10ffff)
        return -1;
    *len = n;
    return code;
}

static bool
is_printable (int32_t code)
{
    return code >= 0x20 && !(code >= 0x7f && code < 0xa0) && code != 0x200e && code != 0x200f
           && !(code >= 0x2028 && code <= 0x202e) && !(code >= 0x2066 && code <= 0x2069);
}

char *
text_safe (const char *text)
{
    const unsigned char *s = (const unsigned char *) text;
    /* Six letters for a byte is the longest that an escape gets.  */
    char *safe = malloc (strlen (text) * 6 + 1), *out = safe;

    if (!safe)
        return NULL;
    while (*s != '\0') {
        size_t len;
        int32_t code = utf8_decode (s, &len);

        if (is_printable (code)) {
            memcpy (out, s, len);
            out += len;
        } else {
            out += sprintf (out, "\\u%04x", (unsigned) (code < 0 ? *s : code));
        }
        s += len;
    }
    *out = '\0';
    return safe;
}

static char *format_safe (const char *format, va_list args) __attribute__ ((format (printf, 1, 0)));

/* NULL where there is no memory.  */
static char *
format_safe (const char *format, va_list args)
{
    _cleanup_free_ char *text = NULL;

    if (vasprintf (&text, format, args) < 0)
        text = NULL;
    return text ? text_safe (text) : NULL;
}

void
print_line (FILE *out, const char *format, ...)
{
    _cleanup_free_ char *safe = NULL;
    va_list args;

    va_start (args, format);
    safe = format_safe (format, args);
    va_end (args);
    (void) fprintf (out, "%s\n", safe ? safe : "(out of memory)");
}

bool
print_on_screen (FILE *out)
{
    const char *term = getenv ("TERM");

    return isatty (fileno (out)) && term && *term && strcmp (term, "dumb") != 0;
}

bool
print_in_color (FILE *out)
{
    const char *none = getenv ("NO_COLOR");

    return print_on_screen (out) && (!none || !*none);
}

bool
print_in_utf8 (void)
{
    return strcmp (nl_langinfo (CODESET), "UTF-8") == 0;
}

struct libscols_table *
table_create (FILE *out, const char *const *titles)
{
    struct libscols_table *table = scols_new_table ();

    if (!table)
        return NULL;
    (void) scols_table_set_stream (table, out);
    for (; *titles; titles++) {
        if (!scols_table_new_column (table, *titles, 0, 0)) {
            scols_unref_table (table);
            return NULL;
        }
    }
    return table;
}

struct libscols_line *
table_row (struct libscols_table *table)
{
    return table ? scols_table_new_line (table, NULL) : NULL;
}

void
table_cell (struct libscols_line *row, size_t column, const char *format, ...)
{
    _cleanup_free_ char *safe = NULL;
    va_list args;

    va_start (args, format);
    safe = format_safe (format, args);
    va_end (args);
    if (row && safe)
        (void) scols_line_set_data (row, column, safe);
}

void
table_print (struct libscols_table *table)
{
    if (!table)
        return;
    (void) scols_print_table (table);
    scols_unref_table (table);
}
