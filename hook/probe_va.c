#include "probe_va.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../oci/cleanup.h"
#include "probe_va_inside.h"

const struct va_rate va_rates[RATE_COUNT] = {
    [RATE_CQP] = {"cqp", VA_RC_CQP}, [RATE_CBR] = {"cbr", VA_RC_CBR},    [RATE_VBR] = {"vbr", VA_RC_VBR},
    [RATE_ICQ] = {"icq", VA_RC_ICQ}, [RATE_QVBR] = {"qvbr", VA_RC_QVBR}, [RATE_AVBR] = {"avbr", VA_RC_AVBR},
};

void
va_verdict (struct probe_verdict *verdict, enum probe_reason reason, const char *format, ...)
{
    va_list args;

    verdict->reason = reason;
    va_start (args, format);
    (void) vsnprintf (verdict->message, sizeof verdict->message, format, args);
    va_end (args);
}

const char *
va_or_none (const char *text)
{
    return text ? text : "?";
}

static const char *
without (const char *prefix, const char *text)
{
    return text && strncmp (text, prefix, strlen (prefix)) == 0 ? text + strlen (prefix) : va_or_none (text);
}

const char *
va_profile_name (const struct va *va, VAProfile profile)
{
    return without ("VAProfile", va->lib.vaProfileStr (profile));
}

const char *
va_entrypoint_name (const struct va *va, VAEntrypoint entrypoint)
{
    return without ("VAEntrypoint", va->lib.vaEntrypointStr (entrypoint));
}

static void
note_complaint (void *user, const char *message)
{
    struct va *va = user;

    if (va->said[0])
        return;
    (void) snprintf (va->said, sizeof va->said, "%s", va_or_none (message));
    va->said[strcspn (va->said, "\n")] = '\0';
}

/* As Debian names them, which drivers there are for a GPU of this kernel driver.  */
static const char *
packages_for (const char *driver)
{
    return strcmp (driver, "i915") == 0 || strcmp (driver, "xe") == 0
               ? "intel-media-va-driver-non-free or intel-media-va-driver (i965-va-driver before Broadwell)"
               : "mesa-va-drivers";
}

static bool
initialize (struct va *va, int node, json_t *finding, struct probe_verdict *verdict)
{
    int major = 0, minor = 0;
    VAStatus status;
    char version[32];

    va->display = va->lib.vaGetDisplayDRM (node);
    if (!va->display) {
        va_verdict (verdict, PROBE_NO_DISPLAY,
                    "libva does not take the node for that of a GPU (vaGetDisplayDRM)");
        return false;
    }
    (void) va->lib.vaSetErrorCallback (va->display, note_complaint, va);
    status = va->lib.vaInitialize (va->display, &major, &minor);
    if (status != VA_STATUS_SUCCESS) {
        va_verdict (
            verdict, PROBE_INIT_FAILED,
            "no VA driver comes up for %s: %s%s%s%s; is the driver installed where the program runs (%s), "
            "and new "
            "enough for this GPU?",
            va->facts->driver, va_or_none (va->lib.vaErrorStr (status)), va->said[0] ? " (" : "", va->said,
            va->said[0] ? ")" : "", packages_for (va->facts->driver));
        return false;
    }
    (void) snprintf (version, sizeof version, "%d.%d", major, minor);
    (void) json_object_set_new (finding, "version", json_string (version));
    return true;
}

static void
judge_display (struct va *va, const struct require *require, json_t *finding, struct probe_verdict *verdict)
{
    json_t *profiles = json_array ();
    char vendor[256];
    bool listed;

    report_step (va->report, "va-profiles");
    (void) snprintf (vendor, sizeof vendor, "%s", va_or_none (va->lib.vaQueryVendorString (va->display)));
    text_clean (vendor);
    listed = va_list_profiles (va, profiles, verdict);
    (void) json_object_set_new (finding, "vendor", json_string (vendor));
    (void) json_object_set_new (finding, "profiles", profiles);
    report_finding (va->report, "vaapi", json_incref (finding));
    if (listed) {
        va_verdict (verdict, PROBE_OK, "VA-API works: %s", vendor);
        va_judge_capabilities (va, require, verdict);
    }
    report_step (va->report, "va-terminate");
    (void) va->lib.vaTerminate (va->display);
}

void
va_judge (int report, int node, const struct drm_facts *facts, const struct require *require,
          struct probe_verdict *verdict)
{
    static struct va va; /* large */
    _cleanup_json_ json_t *finding = json_object ();

    va.facts = facts;
    va.report = report;
    report_step (report, "libva-load");
    if (!va_load (&va.lib, verdict))
        return;
    report_step (report, "va-initialize");
    if (initialize (&va, node, finding, verdict))
        judge_display (&va, require, finding, verdict);
}
