#include "probe_va_inside.h"

#include <stdio.h>
#include <string.h>

#include "../oci/cleanup.h"

enum { PROFILES_MAX = 1024 };

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
        if (bits & va_rates[i].bit)
            (void) json_array_append_new (list, json_string (va_rates[i].name));
    return list;
}

/* Bits of color, of 4:2:0.  */
static json_t *
depths_to_json (uint32_t formats)
{
    static const struct {
        uint32_t format;
        json_int_t depth;
    } depths[] = {{VA_RT_FORMAT_YUV420, 8}, {VA_RT_FORMAT_YUV420_10, 10}, {VA_RT_FORMAT_YUV420_12, 12}};
    json_t *list = json_array ();

    for (size_t i = 0; i < countof (depths); i++)
        if (formats & depths[i].format)
            (void) json_array_append_new (list, json_integer (depths[i].depth));
    return list;
}

static json_t *
pair_to_json (const struct va *va, const struct pair *pair)
{
    json_t *json = json_pack ("{s:s s:s}", "profile", va_profile_name (va, pair->profile), "entrypoint",
                              va_entrypoint_name (va, pair->entrypoint));

    if (pair->formats)
        (void) json_object_set_new (json, "depths", depths_to_json (pair->formats));
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

bool
va_list_profiles (struct va *va, json_t *list, struct probe_verdict *verdict)
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
        va_verdict (
            verdict, PROBE_NO_PROFILES,
            "the VA driver comes up, but lists no profile: it can do nothing on this GPU; choose another "
            "GPU or "
            "driver");
    return va->n_pairs > 0;
}
