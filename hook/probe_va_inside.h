/* What the parts of probe_va.h share: the library, what it lists (probe_va_list.c), what it does
 * (probe_va_try.c).  */
#ifndef DRI_PROBE_VA_INSIDE_H
#define DRI_PROBE_VA_INSIDE_H

#include <stdint.h>
#include <va/va.h>
#include <va/va_drm.h>
#include <va/va_str.h>

#include "probe_va.h"

enum { PAIRS_MAX = 256 };

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

struct va_rate {
    const char *name;
    uint32_t bit; /* VA_RC_* */
};
extern const struct va_rate va_rates[RATE_COUNT];

void va_verdict (struct probe_verdict *verdict, enum probe_reason reason, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));
const char *va_or_none (const char *text);
const char *va_profile_name (const struct va *va, VAProfile profile);
const char *va_entrypoint_name (const struct va *va, VAEntrypoint entrypoint);

/* False, with the verdict, where there is no libva, or one that is of no use.  */
bool va_load (struct libva *lib, struct probe_verdict *verdict);

/* Fills in pairs and list. False, with the verdict, where there is none.  */
bool va_list_profiles (struct va *va, json_t *list, struct probe_verdict *verdict);

/* Tries each, and reports "require". The verdict is that of the first capability that is missing.  */
void va_judge_capabilities (const struct va *va, const struct require *require,
                            struct probe_verdict *verdict);

#endif
