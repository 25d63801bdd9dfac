#include "gate_vainfo.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "../oci/cleanup.h"
#include "boxed.h"
#include "vainfo.h"

/* Of a child that did not come to execute it; written where vainfo would write.  */
static void
explain (int report, enum box_stage stage, void *data, const struct error *err)
{
    (void) stage;
    (void) data;
    (void) dprintf (report, "error: not run: %s\n", err->message);
}

static bool
ended_well (const struct outcome *outcome)
{
    return outcome->ended && WIFEXITED (outcome->status) && WEXITSTATUS (outcome->status) == 0;
}

static const char *
how_it_ended (const struct outcome *outcome)
{
    if (outcome->late)
        return "it hangs";
    if (outcome->flooded)
        return "it floods its output";
    return outcome->ended && WIFSIGNALED (outcome->status) ? strsignal (WTERMSIG (outcome->status))
                                                           : "it fails";
}

static bool
has_all (const struct vainfo *info, const char *text, char *said, size_t size)
{
    struct require require;
    struct error ignored;

    if (require_parse (&require, text, &ignored) < 0)
        return true; /* verified before */
    for (unsigned i = 0; i < require.n; i++)
        if (!vainfo_lists (info, &require.list[i])) {
            (void) snprintf (
                said, size,
                "%s is not listed by %s; choose another GPU (dri.gpu), or an image with another driver",
                require.list[i].text, info->vendor[0] ? info->vendor : "the VA driver");
            return false;
        }
    return true;
}

static enum gate_vainfo
judge (const struct gate *gate, const struct outcome *outcome, char *said, size_t size)
{
    static struct vainfo info; /* large */

    vainfo_parse (&info, outcome->text, outcome->len);
    if (strncmp (info.complaint, "error: not run: ", strlen ("error: not run: ")) == 0)
        return VAINFO_NOT_RUN;
    if (!ended_well (outcome) || outcome->late || outcome->flooded) {
        (void) snprintf (said, size, "%s%s%s", how_it_ended (outcome), info.complaint[0] ? ": " : "",
                         info.complaint);
        return VAINFO_BAD;
    }
    if (info.n_pairs == 0) {
        (void) snprintf (said, size, "no profile is listed%s%s", info.complaint[0] ? ": " : "",
                         info.complaint);
        return VAINFO_BAD;
    }
    if (!has_all (&info, gate->require, said, size))
        return VAINFO_BAD;
    (void) snprintf (
        said, size,
        "%s, %u profiles and entrypoints; they are listed, but not tried, and rate control is not known",
        info.vendor[0] ? info.vendor : "a VA driver without a name", info.n_pairs);
    return VAINFO_GOOD;
}

enum gate_vainfo
gate_vainfo (struct gate_child *child, unsigned deadline_ms, char *said, size_t size)
{
    const struct gate *gate = child->gate;
    char device[64];
    char *const arguments[] = {
        (char *) "vainfo", (char *) "--display", (char *) "drm", (char *) "--device", device, NULL};
    const struct box box = {.program = child->program,
                            .null = child->null,
                            .fork = gate_child_fork,
                            .enter = gate_child_enter_vainfo,
                            .fail = explain,
                            .data = child,
                            .arguments = arguments,
                            .environment = (char *const *) gate->variables.list,
                            .deadline_ms = deadline_ms,
                            .talks = true};
    _cleanup_free_ struct outcome *outcome = malloc (sizeof *outcome);

    (void) snprintf (device, sizeof device, "/dev/dri/%s", gate->nodes[child->render->node].name);
    child->where = GATE_ITS_VAINFO;
    if (!outcome || box_run (&box, outcome) < 0)
        return VAINFO_NOT_RUN;
    return judge (gate, outcome, said, size);
}
