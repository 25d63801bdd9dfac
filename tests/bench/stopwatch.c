/* Stands in for a program that another one starts, and notes how long it takes: runs SELF.real with its own
 * arguments and adds a line to SELF.log, the milliseconds and the first argument.  */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stats.h"

extern char **environ;

static void
note (const char *self, double ms, const char *verb)
{
    char path[PATH_MAX + 8], line[64];
    int fd, len;

    (void) snprintf (path, sizeof path, "%s.log", self);
    fd = open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    len = snprintf (line, sizeof line, "%.3f %.20s\n", ms, verb);
    if (fd < 0 || write (fd, line, (size_t) len) != len)
        perror (path);
}

int
main (int argc, char **argv)
{
    char self[PATH_MAX], real[PATH_MAX + 8];
    ssize_t n = readlink ("/proc/self/exe", self, sizeof self - 1);
    double before;
    int status;
    pid_t pid;

    if (argc < 1 || n < 0)
        return 127;
    self[n] = '\0';
    (void) snprintf (real, sizeof real, "%s.real", self);
    argv[0] = real;
    before = now_us ();
    errno = posix_spawn (&pid, real, NULL, NULL, argv, environ);
    if (errno != 0 || waitpid (pid, &status, 0) != pid) {
        perror (real);
        return 127;
    }
    note (self, (now_us () - before) / 1e3, argc > 1 ? argv[1] : "");
    return WIFEXITED (status) ? WEXITSTATUS (status) : 128;
}
