#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The length of the UTF-8 character at s by RFC 3629, 0 where there is none.  */
static size_t
character_length (const unsigned char *s)
{
    static const struct {
        unsigned char first, last, second_from, second_to;
        size_t length;
    } forms[] = {
        {0x20, 0x7e, 0, 0, 1},       {0xc2, 0xc2, 0xa0, 0xbf, 2}, {0xc3, 0xdf, 0x80, 0xbf, 2},
        {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3},
        {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
        {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        size_t n = 2;

        if (s[0] < forms[i].first || s[0] > forms[i].last)
            continue;
        if (forms[i].length == 1)
            return 1;
        if (s[1] < forms[i].second_from || s[1] > forms[i].second_to)
            return 0;
        while (n < forms[i].length && s[n] >= 0x80 && s[n] <= 0xbf)
            n++;
        return n == forms[i].length ? n : 0;
    }
    return 0;
}

void
text_clean (char *text)
{
    while (*text) {
        size_t n = character_length ((const unsigned char *) text);

        if (n == 0)
            *text = '?';
        text += n == 0 ? 1 : n;
    }
}

void
error_set_ (struct error *err, int status, const char *format, ...)
{
    va_list args;

    err->status = status;
    va_start (args, format);
    (void) vsnprintf (err->message, sizeof err->message, format, args);
    va_end (args);
    if (status != 0) {
        size_t len = strlen (err->message);

        (void) snprintf (err->message + len, sizeof err->message - len, ": %s", strerror (status));
    }
    text_clean (err->message);
}

void
error_wrap_ (struct error *err, const char *format, ...)
{
    char cause[sizeof err->message];
    va_list args;
    size_t len;

    memcpy (cause, err->message, sizeof cause);
    va_start (args, format);
    (void) vsnprintf (err->message, sizeof err->message, format, args);
    va_end (args);
    len = strlen (err->message);
    /* A cut at the end is the contract: better a shortened message than none.  */
    (void) snprintf (err->message + len, sizeof err->message - len, ": %.*s",
                     (int) (sizeof err->message - len - 3), cause);
    text_clean (err->message);
}
