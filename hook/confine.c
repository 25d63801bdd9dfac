#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <poll.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../oci/cleanup.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

/* Needed by the C library, and by drivers to find the GPU, map its memory and run their threads. Nothing here
 * reaches beyond the process but ioctl, and that only what is open.  */
static const int allowed[] = {
    /* its memory */
    SCMP_SYS (brk),
    SCMP_SYS (mmap),
    SCMP_SYS (munmap),
    SCMP_SYS (mremap),
    SCMP_SYS (mprotect),
    SCMP_SYS (madvise),
    SCMP_SYS (memfd_create),
    SCMP_SYS (mincore),
    SCMP_SYS (membarrier),
    /* its threads and signals */
    SCMP_SYS (futex),
    SCMP_SYS (set_robust_list),
    SCMP_SYS (get_robust_list),
    SCMP_SYS (rseq),
    SCMP_SYS (set_tid_address),
    SCMP_SYS (arch_prctl),
    SCMP_SYS (rt_sigaction),
    SCMP_SYS (rt_sigprocmask),
    SCMP_SYS (rt_sigreturn),
    SCMP_SYS (sigaltstack),
    SCMP_SYS (restart_syscall),
    SCMP_SYS (sched_yield),
    SCMP_SYS (sched_getaffinity),
    SCMP_SYS (sched_getparam),
    SCMP_SYS (sched_getscheduler),
    SCMP_SYS (sched_get_priority_max),
    SCMP_SYS (sched_get_priority_min),
    SCMP_SYS (exit),
    SCMP_SYS (exit_group),
    /* files to read, and what is open */
    SCMP_SYS (read),
    SCMP_SYS (pread64),
    SCMP_SYS (readv),
    SCMP_SYS (write),
    SCMP_SYS (pwrite64),
    SCMP_SYS (writev),
    SCMP_SYS (lseek),
    SCMP_SYS (close),
    SCMP_SYS (close_range),
    SCMP_SYS (dup),
    SCMP_SYS (dup2),
    SCMP_SYS (dup3),
    SCMP_SYS (ioctl),
    SCMP_SYS (ftruncate),
    SCMP_SYS (fstat),
    SCMP_SYS (stat),
    SCMP_SYS (lstat),
    SCMP_SYS (newfstatat),
    SCMP_SYS (statx),
    SCMP_SYS (statfs),
    SCMP_SYS (fstatfs),
    SCMP_SYS (access),
    SCMP_SYS (faccessat),
    SCMP_SYS (faccessat2),
    SCMP_SYS (readlink),
    SCMP_SYS (readlinkat),
    SCMP_SYS (getdents64),
    SCMP_SYS (getcwd),
    SCMP_SYS (fadvise64),
    SCMP_SYS (poll),
    SCMP_SYS (ppoll),
    SCMP_SYS (select),
    SCMP_SYS (pselect6),
    SCMP_SYS (eventfd2),
    SCMP_SYS (pipe2),
    SCMP_SYS (epoll_create1),
    SCMP_SYS (epoll_ctl),
    SCMP_SYS (epoll_wait),
    SCMP_SYS (epoll_pwait),
    /* the time, and who and where it is */
    SCMP_SYS (clock_gettime),
    SCMP_SYS (clock_getres),
    SCMP_SYS (clock_nanosleep),
    SCMP_SYS (nanosleep),
    SCMP_SYS (gettimeofday),
    SCMP_SYS (time),
    SCMP_SYS (times),
    SCMP_SYS (getrusage),
    SCMP_SYS (getrlimit),
    SCMP_SYS (getrandom),
    SCMP_SYS (getcpu),
    SCMP_SYS (sysinfo),
    SCMP_SYS (uname),
    SCMP_SYS (getpid),
    SCMP_SYS (gettid),
    SCMP_SYS (getppid),
    SCMP_SYS (getpgrp),
    SCMP_SYS (getuid),
    SCMP_SYS (geteuid),
    SCMP_SYS (getgid),
    SCMP_SYS (getegid),
    SCMP_SYS (getresuid),
    SCMP_SYS (getresgid),
    SCMP_SYS (getgroups),
    /* for confine_seal, which takes it away */
    SCMP_SYS (seccomp),
};

/* F_SETSIG and F_SETOWN would send signals to others of the same user.  */
static const unsigned fcntls[] = {
    F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_ADD_SEALS, F_GET_SEALS,
};

/* Not PR_SET_PDEATHSIG, nor PR_SET_DUMPABLE.  */
static const unsigned prctls[] = {
    PR_SET_NAME, PR_GET_NAME, PR_SET_VMA, PR_SET_NO_NEW_PRIVS, PR_GET_DUMPABLE, PR_CAPBSET_READ,
};

enum { MAKES = O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY), WRITES = O_ACCMODE | MAKES };

static struct scmp_arg_cmp
is (unsigned argument, scmp_datum_t value)
{
    return (struct scmp_arg_cmp){.arg = argument, .op = SCMP_CMP_EQ, .datum_a = value};
}

static struct scmp_arg_cmp
has (unsigned argument, scmp_datum_t mask, scmp_datum_t value)
{
    return (struct scmp_arg_cmp){
        .arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
}

static int
allow_with_arguments (scmp_filter_ctx filter, bool talks)
{
    const scmp_datum_t denied = talks ? MAKES : WRITES;
    const uint32_t yes = SCMP_ACT_ALLOW, unknown = SCMP_ACT_ERRNO (ENOSYS);
    const scmp_datum_t self = (scmp_datum_t) getpid ();
    int r = 0;

    for (size_t i = 0; i < countof (fcntls); i++)
        r |= seccomp_rule_add (filter, yes, SCMP_SYS (fcntl), 1, is (1, fcntls[i]));
    for (size_t i = 0; i < countof (prctls); i++)
        r |= seccomp_rule_add (filter, yes, SCMP_SYS (prctl), 1, is (0, prctls[i]));
    r |= seccomp_rule_add (filter, yes, SCMP_SYS (openat), 1, has (2, denied, 0));
    r |= seccomp_rule_add (filter, yes, SCMP_SYS (open), 1, has (1, denied, 0));
    r |= seccomp_rule_add (filter, yes, SCMP_SYS (clone), 1, has (0, CLONE_THREAD, CLONE_THREAD));
    r |= seccomp_rule_add (filter, yes, SCMP_SYS (tgkill), 1, is (0, self));
    r |= seccomp_rule_add (filter, yes, SCMP_SYS (sched_setaffinity), 1, is (0, 0));
    r |= seccomp_rule_add (filter, yes, SCMP_SYS (kcmp), 2, is (0, self), is (1, self));
    /* To read limits, its own, not to set them.  */
    r |= seccomp_rule_add (filter, yes, SCMP_SYS (prlimit64), 2, is (0, 0), is (2, 0));
    r |= seccomp_rule_add (filter, yes, SCMP_SYS (execveat), 2, is (0, CONFINE_PROGRAM),
                           is (4, AT_EMPTY_PATH));
    /* Their arguments are out of a filter's sight.  */
    r |= seccomp_rule_add (filter, unknown, SCMP_SYS (clone3), 0);
    r |= seccomp_rule_add (filter, unknown, SCMP_SYS (openat2), 0);
    return r;
}

static int
load_filter (scmp_filter_ctx filter, int r, struct error *err)
{
    if (r == 0)
        r = seccomp_load (filter);
    seccomp_release (filter);
    return r < 0 ? error_set (err, -r, "the filter of system calls") : 0;
}

static int
filter_calls (bool talks, struct error *err)
{
    scmp_filter_ctx filter = seccomp_init (SCMP_ACT_ERRNO (EPERM));
    int r = 0;

    if (!filter)
        return error_set (err, ENOMEM, "the filter of system calls");
    for (size_t i = 0; r == 0 && i < countof (allowed); i++)
        r = seccomp_rule_add (filter, SCMP_ACT_ALLOW, allowed[i], 0);
    if (r == 0)
        r = allow_with_arguments (filter, talks) == 0 ? 0 : -EINVAL;
    return load_filter (filter, r, err);
}

/* Typing into a terminal; the kernel looks at 32 bits of the request. In a filter of its own, since the other
 * lets ioctl through for whatever a driver asks of its GPU.  */
static int
filter_terminals (struct error *err)
{
    static const unsigned denied[] = {TIOCSTI, TIOCLINUX};
    scmp_filter_ctx filter = seccomp_init (SCMP_ACT_ALLOW);
    int r = 0;

    if (!filter)
        return error_set (err, ENOMEM, "the filter of system calls");
    for (size_t i = 0; r == 0 && i < countof (denied); i++)
        r = seccomp_rule_add (filter, SCMP_ACT_ERRNO (EPERM), SCMP_SYS (ioctl), 1,
                              has (1, UINT32_MAX, denied[i]));
    return load_filter (filter, r, err);
}

int
confine_seal (struct error *err)
{
    static const int taken_away[] = {SCMP_SYS (execveat), SCMP_SYS (seccomp)};
    scmp_filter_ctx filter = seccomp_init (SCMP_ACT_ALLOW);
    int r = 0;

    if (!filter)
        return error_set (err, ENOMEM, "the filter of system calls");
    for (size_t i = 0; r == 0 && i < countof (taken_away); i++)
        r = seccomp_rule_add (filter, SCMP_ACT_ERRNO (EPERM), taken_away[i], 0);
    return load_filter (filter, r, err);
}

/* Never raises what is lower already.  */
static int
set_limit (__rlimit_resource_t resource, rlim_t soft, rlim_t hard, struct error *err)
{
    struct rlimit limit;

    if (getrlimit (resource, &limit) == 0) {
        limit.rlim_max = limit.rlim_max < hard ? limit.rlim_max : hard;
        limit.rlim_cur = limit.rlim_max < soft ? limit.rlim_max : soft;
        if (setrlimit (resource, &limit) == 0)
            return 0;
    }
    return error_set (err, errno, "limit %d", (int) resource);
}

static int
set_limits (unsigned cpu_seconds, struct error *err)
{
    const rlim_t mib = 1 << 20;
    const struct {
        __rlimit_resource_t resource;
        rlim_t soft, hard;
    } limits[] = {
        {RLIMIT_CPU, cpu_seconds, cpu_seconds + 1},
#ifndef SANITIZE /* whose shadow memory is larger than that */
        /* What it writes to; of a GPU's buffers, which are shared mappings, only the second counts. */
        {RLIMIT_DATA, CONFINE_MEMORY_MIB * mib, CONFINE_MEMORY_MIB * mib},
        {RLIMIT_AS, 16384 * mib, 16384 * mib},
#endif
        {RLIMIT_STACK, 8 * mib, 8 * mib},
        /* Of a memfd: nothing else can be written.  */
        {RLIMIT_FSIZE, 16 * mib, 16 * mib},
        {RLIMIT_NOFILE, 64, 64},
        /* Counts all threads of the user, elsewhere too, and so it is far up. Processes are the filter's.  */
        {RLIMIT_NPROC, 16384, 16384},
        /* 1 spares us the program behind a pipe in core_pattern too, 0 does not (core(5)).  */
        {RLIMIT_CORE, 1, 1},
        {RLIMIT_MEMLOCK, 8 * mib, 8 * mib},
        {RLIMIT_MSGQUEUE, 0, 0},
    };

    for (size_t i = 0; i < countof (limits); i++)
        if (set_limit (limits[i].resource, limits[i].soft, limits[i].hard, err) < 0)
            return -1;
    return 0;
}

/* To their places by way of higher numbers, since a place may be taken by another of them.  */
static int
place_descriptors (const struct confine *confine, int in, struct error *err)
{
    const int out = confine->talks ? confine->report : confine->null;
    const int from[] = {in, out, out, confine->report, confine->node, confine->program};
    int above[countof (from)];

    for (unsigned i = 0; i < countof (from); i++) {
        above[i] = fcntl (from[i], F_DUPFD_CLOEXEC, 16);
        if (above[i] < 0)
            return error_set (err, errno, "descriptors");
    }
    for (unsigned i = 0; i < countof (from); i++)
        if (dup3 (above[i], (int) i, O_CLOEXEC) < 0)
            return error_set (err, errno, "descriptors");
    for (int i = 0; i < CONFINE_PROGRAM; i++)
        (void) fcntl (i, F_SETFD, 0);
    if (syscall (SYS_close_range, CONFINE_PROGRAM + 1, ~0U, 0) < 0)
        return error_set (err, errno, "close_range");
    return 0;
}

/* A program of the image may open what it has for writing (/proc/self/fd/0): nothing of the host's is on its
 * stdin. The ends of the pipe are closed with all else.  */
int
confine_descriptors (const struct confine *confine, struct error *err)
{
    int ends[2];

    if (!confine->talks)
        return place_descriptors (confine, confine->null, err);
    if (pipe2 (ends, O_CLOEXEC) < 0)
        return error_set (err, errno, "pipe");
    return place_descriptors (confine, ends[0], err);
}

static int
drop_capabilities (struct error *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

    if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0
        || prctl (PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0
        || syscall (SYS_capset, &header, none) < 0)
        return error_set (err, errno, "drop capabilities");
    return 0;
}

/* Callers may have blocked or ignored them, as crun does for its hooks: a driver that dies is to die of them.
 */
static void
reset_signals (void)
{
    /* All zero is SIG_DFL, for any layout of the kernel's. glibc's own call knows nothing of the two signals
     * that it keeps to itself (nptl(7)), which make leaves ignored.  */
    static const char by_default[64];
    sigset_t none;

    for (int signo = 1; signo < _NSIG; signo++)
        (void) syscall (SYS_rt_sigaction, signo, by_default, NULL, _NSIG / 8);
    (void) sigemptyset (&none);
    (void) sigprocmask (SIG_SETMASK, &none, NULL);
}

/* From another pid namespace the parent is 0, be it alive or not; then the pipe tells, which nobody reads any
 * more.  */
static bool
is_orphan (pid_t parent)
{
    struct pollfd report = {.fd = CONFINE_REPORT};
    const pid_t now = getppid ();

    return (now != 0 && now != parent) || (poll (&report, 1, 0) == 1 && (report.revents & POLLERR));
}

int
confine_enter (const struct confine *confine, struct error *err)
{
    if (getsid (0) != getpid () && setsid () < 0)
        return error_set (err, errno, "a session of its own");
    reset_signals ();
    if (set_limits (confine->cpu_seconds, err) < 0 || drop_capabilities (err) < 0)
        return -1;
    if (chdir ("/") < 0)
        return error_set (err, errno, "chdir /");
    /* Changing ids clears the death signal, so it is set as late as can be.  */
    if (prctl (PR_SET_PDEATHSIG, SIGKILL) < 0)
        return error_set (err, errno, "prctl");
    if (is_orphan (confine->parent))
        return error_set (err, 0, "whoever asked is gone");
    return filter_terminals (err) < 0 ? -1 : filter_calls (confine->talks, err);
}
