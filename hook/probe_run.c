#include "probe_run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "../oci/cleanup.h"
#include "confine.h"
#include "probe_inside.h"

enum { GRACE_MS = 1000 };

static long
now_ms (void)
{
    struct timespec t;

    (void) clock_gettime (CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- the child --- */

static void
explain_open (int report, const struct probe *probe, const struct error *err)
{
    static const struct {
        int error;
        enum probe_reason reason;
        const char *sentence;
    } table[] = {
        {ENOENT, PROBE_NO_NODE, "there is no such node; drictl devices lists the GPUs"},
        {EACCES, PROBE_NOT_PERMITTED, "this user may not open it: see its owner and group, and dri.owner"},
        {EPERM, PROBE_DEVICE_CGROUP, "the device cgroup does not let it be opened"},
        {ENXIO, PROBE_NO_DRIVER, "no driver is behind it: is the GPU's module loaded on the host? (dmesg)"},
        {ENODEV, PROBE_NO_DRIVER, "its driver is not there (any more): look at the host's dmesg"},
        {0, PROBE_NOT_DRM, "it is not the node of a GPU"},
    };

    for (size_t i = 0; i < countof (table); i++)
        if (table[i].error == err->status) {
            report_verdict (report, table[i].reason, "%s: %s (%s)", probe->device, table[i].sentence,
                            err->message);
            return;
        }
    report_verdict (report, PROBE_NOT_OPENED, "%s", err->message);
}

/* The two usual ones: the loader (ENOENT) is not there, since execveat has no path of the program to miss. */
static void
explain_start (int error)
{
    if (error == ENOENT)
        report_verdict (
            CONFINE_REPORT, PROBE_NOT_STARTED,
            "the probe cannot run here: there is no dynamic loader of glibc for it (an image with musl, or "
            "with static programs only); VA-API cannot be verified, use dri.ready=driver");
    else
        report_verdict (CONFINE_REPORT, PROBE_NOT_STARTED, "the probe cannot be started here: %s",
                        strerror (error));
}

static void __attribute__ ((noreturn)) run_child (const struct probe *probe, int report, pid_t parent)
{
    struct confine confine = {.null = probe->null,
                              .report = report,
                              .program = probe->program,
                              .parent = parent,
                              .cpu_seconds = probe->deadline_ms / 1000 + 1};
    char *const arguments[] = {"dri-probe", PROBE_CONFINED, (char *) probe_level_name (probe->level),
                               (char *) probe->require, NULL};
    struct error err = {0};

    report_step (report, "open");
    confine.node = probe->open_node (probe->data, &err);
    if (confine.node < 0) {
        explain_open (report, probe, &err);
        _exit (1);
    }
    report_step (report, "start");
    if (confine_descriptors (&confine, &err) < 0) {
        report_verdict (report, PROBE_NOT_STARTED, "the probe cannot be confined: %s", err.message);
        _exit (1);
    }
    if (confine_enter (&confine, &err) < 0) {
        report_verdict (CONFINE_REPORT, PROBE_NOT_STARTED, "the probe cannot be confined: %s", err.message);
        _exit (1);
    }
    (void) syscall (SYS_execveat, CONFINE_PROGRAM, "", arguments, probe->environment, AT_EMPTY_PATH);
    explain_start (errno);
    _exit (1);
}

/* --- the parent --- */

struct outcome {
    char *text; /* of REPORT_BYTES_MAX */
    size_t len;
    bool late, flooded, ended;
    int status; /* of wait; valid where ended */
    long memory_kib;
};

static int
wait_readable (int fd, long deadline)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int r;

    do {
        long left = deadline - now_ms ();

        r = poll (&p, 1, left > 0 ? (int) left : 0);
    } while (r < 0 && errno == EINTR);
    return r;
}

static void
read_lines (struct outcome *outcome, int in, long deadline)
{
    while (!outcome->late && !outcome->flooded) {
        ssize_t n;

        if (wait_readable (in, deadline) <= 0) {
            outcome->late = true;
            return;
        }
        n = read (in, outcome->text + outcome->len, REPORT_BYTES_MAX - outcome->len);
        if (n <= 0)
            return;
        outcome->len += (size_t) n;
        outcome->flooded = outcome->len == REPORT_BYTES_MAX;
    }
}

static void
reap (struct outcome *outcome, pid_t child)
{
    struct rusage usage;

    outcome->ended = wait4 (child, &outcome->status, WNOHANG, &usage) == child;
    if (outcome->ended)
        outcome->memory_kib = usage.ru_maxrss;
}

/* Who closes the pipe and goes on is waited for no longer than the deadline either.  */
static void
attend (struct outcome *outcome, pid_t child, int in, long deadline)
{
    _cleanup_close_ int process = (int) syscall (SYS_pidfd_open, child, 0);

    read_lines (outcome, in, deadline);
    if (!outcome->late && !outcome->flooded && process >= 0)
        outcome->late = wait_readable (process, deadline) <= 0;
    /* The group is the child's once either of us has said so; its own number, in case neither has yet.  */
    (void) kill (-child, SIGKILL);
    (void) kill (child, SIGKILL);
    if (process >= 0)
        (void) wait_readable (process, now_ms () + GRACE_MS);
    reap (outcome, child);
}

static int
run (const struct probe *probe, struct outcome *outcome)
{
    const long deadline = now_ms () + probe->deadline_ms;
    const pid_t self = getpid ();
    _cleanup_close_ int in = -1;
    int ends[2];
    pid_t child;

    if (pipe2 (ends, O_CLOEXEC) < 0)
        return -1;
    in = ends[0];
    child = fork ();
    if (child == 0) {
        (void) close (in);
        run_child (probe, ends[1], self);
    }
    (void) close (ends[1]);
    if (child < 0)
        return -1;
    (void) setpgid (child, child);
    attend (outcome, child, in, deadline);
    return 0;
}

static void __attribute__ ((format (printf, 3, 4)))
set_verdict (struct report *report, enum probe_reason reason, const char *format, ...)
{
    va_list args;

    report->judged = true;
    report->reason = reason;
    va_start (args, format);
    (void) vsnprintf (report->message, sizeof report->message, format, args);
    va_end (args);
}

static const char *
step_words (const char *step)
{
    static const struct {
        const char *step, *words;
    } table[] = {
        {"open", "opening the node"},
        {"start", "starting the probe"},
        {"drm-version", "asking the kernel's driver who it is"},
        {"driver-facts", "asking the kernel's driver"},
        {"libva-load", "loading libva"},
        {"va-initialize", "initializing the VA driver"},
        {"va-profiles", "listing the VA driver's profiles"},
        {"va-terminate", "ending the VA driver"},
    };

    for (size_t i = 0; i < countof (table); i++)
        if (strcmp (table[i].step, step) == 0)
            return table[i].words;
    return step[0] ? step : "starting";
}

/* A signal is how running out of memory ends, but not how it is named.  */
static void
judge_signal (struct report *report, const struct outcome *outcome)
{
    const long most_kib = CONFINE_MEMORY_MIB * 1024L;
    const int signo = WTERMSIG (outcome->status);

    if (outcome->memory_kib > most_kib / 4 * 3)
        set_verdict (report, PROBE_MEMORY,
                     "the VA driver took %ld MiB of the %d MiB that it is allowed, and died (%s) while %s: "
                     "it is not fit "
                     "for this GPU; use another one",
                     outcome->memory_kib / 1024, CONFINE_MEMORY_MIB, strsignal (signo),
                     step_words (report->step));
    else
        set_verdict (
            report, PROBE_CRASHED,
            "the probe died (%s) while %s: a bug of that driver, or it is not fit for this GPU; use another "
            "version of it",
            strsignal (signo), step_words (report->step));
}

static void
judge_outcome (struct report *report, const struct outcome *outcome, const struct probe *probe)
{
    if (outcome->late)
        set_verdict (report, PROBE_HUNG,
                     "no answer in %u s while %s: the GPU or its driver hangs; look at the host's dmesg%s",
                     (probe->deadline_ms + 999) / 1000, step_words (report->step),
                     outcome->ended ? "" : ". The probe could not be killed: it hangs in the kernel");
    else if (outcome->flooded)
        set_verdict (report, PROBE_FLOODED,
                     "more than %d KiB of output while %s: the VA driver is not to be trusted",
                     REPORT_BYTES_MAX / 1024, step_words (report->step));
    else if (outcome->ended && WIFSIGNALED (outcome->status))
        judge_signal (report, outcome);
    else if (report->garbled)
        set_verdict (report, PROBE_GARBLED,
                     "output that is none of a probe: the VA driver writes where it must not");
    else if (!report->judged && strcmp (report->step, "start") == 0)
        set_verdict (
            report, PROBE_NOT_STARTED,
            "the probe does not run here (exit status %d): the C library here is older than the probe needs, "
            "glibc 2.34; VA-API cannot be verified, use dri.ready=driver",
            WEXITSTATUS (outcome->status));
    else if (!report->judged)
        set_verdict (report, PROBE_EXITED, "the VA driver ended the probe (exit status %d) while %s",
                     WEXITSTATUS (outcome->status), step_words (report->step));
}

/* The highest level that holds, null where none does.  */
static json_t *
verified (const struct report *report, const struct probe *probe)
{
    if (report->reason == PROBE_OK)
        return json_string (probe_level_name (probe->level));
    if (json_object_get (report->findings, "drm"))
        return json_string (probe_level_name (PROBE_DRIVER));
    return strcmp (report->step, "open") == 0 || !report->step[0]
               ? json_null ()
               : json_string (probe_level_name (PROBE_NODE));
}

static json_t *
report_to_json (const struct report *report, const struct probe *probe)
{
    char message[sizeof report->message];
    json_t *json;

    memcpy (message, report->message, sizeof message);
    text_clean (message);
    json = json_pack ("{s:s s:s s:o s:b s:s s:s}", "device", probe->device, "level",
                      probe_level_name (probe->level), "verified", verified (report, probe), "ok",
                      report->reason == PROBE_OK, "reason", probe_reason_name (report->reason), "message",
                      message);
    (void) json_object_update (json, report->findings);
    (void) json_object_set (json, "steps", report->steps);
    return json;
}

json_t *
probe_run (const struct probe *probe)
{
    _cleanup_free_ char *text = malloc (REPORT_BYTES_MAX);
    struct outcome outcome = {.text = text};
    struct report report;
    json_t *json;
    int r = text ? run (probe, &outcome) : -1;
    int error = errno;

    report_parse (&report, text, outcome.len);
    if (r < 0)
        set_verdict (&report, PROBE_NOT_STARTED, "the probe cannot be started: %s", strerror (error));
    else
        judge_outcome (&report, &outcome, probe);
    json = report_to_json (&report, probe);
    report_finish (&report);
    return json;
}
