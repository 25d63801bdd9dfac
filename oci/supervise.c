#include "supervise.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Socket activation names the process it is meant for (sd_listen_fds(3)): that is the runtime now.  */
static void
hand_on_listen_pid (pid_t parent)
{
    const char *pid = getenv ("LISTEN_PID");
    char text[24];

    if (!pid || strtol (pid, NULL, 10) != parent)
        return;
    (void) snprintf (text, sizeof text, "%ld", (long) getpid ());
    (void) setenv ("LISTEN_PID", text, 1);
}

struct runtime {
    const char *path;
    char **argv;
    const sigset_t *mask;
    sighandler_t on_child;
    pid_t parent;
};

/* On a stack of its own in our memory, while we wait: what it changes there is changed for us too.  */
static int
become_runtime (void *data)
{
    const struct runtime *r = data;

    /* An engine that kills us (containerd's shim does when it dies) means the runtime.  */
    if (prctl (PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid () != r->parent)
        _exit (127);
    hand_on_listen_pid (r->parent);
    (void) signal (SIGCHLD, r->on_child);
    (void) sigprocmask (SIG_SETMASK, r->mask, NULL);
    (void) execv (r->path, r->argv);
    (void) fprintf (stderr, "dri-runtime: exec %s: %s\n", r->path, strerror (errno));
    _exit (127);
}

/* A copy of our memory, which exec throws away at once, would cost more than the exec.  */
static pid_t
start_runtime (struct runtime *r)
{
    static char stack[64 << 10] __attribute__ ((aligned (16)));

    return clone (become_runtime, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, r);
}

/* What a terminal sends reaches the whole foreground process group, the child included; only what somebody
 * sent to this process is passed on.  */
static void
pass_on (pid_t child, const siginfo_t *info)
{
    if (info->si_code == SI_USER || info->si_code == SI_QUEUE || info->si_code == SI_TKILL)
        (void) kill (child, info->si_signo);
}

/* True when the child has ended. A stopped child stops us too, so that a shell's job control sees it.  */
static bool
reap (pid_t child, int *status)
{
    pid_t pid;

    do
        pid = waitpid (child, status, WNOHANG | WUNTRACED);
    while (pid < 0 && errno == EINTR);
    if (pid == 0)
        return false;
    if (pid == child && WIFSTOPPED (*status)) {
        (void) kill (getpid (), SIGSTOP);
        (void) kill (child, SIGCONT);
        return false;
    }
    return true;
}

int
supervise (const char *path, char **argv, int *status, struct error *err)
{
    sigset_t all, before;
    struct runtime runtime = {.path = path, .argv = argv, .mask = &before, .parent = getpid ()};
    siginfo_t info;
    pid_t child;

    (void) sigfillset (&all);
    (void) sigprocmask (SIG_SETMASK, &all, &before);
    /* With SIGCHLD ignored, as we may have inherited it, the kernel would reap the child itself.  */
    runtime.on_child = signal (SIGCHLD, SIG_DFL);
    child = start_runtime (&runtime);
    if (child < 0) {
        (void) sigprocmask (SIG_SETMASK, &before, NULL);
        return error_set (err, errno, "clone");
    }
    for (;;) {
        int signo = sigwaitinfo (&all, &info);

        if (signo == SIGCHLD && reap (child, status))
            return 0;
        if (signo > 0 && signo != SIGCHLD)
            pass_on (child, &info);
    }
}

void
supervise_exit (int status)
{
    if (WIFSIGNALED (status)) {
        const struct rlimit none = {0, 0};
        sigset_t set;

        /* The core, if any, was the child's to dump.  */
        (void) setrlimit (RLIMIT_CORE, &none);
        (void) signal (WTERMSIG (status), SIG_DFL);
        (void) sigemptyset (&set);
        (void) sigprocmask (SIG_SETMASK, &set, NULL);
        (void) raise (WTERMSIG (status));
    }
    exit (WIFEXITED (status) ? WEXITSTATUS (status) : 1);
}
