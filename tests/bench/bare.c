/* The least that can be put around the start of an opted-in container, to be measured against: a program in
 * front of the runtime and one as its hook, static both, that do each thing that has to be done in the barest
 * way, and decide nothing.
 *
 * bare wrap SOCKET RUNTIME ARGUMENT…: one round trip, and the runtime as a child.
 * bare hook SOCKET NODE: the state from stdin; a child in the mount namespace of its pid opens NODE; one
 * round trip. bare serve SOCKET: answers each message with itself, a connection each.  */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ACQUIRE_BYTES = 373, ACTIVATE_BYTES = 204 };

extern char **environ;

static void __attribute__ ((noreturn)) die (const char *what)
{
    perror (what);
    _exit (127);
}

static int
make_socket (const char *path, struct sockaddr_un *address)
{
    int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    (void) snprintf (address->sun_path, sizeof address->sun_path, "%s", path);
    if (fd < 0)
        die ("socket");
    return fd;
}

static void
round_trip (const char *path, size_t bytes)
{
    static char message[4096];
    struct sockaddr_un address;
    int fd = make_socket (path, &address);

    if (connect (fd, (const struct sockaddr *) &address, sizeof address) < 0
        || write (fd, message, bytes) != (ssize_t) bytes || read (fd, message, sizeof message) <= 0)
        die (path);
    (void) close (fd);
}

static int
serve (const char *path)
{
    static char message[4096];
    struct sockaddr_un address;
    int fd = make_socket (path, &address);

    (void) prctl (PR_SET_PDEATHSIG, SIGKILL);
    if (bind (fd, (const struct sockaddr *) &address, sizeof address) < 0 || listen (fd, 64) < 0)
        die (path);
    for (;;) {
        int client = accept4 (fd, NULL, NULL, SOCK_CLOEXEC);
        ssize_t n = read (client, message, sizeof message);

        if (n > 0 && write (client, message, (size_t) n) != n)
            die ("write");
        (void) close (client);
    }
}

static int
wrap (const char *socket, char **argv)
{
    int status;
    pid_t pid;

    round_trip (socket, ACQUIRE_BYTES);
    errno = posix_spawn (&pid, argv[0], NULL, NULL, argv, environ);
    if (errno != 0 || waitpid (pid, &status, 0) != pid)
        die (argv[0]);
    return WIFEXITED (status) ? WEXITSTATUS (status) : 128;
}

static pid_t
read_pid (void)
{
    static char state[4096];
    size_t len = 0;
    const char *pid;

    for (ssize_t n = 1; n > 0 && len < sizeof state - 1; len += (size_t) n) {
        n = read (STDIN_FILENO, state + len, sizeof state - 1 - len);
        if (n < 0)
            die ("state");
    }
    pid = strstr (state, "\"pid\":");
    return pid ? (pid_t) strtol (pid + strlen ("\"pid\":"), NULL, 10) : 0;
}

static int
judge (pid_t container, const char *node)
{
    int process = pidfd_open (container, 0), fd;

    if (process < 0 || setns (process, CLONE_NEWNS) < 0)
        return 1;
    fd = open (node, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return fd < 0 ? 1 : 0;
}

static int
hook (const char *socket, const char *node)
{
    pid_t container = read_pid (), child = fork ();
    int status;

    if (child == 0)
        _exit (judge (container, node));
    if (child < 0 || waitpid (child, &status, 0) != child || status != 0)
        die (node);
    round_trip (socket, ACTIVATE_BYTES);
    return 0;
}

int
main (int argc, char **argv)
{
    if (argc == 3 && strcmp (argv[1], "serve") == 0)
        return serve (argv[2]);
    if (argc > 3 && strcmp (argv[1], "wrap") == 0)
        return wrap (argv[2], argv + 3);
    if (argc == 4 && strcmp (argv[1], "hook") == 0)
        return hook (argv[2], argv[3]);
    return 2;
}
