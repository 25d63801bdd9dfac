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
 * refused. Returns -1, so that a caller can return the call.  */
int error_set (struct error *err, int status, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

/* Puts context before the message that err already holds. Returns -1.  */
int error_wrap (struct error *err, const char *format, ...) __attribute__ ((format (printf, 2, 3)));

#endif
