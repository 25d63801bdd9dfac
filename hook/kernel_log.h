/* What the kernel has said about a GPU: its hangs, and firmware that did not load.  */
#ifndef DRI_KERNEL_LOG_H
#define DRI_KERNEL_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum { KERNEL_LINE_MAX = 200 };

/* A record as /dev/kmsg gives it (Documentation/ABI/testing/dev-kmsg): "PRIORITY,SEQUENCE,USEC,FLAGS;TEXT"
 * and lines " KEY=VALUE". Is it the kernel's own, about that device ("0000:00:02.0"), and of what keeps a GPU
 * from working? Then line gets its text, printable. Pure.  */
bool kernel_log_take (const char *record, size_t len, const char *device, char line[KERNEL_LINE_MAX]);

/* The last such record that fd gives one a read, without waiting for more; line is as it was where there is
 * none.  */
bool kernel_log_last (int fd, const char *device, char line[KERNEL_LINE_MAX]);

/* Of /dev/kmsg, where it may be read.  */
bool kernel_log_find (const char *device, char line[KERNEL_LINE_MAX]);

#endif
