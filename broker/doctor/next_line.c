#include "next_line.h"

#include <stddef.h>
#include <string.h>

#define ALNUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static bool
is_of (const char *text, const char *characters)
{
    return *text && *text != '-' && text[strspn (text, characters)] == '\0';
}

bool
next_line_is_plain (const char *text)
{
    return is_of (text, ALNUM "_./:+@,-");
}

/* Where a shell stands after so much of the format.  */
struct place {
    char quote; /* ', " or none */
    bool comment;
};

static const char *
step (struct place *place, const char *at, const char *begin)
{
    if (place->comment)
        return at + 1;
    if (*at == '\\' && place->quote != '\'' && at[1] && at[1] != '%')
        return at + 2;
    if (place->quote == *at)
        place->quote = '\0';
    else if (!place->quote && (*at == '\'' || *at == '"'))
        place->quote = *at;
    else if (!place->quote && *at == '#' && (at == begin || at[-1] == ' '))
        place->comment = true;
    return at + 1;
}

/* Takes a number off: of some width, long or not. False: it is none.  */
static bool
skip_number (const char **at, va_list *args)
{
    const char *p = *at + strspn (*at, "0123456789");
    bool is_long = *p == 'l';

    p += is_long;
    if (!*p || !strchr ("udx", *p))
        return false;
    *at = p + 1;
    (void) (is_long ? va_arg (*args, unsigned long) : va_arg (*args, unsigned));
    return true;
}

/* The conversion after a "%".  */
static bool
take_argument (const struct place *place, const char **at, va_list *args)
{
    const char *text;

    if (**at == '%') {
        (*at)++;
        return true;
    }
    if (**at != 's')
        return skip_number (at, args);
    (*at)++;
    text = va_arg (*args, const char *);
    return text && (place->quote ? is_of (text, ALNUM " _.:+@,=%;-") : next_line_is_plain (text));
}

bool
next_line_is_safe (const char *format, va_list args)
{
    struct place place = {0};
    const char *at = format;
    bool safe = true;
    va_list own;

    va_copy (own, args);
    while (*at && safe) {
        if (*at == '%') {
            at++;
            safe = take_argument (&place, &at, &own);
        } else {
            at = step (&place, at, format);
        }
    }
    va_end (own);
    return safe && !place.quote;
}
