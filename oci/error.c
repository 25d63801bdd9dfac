#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
}
