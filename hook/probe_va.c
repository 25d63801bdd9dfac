#include "probe_va.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <va/va.h>
#include <va/va_drm.h>
#include <va/va_str.h>

#include "../oci/cleanup.h"

enum { PAIRS_MAX = 256, PROFILES_MAX = 1024, TRY_WIDTH = 1280, TRY_HEIGHT = 720 };

/* Of libva.so.2, since libva 2.0. Not linked: where there is no libva this program runs all the same.  */
struct libva {
    __typeof__ (vaInitialize) *vaInitialize;
    __typeof__ (vaTerminate) *vaTerminate;
    __typeof__ (vaSetErrorCallback) *vaSetErrorCallback;
    __typeof__ (vaErrorStr) *vaErrorStr;
    __typeof__ (vaProfileStr) *vaProfileStr;
    __typeof__ (vaEntrypointStr) *vaEntrypointStr;
    __typeof__ (vaQueryVendorString) *vaQueryVendorString;
    __typeof__ (vaMaxNumProfiles) *vaMaxNumProfiles;
    __typeof__ (vaMaxNumEntrypoints) *vaMaxNumEntrypoints;
    __typeof__ (vaQueryConfigProfiles) *vaQueryConfigProfiles;
    __typeof__ (vaQueryConfigEntrypoints) *vaQueryConfigEntrypoints;
    __typeof__ (vaGetConfigAttributes) *vaGetConfigAttributes;
    __typeof__ (vaQuerySurfaceAttributes) *vaQuerySurfaceAttributes;
    __typeof__ (vaCreateConfig) *vaCreateConfig;
    __typeof__ (vaDestroyConfig) *vaDestroyConfig;
    __typeof__ (vaCreateSurfaces) *vaCreateSurfaces;
    __typeof__ (vaDestroySurfaces) *vaDestroySurfaces;
    __typeof__ (vaCreateContext) *vaCreateContext;
    __typeof__ (vaDestroyContext) *vaDestroyContext;
    __typeof__ (vaGetDisplayDRM) *vaGetDisplayDRM;
};

struct pair {
    VAProfile profile;
    VAEntrypoint entrypoint;
    uint32_t formats, rates; /* VA_RT_FORMAT_*, VA_RC_*; 0 where not told */
    uint32_t width, height;  /* at most; 0 where not told */
};

struct va {
    struct libva lib;
    VADisplay display;
    char said[200]; /* the first complaint of libva or its driver, which is nearest to the cause */
    const struct drm_facts *facts;
    int report;
    struct pair pairs[PAIRS_MAX];
    unsigned n_pairs;
};

static const struct {
    const char *name;
    uint32_t bit;
} rates[RATE_COUNT] = {
    [RATE_CQP] = {"cqp", VA_RC_CQP}, [RATE_CBR] = {"cbr", VA_RC_CBR},    [RATE_VBR] = {"vbr", VA_RC_VBR},
    [RATE_ICQ] = {"icq", VA_RC_ICQ}, [RATE_QVBR] = {"qvbr", VA_RC_QVBR}, [RATE_AVBR] = {"avbr", VA_RC_AVBR},
};

static const struct {
    VAProfile profile;
    uint32_t format;
} videos[VIDEO_COUNT] = {
    [VIDEO_MPEG2] = {VAProfileMPEG2Main, VA_RT_FORMAT_YUV420},
    [VIDEO_VC1] = {VAProfileVC1Advanced, VA_RT_FORMAT_YUV420},
    [VIDEO_JPEG] = {VAProfileJPEGBaseline, VA_RT_FORMAT_YUV420},
    [VIDEO_H264] = {VAProfileH264High, VA_RT_FORMAT_YUV420},
    [VIDEO_HEVC] = {VAProfileHEVCMain, VA_RT_FORMAT_YUV420},
    [VIDEO_HEVC10] = {VAProfileHEVCMain10, VA_RT_FORMAT_YUV420_10},
    [VIDEO_HEVC12] = {VAProfileHEVCMain12, VA_RT_FORMAT_YUV420_12},
    [VIDEO_VP8] = {VAProfileVP8Version0_3, VA_RT_FORMAT_YUV420},
    [VIDEO_VP9] = {VAProfileVP9Profile0, VA_RT_FORMAT_YUV420},
    [VIDEO_VP9_10] = {VAProfileVP9Profile2, VA_RT_FORMAT_YUV420_10},
    [VIDEO_AV1] = {VAProfileAV1Profile0, VA_RT_FORMAT_YUV420},
    [VIDEO_AV1_10] = {VAProfileAV1Profile0, VA_RT_FORMAT_YUV420_10},
};

static void __attribute__ ((format (printf, 3, 4)))
judge (struct probe_verdict *verdict, enum probe_reason reason, const char *format, ...)
{
    va_list args;

    verdict->reason = reason;
    va_start (args, format);
    (void) vsnprintf (verdict->message, sizeof verdict->message, format, args);
    va_end (args);
}

static const char *
or_none (const char *text)
{
    return text ? text : "?";
}

static const char *
without (const char *prefix, const char *text)
{
    return text && strncmp (text, prefix, strlen (prefix)) == 0 ? text + strlen (prefix) : or_none (text);
}

static const char *
profile_name (const struct va *va, VAProfile profile)
{
    return without ("VAProfile", va->lib.vaProfileStr (profile));
}

static const char *
entrypoint_name (const struct va *va, VAEntrypoint entrypoint)
{
    return without ("VAEntrypoint", va->lib.vaEntrypointStr (entrypoint));
}

/* --- the library --- */

static bool
load_functions (struct libva *lib, void *libva, void *libva_drm, struct probe_verdict *verdict)
{
#define FUNCTION(library, name)                                                                              \
    {                                                                                                        \
        library, #name, (void **) &lib->name                                                                 \
    }
    const struct {
        void *library;
        const char *name;
        void **function;
    } functions[] = {
        FUNCTION (libva, vaInitialize),
        FUNCTION (libva, vaTerminate),
        FUNCTION (libva, vaSetErrorCallback),
        FUNCTION (libva, vaErrorStr),
        FUNCTION (libva, vaProfileStr),
        FUNCTION (libva, vaEntrypointStr),
        FUNCTION (libva, vaQueryVendorString),
        FUNCTION (libva, vaMaxNumProfiles),
        FUNCTION (libva, vaMaxNumEntrypoints),
        FUNCTION (libva, vaQueryConfigProfiles),
        FUNCTION (libva, vaQueryConfigEntrypoints),
        FUNCTION (libva, vaGetConfigAttributes),
        FUNCTION (libva, vaQuerySurfaceAttributes),
        FUNCTION (libva, vaCreateConfig),
        FUNCTION (libva, vaDestroyConfig),
        FUNCTION (libva, vaCreateSurfaces),
        FUNCTION (libva, vaDestroySurfaces),
        FUNCTION (libva, vaCreateContext),
        FUNCTION (libva, vaDestroyContext),
        FUNCTION (libva_drm, vaGetDisplayDRM),
    };
#undef FUNCTION

    for (size_t i = 0; i < countof (functions); i++) {
        *functions[i].function = dlsym (functions[i].library, functions[i].name);
        if (!*functions[i].function) {
            judge (verdict, PROBE_NO_LIBVA, "libva has no %s: it is too old or incomplete, update it",
                   functions[i].name);
            return false;
        }
    }
    return true;
}

static bool
load_libva (struct libva *lib, struct probe_verdict *verdict)
{
    void *libva = dlopen ("libva.so.2", RTLD_NOW | RTLD_GLOBAL);
    void *libva_drm = libva ? dlopen ("libva-drm.so.2", RTLD_NOW | RTLD_GLOBAL) : NULL;

    if (!libva_drm) {
        judge (verdict, PROBE_NO_LIBVA,
               "there is no libva here, so that programs cannot use VA-API (%s): install libva2 and "
               "libva-drm2 with "
               "a driver, or do without (dri.ready=driver)",
               or_none (dlerror ()));
        return false;
    }
    return load_functions (lib, libva, libva_drm, verdict);
}

static void
note_complaint (void *user, const char *message)
{
    struct va *va = user;

    if (va->said[0])
        return;
    (void) snprintf (va->said, sizeof va->said, "%s", or_none (message));
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
        judge (verdict, PROBE_NO_DISPLAY, "libva does not take the node for that of a GPU (vaGetDisplayDRM)");
        return false;
    }
    (void) va->lib.vaSetErrorCallback (va->display, note_complaint, va);
    status = va->lib.vaInitialize (va->display, &major, &minor);
    if (status != VA_STATUS_SUCCESS) {
        judge (verdict, PROBE_INIT_FAILED,
               "no VA driver comes up for %s: %s%s%s%s; is the driver installed where the program runs (%s), "
               "and new "
               "enough for this GPU?",
               va->facts->driver, or_none (va->lib.vaErrorStr (status)), va->said[0] ? " (" : "", va->said,
               va->said[0] ? ")" : "", packages_for (va->facts->driver));
        return false;
    }
    (void) snprintf (version, sizeof version, "%d.%d", major, minor);
    (void) json_object_set_new (finding, "version", json_string (version));
    return true;
}

/* --- what it lists --- */

static uint32_t
told (VAConfigAttrib attribute)
{
    return attribute.value == VA_ATTRIB_NOT_SUPPORTED ? 0 : attribute.value;
}

/* Drivers tell the sizes that they decode not as an attribute of the config, but of its surfaces.  */
static void
ask_surface_size (const struct va *va, struct pair *pair)
{
    VASurfaceAttrib attributes[64];
    unsigned n = countof (attributes);
    VAConfigID config;

    if (va->lib.vaCreateConfig (va->display, pair->profile, pair->entrypoint, NULL, 0, &config)
        != VA_STATUS_SUCCESS)
        return;
    if (va->lib.vaQuerySurfaceAttributes (va->display, config, attributes, &n) == VA_STATUS_SUCCESS)
        for (unsigned i = 0; i < n && i < countof (attributes); i++) {
            if (attributes[i].type == VASurfaceAttribMaxWidth)
                pair->width = (uint32_t) attributes[i].value.value.i;
            if (attributes[i].type == VASurfaceAttribMaxHeight)
                pair->height = (uint32_t) attributes[i].value.value.i;
        }
    (void) va->lib.vaDestroyConfig (va->display, config);
}

static void
ask_pair (const struct va *va, struct pair *pair)
{
    VAConfigAttrib attributes[] = {
        {.type = VAConfigAttribRTFormat},
        {.type = VAConfigAttribRateControl},
        {.type = VAConfigAttribMaxPictureWidth},
        {.type = VAConfigAttribMaxPictureHeight},
    };

    if (va->lib.vaGetConfigAttributes (va->display, pair->profile, pair->entrypoint, attributes,
                                       (int) countof (attributes))
        == VA_STATUS_SUCCESS) {
        pair->formats = told (attributes[0]);
        pair->rates = told (attributes[1]);
        pair->width = told (attributes[2]);
        pair->height = told (attributes[3]);
    }
    if (pair->width == 0 || pair->height == 0)
        ask_surface_size (va, pair);
}

static json_t *
rates_to_json (uint32_t bits)
{
    json_t *list = json_array ();

    for (unsigned i = RATE_CQP; i < RATE_COUNT; i++)
        if (bits & rates[i].bit)
            (void) json_array_append_new (list, json_string (rates[i].name));
    return list;
}

static json_t *
pair_to_json (const struct va *va, const struct pair *pair)
{
    json_t *json = json_pack ("{s:s s:s}", "profile", profile_name (va, pair->profile), "entrypoint",
                              entrypoint_name (va, pair->entrypoint));

    if (pair->rates)
        (void) json_object_set_new (json, "rates", rates_to_json (pair->rates));
    if (pair->width && pair->height)
        (void) json_object_set_new (json, "max",
                                    json_pack ("[I,I]", (json_int_t) pair->width, (json_int_t) pair->height));
    return json;
}

static void
list_entrypoints (struct va *va, VAProfile profile, VAEntrypoint *entrypoints, json_t *list)
{
    int n = 0;

    if (va->lib.vaQueryConfigEntrypoints (va->display, profile, entrypoints, &n) != VA_STATUS_SUCCESS)
        return;
    for (int i = 0; i < n && va->n_pairs < PAIRS_MAX; i++) {
        struct pair *pair = &va->pairs[va->n_pairs++];

        *pair = (struct pair){.profile = profile, .entrypoint = entrypoints[i]};
        ask_pair (va, pair);
        (void) json_array_append_new (list, pair_to_json (va, pair));
    }
}

/* The driver writes as many as it has, and says before how many these can be.  */
static void *
room_for (int n, size_t size)
{
    return n > 0 && n <= PROFILES_MAX ? calloc ((size_t) n, size) : NULL;
}

static bool
list_profiles (struct va *va, json_t *list, struct probe_verdict *verdict)
{
    int most = va->lib.vaMaxNumProfiles (va->display), n = 0;
    _cleanup_free_ VAProfile *profiles = room_for (most, sizeof *profiles);
    _cleanup_free_ VAEntrypoint *entrypoints =
        room_for (va->lib.vaMaxNumEntrypoints (va->display), sizeof *entrypoints);

    if (profiles && entrypoints
        && va->lib.vaQueryConfigProfiles (va->display, profiles, &n) == VA_STATUS_SUCCESS)
        for (int i = 0; i < n && i < most; i++)
            list_entrypoints (va, profiles[i], entrypoints, list);
    if (va->n_pairs == 0)
        judge (verdict, PROBE_NO_PROFILES,
               "the VA driver comes up, but lists no profile: it can do nothing on this GPU; choose another "
               "GPU or "
               "driver");
    return va->n_pairs > 0;
}

/* --- what it does --- */

static const char *
try_context (const struct va *va, const struct pair *pair, VAConfigID config, uint32_t format,
             VAStatus *status)
{
    const uint32_t width = pair->width && pair->width < TRY_WIDTH ? pair->width : TRY_WIDTH;
    const uint32_t height = pair->height && pair->height < TRY_HEIGHT ? pair->height : TRY_HEIGHT;
    VASurfaceID surface;
    VAContextID context;

    *status = va->lib.vaCreateSurfaces (va->display, format, width, height, &surface, 1, NULL, 0);
    if (*status != VA_STATUS_SUCCESS)
        return "vaCreateSurfaces";
    *status = va->lib.vaCreateContext (va->display, config, (int) width, (int) height, VA_PROGRESSIVE,
                                       &surface, 1, &context);
    if (*status == VA_STATUS_SUCCESS)
        (void) va->lib.vaDestroyContext (va->display, context);
    (void) va->lib.vaDestroySurfaces (va->display, &surface, 1);
    return *status == VA_STATUS_SUCCESS ? NULL : "vaCreateContext";
}

/* NULL: it works. Else the call that did not, with its status.  */
static const char *
try_pair (const struct va *va, const struct pair *pair, uint32_t format, uint32_t rate, VAStatus *status)
{
    VAConfigAttrib attributes[] = {
        {.type = VAConfigAttribRTFormat, .value = format},
        {.type = VAConfigAttribRateControl, .value = rate},
    };
    const char *failed;
    VAConfigID config;

    *status = va->lib.vaCreateConfig (va->display, pair->profile, pair->entrypoint, attributes, rate ? 2 : 1,
                                      &config);
    if (*status != VA_STATUS_SUCCESS)
        return "vaCreateConfig";
    failed = try_context (va, pair, config, format, status);
    (void) va->lib.vaDestroyConfig (va->display, config);
    return failed;
}

struct wish {
    VAProfile profile;
    VAEntrypoint entrypoints[3]; /* in order of preference; 0 ends them */
    uint32_t format;
};

static struct wish
wish_for (const struct capability *c)
{
    struct wish wish = {.profile = videos[c->video].profile, .format = videos[c->video].format};

    if (c->task == TASK_VPP) {
        wish = (struct wish){VAProfileNone, {VAEntrypointVideoProc}, VA_RT_FORMAT_YUV420};
    } else if (c->task == TASK_DECODE) {
        wish.entrypoints[0] = VAEntrypointVLD;
    } else if (c->video == VIDEO_JPEG) {
        wish.entrypoints[0] = VAEntrypointEncPicture;
    } else {
        wish.entrypoints[0] = VAEntrypointEncSlice;
        wish.entrypoints[1] = VAEntrypointEncSliceLP;
    }
    return wish;
}

static const struct pair *
find_pair (const struct va *va, const struct wish *wish, VAEntrypoint entrypoint)
{
    for (unsigned i = 0; i < va->n_pairs; i++) {
        const struct pair *pair = &va->pairs[i];

        if (pair->profile == wish->profile && pair->entrypoint == entrypoint
            && (pair->formats == 0 || (pair->formats & wish->format)))
            return pair;
    }
    return NULL;
}

/* Where any will do: the plainest that is there.  */
static uint32_t
pick_rate (const struct pair *pair, enum require_rate wanted)
{
    if (wanted != RATE_ANY)
        return pair->rates & rates[wanted].bit;
    for (unsigned i = RATE_CQP; i < RATE_COUNT; i++)
        if (pair->rates & rates[i].bit)
            return rates[i].bit;
    return 0;
}

/* What the kernel's driver has to say may well be the cause.  */
static void
add_notes (const struct va *va, struct probe_verdict *verdict)
{
    for (unsigned i = 0; i < va->facts->n_notes; i++) {
        size_t len = strlen (verdict->message);

        (void) snprintf (verdict->message + len, sizeof verdict->message - len, ". %s", va->facts->notes[i]);
    }
}

static void
judge_pair (const struct va *va, const struct capability *c, const struct pair *pair, uint32_t format,
            struct probe_verdict *verdict)
{
    const char *profile = profile_name (va, pair->profile);
    const char *entrypoint = entrypoint_name (va, pair->entrypoint), *failed;
    uint32_t rate = c->task == TASK_ENCODE ? pick_rate (pair, c->rate) : 0;
    VAStatus status;

    if (c->rate != RATE_ANY && !rate) {
        if (verdict->reason != PROBE_REFUSED)
            judge (verdict, PROBE_MISSING_RATE,
                   "%s: the VA driver does not offer rate control %s for %s with %s on this GPU", c->text,
                   rates[c->rate].name, profile, entrypoint);
        return;
    }
    failed = try_pair (va, pair, format, rate, &status);
    if (failed)
        judge (verdict, PROBE_REFUSED,
               "%s: the VA driver lists %s with %s, but refuses it (%s: %s): another program may hold all of "
               "the "
               "engine, or the host's kernel or firmware is too old for this GPU; look at the host's dmesg",
               c->text, profile, entrypoint, failed, or_none (va->lib.vaErrorStr (status)));
    else
        judge (verdict, PROBE_OK, "%s with %s", profile, entrypoint);
}

static void
judge_capability (const struct va *va, const struct capability *c, struct probe_verdict *verdict)
{
    const struct wish wish = wish_for (c);

    judge (verdict, PROBE_MISSING_PROFILE,
           "%s: the VA driver does not offer %s with %s on this GPU; choose another GPU (dri.gpu), or "
           "another driver",
           c->text, profile_name (va, wish.profile), entrypoint_name (va, wish.entrypoints[0]));
    for (const VAEntrypoint *e = wish.entrypoints; *e != 0 && verdict->reason != PROBE_OK; e++) {
        const struct pair *pair = find_pair (va, &wish, *e);

        if (pair)
            judge_pair (va, c, pair, wish.format, verdict);
    }
    if (verdict->reason != PROBE_OK)
        add_notes (va, verdict);
}

/* The verdict is that of the first capability that is missing; all are tried.  */
static void
judge_capabilities (const struct va *va, const struct require *require, struct probe_verdict *verdict)
{
    json_t *findings = json_array ();

    for (unsigned i = 0; i < require->n; i++) {
        const struct capability *c = &require->list[i];
        struct probe_verdict one = {.reason = PROBE_OK};

        report_step (va->report, c->text);
        judge_capability (va, c, &one);
        text_clean (one.message);
        (void) json_array_append_new (
            findings, json_pack ("{s:s s:b s:s s:s}", "capability", c->text, "ok", one.reason == PROBE_OK,
                                 "reason", probe_reason_name (one.reason), "message", one.message));
        if (verdict->reason == PROBE_OK && one.reason != PROBE_OK)
            *verdict = one;
    }
    report_finding (va->report, "require", findings);
}

static void
judge_display (struct va *va, const struct require *require, json_t *finding, struct probe_verdict *verdict)
{
    json_t *profiles = json_array ();
    char vendor[256];
    bool listed;

    report_step (va->report, "va-profiles");
    (void) snprintf (vendor, sizeof vendor, "%s", or_none (va->lib.vaQueryVendorString (va->display)));
    text_clean (vendor);
    listed = list_profiles (va, profiles, verdict);
    (void) json_object_set_new (finding, "vendor", json_string (vendor));
    (void) json_object_set_new (finding, "profiles", profiles);
    report_finding (va->report, "vaapi", json_incref (finding));
    if (listed) {
        judge (verdict, PROBE_OK, "VA-API works: %s", vendor);
        judge_capabilities (va, require, verdict);
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
    if (!load_libva (&va.lib, verdict))
        return;
    report_step (report, "va-initialize");
    if (initialize (&va, node, finding, verdict))
        judge_display (&va, require, finding, verdict);
}
