#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>

#include "../oci/cleanup.h"
#include "../oci/file.h"

enum { STATUS_BYTES_MAX = 64 << 10 };

char *
process_status (pid_t pid, struct error *err)
{
    char *text = NULL;
    char path[40];
    size_t len;

    (void) snprintf (path, sizeof path, "/proc/%d/status", (int) pid);
    return file_read (path, STATUS_BYTES_MAX, &text, &len, err) < 0 ? NULL : text;
}

/* Bits of the line of /proc/PID/status: of the process, and of its first thread.  */
static uint64_t
pending_signals (const char *status, const char *line)
{
    const char *at = strstr (status, line);

    return at ? strtoull (at + strlen (line), NULL, 16) : 0;
}

bool
process_is_asked_to_stop (pid_t pid)
{
    const uint64_t ends = UINT64_C (1) << (SIGTERM - 1) | UINT64_C (1) << (SIGKILL - 1)
                          | UINT64_C (1) << (SIGINT - 1) | UINT64_C (1) << (SIGQUIT - 1)
                          | UINT64_C (1) << (SIGHUP - 1) | UINT64_C (1) << (SIGRTMIN + 3 - 1);
    struct error ignored;
    _cleanup_free_ char *status = process_status (pid, &ignored);

    if (!status)
        return false;
    return ((pending_signals (status, "\nSigPnd:") | pending_signals (status, "\nShdPnd:")) & ends) != 0;
}

pid_t
process_parent (pid_t pid)
{
    static const char line[] = "\nPPid:";
    struct error ignored;
    _cleanup_free_ char *status = process_status (pid, &ignored);
    const char *at;

    if (!status)
        return 0;
    at = strstr (status, line);
    return at ? (pid_t) strtol (at + sizeof line - 1, NULL, 10) : 0;
}

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

int
process_open (pid_t pid, uint64_t start)
{
    int fd = start == 0 ? pidfd_open (pid, 0) : process_hold (pid, &start);

    if (fd < 0)
        errno = ESRCH;
    return fd;
}

void
process_boot_id (char id[BOOT_ID_MAX])
{
    _cleanup_free_ char *text = NULL;
    struct error ignored;
    size_t len;

    id[0] = '\0';
    if (file_read ("/proc/sys/kernel/random/boot_id", 4096, &text, &len, &ignored) == 0)
        (void) snprintf (id, BOOT_ID_MAX, "%.36s", text);
}
