/* Whole files in, whole files out. Paths here are the host's (bundle, configuration, engine records), never
 * paths inside a container's file system.  */
#ifndef DRI_FILE_H
#define DRI_FILE_H

#include <stddef.h>

#include "error.h"

/* Reads a regular file of at most max bytes. The result is NUL-terminated (the NUL is not counted in *len)
 * and the caller's to free. Errors: what open and read give; EFBIG above max; EINVAL for what is not a
 * regular file (a FIFO in its place must not hang us).  */
int file_read (const char *path, size_t max, char **text, size_t *len, struct error *err);

/* The same for a record that says who somebody is: EPERM where the file is neither root's nor ours, who can
 * as well be believed as this process.  */
int file_read_trusted (const char *path, size_t max, char **text, size_t *len, struct error *err);

/* Replaces an existing file by rename of a temporary one in the same folder, keeping mode and owner. A reader
 * sees the old text or the new, never a part.  */
int file_replace (const char *path, const char *text, size_t len, struct error *err);

/* Writes all of it, over short writes and EINTR. 0, or -1 with errno.  */
int write_all (int fd, const char *text, size_t len);

#endif
