#include "progress.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../oci/cleanup.h"
#include "../../oci/clock.h"

enum { PATIENCE_MS = 1000 };

static void
write_line (const char *command, const char *what)
{
    (void) fprintf (stderr, "\r%s: %s ...\033[K", command, what);
    (void) fflush (stderr);
}

/* Ends with the other end of the pipe.  */
static void
follow (int fd, const char *command)
{
    const int64_t start = clock_ms ();
    char what[128] = "";
    bool shown = false;

    for (;;) {
        struct pollfd pfd = {.fd = fd, .events = POLLIN};
        int64_t left = start + PATIENCE_MS - clock_ms ();
        int n = poll (&pfd, 1, shown ? -1 : left > 0 ? (int) left : 0);

        if (n < 0 && errno != EINTR)
            break;
        if (n > 0) {
            ssize_t len = read (fd, what, sizeof what - 1);

            if (len <= 0)
                break;
            what[len] = '\0';
        }
        if (clock_ms () - start >= PATIENCE_MS) {
            write_line (command, what);
            shown = true;
        }
    }
    if (shown)
        (void) fputs ("\r\033[K", stderr);
    (void) fflush (stderr);
}

void
progress_start (struct progress *progress, const char *command)
{
    int ends[2];

    *progress = (struct progress){.fd = -1};
    if (!isatty (STDERR_FILENO) || socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return;
    (void) fflush (NULL);
    progress->pid = fork ();
    if (progress->pid == 0) {
        (void) prctl (PR_SET_PDEATHSIG, SIGKILL);
        (void) close (ends[1]);
        follow (ends[0], command);
        _exit (0);
    }
    (void) close (ends[0]);
    if (progress->pid < 0)
        (void) close (ends[1]);
    else
        progress->fd = ends[1];
}

void
progress_say (const struct progress *progress, const char *what)
{
    if (progress->fd >= 0)
        (void) send (progress->fd, what, strlen (what), MSG_NOSIGNAL);
}

void
progress_stop (struct progress *progress)
{
    if (progress->fd < 0)
        return;
    (void) close (progress->fd);
    progress->fd = -1;
    while (waitpid (progress->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}
