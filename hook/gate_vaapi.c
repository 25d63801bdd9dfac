#include "gate_vaapi.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "../broker/process.h"
#include "../oci/cleanup.h"
#include "../oci/clock.h"
#include "../oci/program.h"
#include "expect.h"
#include "gate_child.h"
#include "gate_vainfo.h"
#include "phase.h"
#include "probe_run.h"

enum { PROBE_MS = 8000, MORE_MS = 20000, RETRY_MS = 500 };

bool
gate_wants_vaapi (const struct gate *gate, const struct gate_found *found)
{
    if (found->n_renders == 0)
        return false;
    return gate->ready == READY_VAAPI
           || (gate->ready == READY_AUTO && found->sight.libva && gate->nodes[found->renders[0].node].drm);
}

static const char *
text_of (const json_t *report, const char *member)
{
    const char *text = json_string_value (json_object_get (report, member));

    return text ? text : "";
}

static bool
has_reason (const json_t *report, enum probe_reason reason)
{
    return strcmp (text_of (report, "reason"), probe_reason_name (reason)) == 0;
}

/* A sealed copy: by /proc/PID/exe of the probe a root of the container could otherwise write to the host's
 * file, as soon as it is not executed any more (CVE-2019-5736). A read-only mount would not do: whoever has a
 * descriptor of one that is attached nowhere, and can have a user namespace, may make it writable again.
 * Nobody but root may read it, so that who executes it without capabilities cannot be looked into by others
 * of the same user (ptrace(2)).  */
static int
open_program (struct error *err)
{
    enum { SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE, AT_ONCE = 1 << 30 };
    _cleanup_close_ int copy = memfd_create ("dri-probe", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    _cleanup_close_ int file = -1;
    char path[PATH_MAX];
    ssize_t n;

    if (program_beside ("dri-probe", path, sizeof path, err) < 0)
        return -1;
    file = open (path, O_RDONLY | O_CLOEXEC);
    do
        n = file < 0 || copy < 0 ? -1 : sendfile (copy, file, NULL, AT_ONCE);
    while (n > 0);
    if (n < 0 || fchmod (copy, 0111) < 0 || fcntl (copy, F_ADD_SEALS, SEALS) < 0)
        return error_set (err, errno, "copy %s", path);
    return steal_fd (&copy);
}

static unsigned
time_for (int64_t end)
{
    int64_t left = end - clock_ms ();

    return left > PROBE_MS ? PROBE_MS : left > 1 ? (unsigned) left : 1;
}

/* --- in the container, by our probe --- */

static json_t *
probe (struct gate_child *child, const char *require, int64_t end)
{
    char *environment[SIGHT_VARIABLES_MAX + 2] = {(char *) "MESA_SHADER_CACHE_DISABLE=true"};
    const struct gate *gate = child->gate;
    char device[64];
    struct probe ours = {.program = child->program,
                         .null = child->null,
                         .fork = gate_child_fork,
                         .open_node = gate_child_enter,
                         .data = child,
                         .device = device,
                         .level = PROBE_VAAPI,
                         .require = require,
                         .environment = environment,
                         .deadline_ms = time_for (end)};

    (void) snprintf (device, sizeof device, "/dev/dri/%s", gate->nodes[child->render->node].name);
    for (unsigned i = 0; child->where == GATE_IN_CONTAINER && i < gate->variables.n; i++)
        environment[i + 1] = (char *) gate->variables.list[i];
    return probe_run (&ours);
}

/* The kernel's driver is not there any more, or HuC, which is started late, is not there yet.  */
static bool
may_pass (const json_t *report)
{
    const json_t *firmware = json_object_get (json_object_get (report, "facts"), "firmware");
    size_t i;
    json_t *one;

    if (json_is_true (json_object_get (report, "ok")))
        return false;
    json_array_foreach ((json_t *) firmware, i, one) {
        if (strcmp (text_of (one, "name"), "huc") == 0
            && strcmp (text_of (one, "status"), "not-running") == 0)
            return true;
    }
    return has_reason (report, PROBE_NO_DRIVER) || has_reason (report, PROBE_DRIVER_SILENT);
}

static json_t *
probe_patiently (struct gate_child *child, const char *require, int64_t deadline, int64_t end)
{
    for (;;) {
        json_t *report = probe (child, require, end);

        if (!may_pass (report) || clock_ms () + RETRY_MS > deadline)
            return report;
        json_decref (report);
        (void) poll (NULL, 0, RETRY_MS);
    }
}

static void
keep_report (struct gate_child *child, json_t *report)
{
    json_decref (child->report);
    child->report = json_incref (report);
}

/* --- the verdict --- */

static void __attribute__ ((format (printf, 5, 6)))
decide (const struct gate_child *child, struct verdict *verdict, enum request_ready level, bool ok,
        const char *format, ...)
{
    const char *driver = child->render->driver;
    va_list args;
    int len = snprintf (verdict->reason, sizeof verdict->reason, "%s: %s%s",
                        child->gate->nodes[child->render->node].name, driver, driver[0] ? ". " : "");

    verdict->level = level;
    verdict->ok = ok;
    va_start (args, format);
    (void) vsnprintf (verdict->reason + len, sizeof verdict->reason - (size_t) len, format, args);
    va_end (args);
    text_clean (verdict->reason);
}

/* Where nobody in the container can be asked. The libva of this machine tells about the GPU, but not about
 * the image.  */
static void
judge_outside (struct gate_child *child, const char *why, int64_t end, struct verdict *verdict)
{
    const bool explicit = child->gate->ready == READY_VAAPI;
    _cleanup_json_ json_t *report = NULL;

    child->where = GATE_ON_HOST;
    report = probe (child, child->gate->require, end);
    keep_report (child, report);
    verdict->final = false;
    if (json_is_true (json_object_get (report, "ok")))
        decide (child, verdict, READY_DRIVER, true,
                "On this machine %.300s. Not verified in the image: %.400s", text_of (report, "message"),
                why);
    else if (explicit)
        decide (child, verdict, READY_VAAPI, false,
                "VA-API is not verified. In the image: %.350s. On this machine: %.350s. dri.ready=driver "
                "starts it without "
                "asking VA-API",
                why, text_of (report, "message"));
    else
        decide (child, verdict, READY_DRIVER, true, "VA-API is not verified: %.400s", why);
}

/* The first clause of a message that goes on with what to do.  */
static void
cut_advice (const json_t *report, char *why, size_t size)
{
    const char *text = text_of (report, "message");

    (void) snprintf (why, size, "%.*s", (int) strcspn (text, ";"), text);
}

static void
judge_otherwise (struct gate_child *child, const char *why, int64_t end, struct verdict *verdict)
{
    char said[600];

    if (child->found->sight.vainfo)
        switch (gate_vainfo (child, time_for (end), said, sizeof said)) {
        case VAINFO_GOOD:
            decide (child, verdict, READY_VAAPI, true, "By the image's own vainfo: %s", said);
            return;
        case VAINFO_BAD:
            decide (child, verdict, READY_VAAPI, false, "The image's own vainfo says: %s", said);
            return;
        case VAINFO_NOT_RUN:
            break;
        }
    judge_outside (child, why, end, verdict);
}

/* What the GPU could do by itself is not to be looked for on the host.  */
static void
decide_against (const struct gate_child *child, const json_t *report, struct verdict *verdict)
{
    const struct gate *gate = child->gate;
    char expectation[300];

    expect_explain (&gate->nodes[child->render->node], report, gate->require, "the image", expectation,
                    sizeof expectation);
    decide (child, verdict, READY_VAAPI, false, "%.560s%s%s", text_of (report, "message"),
            expectation[0] ? ". " : "", expectation);
}

static void
judge_render (struct gate_child *child, int64_t deadline, struct verdict *verdict)
{
    const int64_t end = deadline + MORE_MS;
    _cleanup_json_ json_t *report = NULL;
    char why[300];

    child->where = GATE_IN_CONTAINER;
    report = probe_patiently (child, child->gate->require, deadline, end);
    keep_report (child, report);
    verdict->final = true;
    if (has_reason (report, PROBE_NOT_STARTED) || has_reason (report, PROBE_NO_LIBVA)) {
        cut_advice (report, why, sizeof why);
        judge_otherwise (child, why, end, verdict);
    } else if (json_is_true (json_object_get (report, "ok")))
        decide (child, verdict, READY_VAAPI, true, "%s", text_of (report, "message"));
    else
        decide_against (child, report, verdict);
}

static void
judge_all (struct gate_child *child, int64_t deadline, struct verdict *verdict)
{
    struct verdict one;
    bool final = true;

    *verdict = (struct verdict){.level = READY_AUTO, .ok = true};
    for (unsigned i = 0; i < child->found->n_renders && verdict->ok; i++) {
        child->render = &child->found->renders[i];
        judge_render (child, deadline, &one);
        final &= one.final;
        /* What is told is the worst of them.  */
        if (!one.ok || i == 0 || one.level < verdict->level)
            *verdict = one;
    }
    /* What fails is asked again at the next start: it may have been put right.  */
    verdict->final = final && verdict->ok;
}

void
gate_vaapi_judge (const struct gate *gate, const struct gate_found *found, int64_t deadline,
                  struct verdict *verdict, json_t **report)
{
    struct error err = {0};
    _cleanup_close_ int program = open_program (&err);
    _cleanup_close_ int null = open ("/dev/null", O_RDWR | O_CLOEXEC);
    _cleanup_close_ int pids = open ("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
    _cleanup_close_ int process = process_open (gate->pid, gate->start);
    struct gate_child child = {
        .gate = gate, .found = found, .program = program, .null = null, .pids = pids, .process = process};

    if (report)
        *report = NULL;
    if (program < 0 || null < 0 || pids < 0 || process < 0) {
        verdict->ok = gate->ready != READY_VAAPI;
        (void) snprintf (verdict->reason, sizeof verdict->reason,
                         "VA-API is not verified: the probe cannot be run (%.300s)", err.message);
        return;
    }
    judge_all (&child, deadline, verdict);
    if (report)
        *report = child.report;
    else
        json_decref (child.report);
}
