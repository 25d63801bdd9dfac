#include "probe_inside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "confine.h"
#include "probe_drm.h"
#include "probe_report.h"
#include "probe_va.h"
#include "../oci/require.h"

static json_t *
engines_to_json (const struct drm_facts *facts)
{
    json_t *list = json_array ();

    for (unsigned i = 0; i < facts->n_engines; i++)
        (void) json_array_append_new (list, json_pack ("{s:s s:I}", "class", facts->engines[i].class, "count",
                                                       (json_int_t) facts->engines[i].count));
    return list;
}

static json_t *
firmware_to_json (const struct drm_facts *facts)
{
    json_t *list = json_array ();

    for (unsigned i = 0; i < facts->n_firmware; i++) {
        const struct drm_firmware *f = &facts->firmware[i];
        json_t *json = json_pack ("{s:s s:s}", "name", f->name, "status", f->status);

        if (f->version[0])
            (void) json_object_set_new (json, "version", json_string (f->version));
        (void) json_array_append_new (list, json);
    }
    return list;
}

static void
report_facts (const struct drm_facts *facts)
{
    json_t *json = json_object (), *notes = json_array ();

    if (facts->engines_known)
        (void) json_object_set_new (json, "engines", engines_to_json (facts));
    if (facts->n_firmware > 0)
        (void) json_object_set_new (json, "firmware", firmware_to_json (facts));
    for (unsigned i = 0; i < facts->n_notes; i++)
        (void) json_array_append_new (notes, json_string (facts->notes[i]));
    (void) json_object_set_new (json, "notes", notes);
    report_finding (CONFINE_REPORT, "facts", json);
}

/* ENOTTY and EINVAL: something answers there, but no DRM driver.  */
static int
judge_driver (struct drm_facts *facts, struct probe_verdict *verdict)
{
    const struct drm_device device = {.fd = CONFINE_NODE, .ioctl = drm_ioctl};
    struct error err = {0};

    report_step (CONFINE_REPORT, "drm-version");
    if (drm_ask_version (&device, facts, &err) < 0) {
        bool drm = err.status != ENOTTY && err.status != EINVAL;

        verdict->reason = drm ? PROBE_DRIVER_SILENT : PROBE_NOT_DRM;
        (void) snprintf (
            verdict->message, sizeof verdict->message, "%s (%.200s)",
            drm ? "the kernel's driver does not answer: the GPU may have failed; look at the host's dmesg, "
                  "reload its module or reboot"
                : "the node is not that of a GPU: no DRM driver answers",
            err.message);
        return -1;
    }
    report_finding (CONFINE_REPORT, "drm",
                    json_pack ("{s:s s:s}", "driver", facts->driver, "version", facts->version));
    report_step (CONFINE_REPORT, "driver-facts");
    drm_ask_facts (&device, facts);
    report_facts (facts);
    return 0;
}

static void
judge (const char *level, const char *require_text, struct probe_verdict *verdict)
{
    struct drm_facts facts;
    struct require require;
    struct error err = {0};

    if (confine_seal (&err) < 0 || require_parse (&require, require_text, &err) < 0) {
        verdict->reason = PROBE_NOT_STARTED;
        (void) snprintf (verdict->message, sizeof verdict->message, "%.900s", err.message);
        return;
    }
    (void) snprintf (verdict->message, sizeof verdict->message, "the node opens");
    if (strcmp (level, probe_level_name (PROBE_NODE)) == 0 || judge_driver (&facts, verdict) < 0)
        return;
    (void) snprintf (verdict->message, sizeof verdict->message, "the kernel's driver answers: %s %s",
                     facts.driver, facts.version);
    if (strcmp (level, probe_level_name (PROBE_VAAPI)) == 0)
        va_judge (CONFINE_REPORT, CONFINE_NODE, &facts, &require, verdict);
}

void
probe_inside (const char *level, const char *require)
{
    struct probe_verdict verdict = {.reason = PROBE_OK};

    judge (level, require, &verdict);
    report_verdict (CONFINE_REPORT, verdict.reason, "%s", verdict.message);
    _exit (0);
}
