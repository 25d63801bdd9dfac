/* What went wrong, in the words the user will read.
 *
 * One struct per top-level operation, owned by the caller and passed as the last parameter. Functions that
 * can fail return -1 after error_set(); expected outcomes (busy, queued, not ready) are values, not errors.
 * Only the outermost layer prints or logs.  */
#ifndef DRI_ERROR_H
#define DRI_ERROR_H

struct error {
    int status; /* an errno value, or 0 where no system call is to blame */
    char message[1024];
};

/* Sets the message, followed by strerror(status) where status is not 0. An overlong message is cut, never
 * refused. Its value is -1, so that a caller can return the call, and compilers know what it returns.  */
#define error_set(err, ...) (error_set_ (err, __VA_ARGS__), error_value ())

/* Puts context before the message that err already holds. Its value is -1.  */
#define error_wrap(err, ...) (error_wrap_ (err, __VA_ARGS__), error_value ())

void error_set_ (struct error *err, int status, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));
void error_wrap_ (struct error *err, const char *format, ...) __attribute__ ((format (printf, 2, 3)));

/* Makes printable UTF-8 of a text in place, with "?" for control characters and what is none: a message cut
 * in the middle of a character, or one that quotes what somebody wrote, still has to go into JSON. Messages
 * set by error_set are clean.  */
void text_clean (char *text);

static inline int
error_value (void)
{
    return -1;
}

#endif
