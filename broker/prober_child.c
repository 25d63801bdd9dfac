#include "prober_child.h"

#include <errno.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../oci/cleanup.h"
#include "../oci/program.h"
#include "child.h"
#include "gpu.h"

/* dri-probe ends by itself a second after that.  */
#define TIMEOUT "5"

/* What an administrator sets for the service to choose another libva driver.  */
static void
pick_environment (char *environment[3])
{
    static const char *const names[] = {"LIBVA_DRIVER_NAME=", "LIBVA_DRIVERS_PATH="};
    unsigned n = 0;

    for (char **variable = environ; *variable && n < countof (names); variable++)
        for (size_t i = 0; i < countof (names); i++)
            if (strncmp (*variable, names[i], strlen (names[i])) == 0 && n < countof (names))
                environment[n++] = *variable;
    environment[n] = NULL;
}

static void __attribute__ ((noreturn)) run_probe (const char *program, const char *node, int out)
{
    char *const arguments[] = {"dri-probe", "--device", (char *) node, "--timeout", TIMEOUT, NULL};
    char *environment[3];
    struct sigaction usual = {.sa_handler = SIG_DFL};
    const pid_t parent = getppid ();

    pick_environment (environment);
    for (int signo = 1; signo < NSIG; signo++)
        (void) sigaction (signo, &usual, NULL);
    if (prctl (PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid () == parent && dup2 (out, STDOUT_FILENO) >= 0
        && close_range (STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
        (void) execve (program, arguments, environment);
    (void) dprintf (out,
                    "{\"ok\":false,\"reason\":\"not-started\",\"message\":\"%s cannot be started: %s\"}\n",
                    program, strerror (errno));
    _exit (1);
}

/* The path of a node, and the pipe for the report.  */
static ssize_t
receive (int fd, char *path, size_t size, int *out)
{
    union {
        char room[CMSG_SPACE (sizeof (int))];
        struct cmsghdr align;
    } control;
    struct iovec io = {.iov_base = path, .iov_len = size - 1};
    struct msghdr message = {
        .msg_iov = &io, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg (fd, &message, MSG_CMSG_CLOEXEC);
    const struct cmsghdr *header = n > 0 ? CMSG_FIRSTHDR (&message) : NULL;

    *out = -1;
    path[n > 0 ? n : 0] = '\0';
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS
        && header->cmsg_len == CMSG_LEN (sizeof *out))
        memcpy (out, CMSG_DATA (header), sizeof *out);
    return n;
}

static void
serve (int fd, void *data)
{
    const char *program = data;
    char path[GPU_PATH_MAX];
    int out;

    /* Ended probes are nobody's to wait for.  */
    (void) signal (SIGCHLD, SIG_IGN);
    while (receive (fd, path, sizeof path, &out) > 0) {
        if (out < 0)
            continue;
        if (fork () == 0)
            run_probe (program, path, out);
        (void) close (out);
    }
}

int
prober_child_start (struct error *err)
{
    static const cap_value_t caps[] = {CAP_SETUID, CAP_SETGID};
    static char program[PATH_MAX];
    const struct child child = {
        .name = PROBER_NAME, .caps = caps, .n_caps = countof (caps), .serve = serve, .data = program};
    struct error ignored;

    (void) program_beside ("dri-probe", program, sizeof program, &ignored);
    return child_start (&child, err);
}

int
prober_child_ask (int child, const char *path, int out)
{
    union {
        char room[CMSG_SPACE (sizeof (int))];
        struct cmsghdr align;
    } control = {.room = ""};
    struct iovec io = {.iov_base = (char *) path, .iov_len = strlen (path)};
    struct msghdr message = {
        .msg_iov = &io, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR (&message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN (sizeof out);
    memcpy (CMSG_DATA (header), &out, sizeof out);
    return sendmsg (child, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -1 : 0;
}
