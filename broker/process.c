#include "process.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>

#include "../oci/cleanup.h"

uint64_t
process_start_time (pid_t pid)
{
    char path[40], text[1024], state;
    _cleanup_close_ int fd = -1;
    const char *after_name;
    uint64_t start;
    ssize_t n;

    (void) snprintf (path, sizeof path, "/proc/%d/stat", (int) pid);
    fd = open (path, O_RDONLY | O_CLOEXEC);
    n = fd >= 0 ? read (fd, text, sizeof text - 1) : -1;
    if (n <= 0)
        return 0;
    text[n] = '\0';
    /* The name may hold anything, parentheses too: field 3 follows the last one.  */
    after_name = strrchr (text, ')');
    if (!after_name
        || sscanf (after_name + 1,
                   " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNu64,
                   &state, &start)
               != 2
        || state == 'Z' || state == 'X')
        return 0;
    return start;
}

int
process_hold (pid_t pid, uint64_t *start)
{
    _cleanup_close_ int fd = pidfd_open (pid, 0);
    uint64_t now = fd >= 0 ? process_start_time (pid) : 0;

    /* The time is read after the pidfd is held: if it is right, the pidfd is this process.  */
    if (now == 0 || (*start != 0 && now != *start))
        return -1;
    *start = now;
    return steal_fd (&fd);
}
