#include "probe_va_inside.h"

#include <stdio.h>
#include <string.h>

#include "../oci/cleanup.h"

enum { TRY_WIDTH = 1280, TRY_HEIGHT = 720 };

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
        return pair->rates & va_rates[wanted].bit;
    for (unsigned i = RATE_CQP; i < RATE_COUNT; i++)
        if (pair->rates & va_rates[i].bit)
            return va_rates[i].bit;
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
    const char *profile = va_profile_name (va, pair->profile);
    const char *entrypoint = va_entrypoint_name (va, pair->entrypoint), *failed;
    uint32_t rate = c->task == TASK_ENCODE ? pick_rate (pair, c->rate) : 0;
    VAStatus status;

    if (c->rate != RATE_ANY && !rate) {
        if (verdict->reason != PROBE_REFUSED)
            va_verdict (verdict, PROBE_MISSING_RATE,
                        "%s: the VA driver does not offer rate control %s for %s with %s on this GPU",
                        c->text, va_rates[c->rate].name, profile, entrypoint);
        return;
    }
    failed = try_pair (va, pair, format, rate, &status);
    if (failed)
        va_verdict (
            verdict, PROBE_REFUSED,
            "%s: the VA driver lists %s with %s, but refuses it (%s: %s): another program may hold all of "
            "the "
            "engine, or the host's kernel or firmware is too old for this GPU; look at the host's dmesg",
            c->text, profile, entrypoint, failed, va_or_none (va->lib.vaErrorStr (status)));
    else
        va_verdict (verdict, PROBE_OK, "%s with %s", profile, entrypoint);
}

static void
judge_capability (const struct va *va, const struct capability *c, struct probe_verdict *verdict)
{
    const struct wish wish = wish_for (c);

    va_verdict (verdict, PROBE_MISSING_PROFILE,
                "%s: the VA driver does not offer %s with %s on this GPU; choose another GPU (dri.gpu), or "
                "another driver",
                c->text, va_profile_name (va, wish.profile), va_entrypoint_name (va, wish.entrypoints[0]));
    for (const VAEntrypoint *e = wish.entrypoints; *e != 0 && verdict->reason != PROBE_OK; e++) {
        const struct pair *pair = find_pair (va, &wish, *e);

        if (pair)
            judge_pair (va, c, pair, wish.format, verdict);
    }
    if (verdict->reason != PROBE_OK)
        add_notes (va, verdict);
}

/* The verdict is that of the first capability that is missing; all are tried.  */
void
va_judge_capabilities (const struct va *va, const struct require *require, struct probe_verdict *verdict)
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
