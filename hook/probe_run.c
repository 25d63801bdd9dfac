#include "probe_run.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "../oci/cleanup.h"
#include "boxed.h"
#include "confine.h"
#include "probe_inside.h"

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
explain_start (int report, const struct error *err)
{
    if (err->status == ENOENT)
        report_verdict (
            report, PROBE_NOT_STARTED,
            "the probe cannot run here: there is no dynamic loader of glibc for it (an image with musl, or "
            "with static programs only); VA-API cannot be verified, use dri.ready=driver");
    else
        report_verdict (report, PROBE_NOT_STARTED, "the probe cannot be started here: %s", err->message);
}

static pid_t
make_child (void *data)
{
    const struct probe *probe = data;

    return probe->fork ? probe->fork (probe->data) : fork ();
}

static int
enter (void *data, int *program, struct error *err)
{
    const struct probe *probe = data;

    (void) program;
    return probe->open_node (probe->data, err);
}

static void
begin (int report, enum box_stage stage)
{
    report_step (report, stage == BOX_ENTERS ? "open" : "start");
}

static void
explain (int report, enum box_stage stage, void *data, const struct error *err)
{
    if (stage == BOX_ENTERS)
        explain_open (report, data, err);
    else if (stage == BOX_IS_CLOSED)
        report_verdict (report, PROBE_NOT_STARTED, "the probe cannot be confined: %s", err->message);
    else
        explain_start (report, err);
}

/* --- the parent --- */

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
                     BOX_BYTES_MAX / 1024, step_words (report->step));
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
    char *const arguments[] = {"dri-probe", PROBE_CONFINED, (char *) probe_level_name (probe->level),
                               (char *) probe->require, NULL};
    const struct box box = {.program = probe->program,
                            .null = probe->null,
                            .fork = make_child,
                            .enter = enter,
                            .begin = begin,
                            .fail = explain,
                            .data = (void *) probe,
                            .arguments = arguments,
                            .environment = probe->environment,
                            .deadline_ms = probe->deadline_ms};
    _cleanup_free_ struct outcome *outcome = malloc (sizeof *outcome);
    struct report report;
    json_t *json;
    int r = outcome ? box_run (&box, outcome) : -1;
    int error = errno;

    report_parse (&report, r == 0 ? outcome->text : "", r == 0 ? outcome->len : 0);
    if (r < 0)
        set_verdict (&report, PROBE_NOT_STARTED, "the probe cannot be started: %s", strerror (error));
    else
        judge_outcome (&report, outcome, probe);
    json = report_to_json (&report, probe);
    report_finish (&report);
    return json;
}
