#include "abilities.h"

#include <string.h>

#include "../oci/cleanup.h"

/* Names as vaProfileStr() has them, without "VAProfile". A capability stands for one of the profiles of its
 * video, the one that dri-probe tries; of a profile that can be of several depths the depth tells which.  */
static const struct {
    const char *profile;
    enum require_video video;
    int depth;
} videos[] = {
    {"MPEG2Main", VIDEO_MPEG2, 8},     {"VC1Advanced", VIDEO_VC1, 8},   {"JPEGBaseline", VIDEO_JPEG, 8},
    {"H264High", VIDEO_H264, 8},       {"HEVCMain", VIDEO_HEVC, 8},     {"HEVCMain10", VIDEO_HEVC10, 10},
    {"HEVCMain12", VIDEO_HEVC12, 12},  {"VP8Version0_3", VIDEO_VP8, 8}, {"VP9Profile0", VIDEO_VP9, 8},
    {"VP9Profile2", VIDEO_VP9_10, 10}, {"AV1Profile0", VIDEO_AV1, 8},   {"AV1Profile0", VIDEO_AV1_10, 10},
};

static const char *const rates[RATE_COUNT] = {"", "cqp", "cbr", "vbr", "icq", "qvbr", "avbr"};

void
abilities_add (struct abilities *abilities, const struct capability *capability)
{
    switch (capability->task) {
    case TASK_DECODE:
        abilities->decode |= (uint16_t) (1U << capability->video);
        break;
    case TASK_ENCODE:
        abilities->encode[capability->video] |= (uint8_t) (1U << RATE_ANY | 1U << capability->rate);
        break;
    case TASK_VPP:
        abilities->vpp = true;
        break;
    }
}

bool
abilities_have (const struct abilities *abilities, const struct capability *capability)
{
    switch (capability->task) {
    case TASK_DECODE:
        return abilities->decode & 1U << capability->video;
    case TASK_ENCODE:
        return abilities->encode[capability->video] & 1U << capability->rate;
    case TASK_VPP:
        return abilities->vpp;
    }
    return false;
}

const struct capability *
abilities_lack (const struct abilities *abilities, const struct require *require)
{
    for (unsigned i = 0; i < require->n; i++)
        if (!abilities_have (abilities, &require->list[i]))
            return &require->list[i];
    return NULL;
}

/* --- from a report --- */

static const char *
text_of (const json_t *object, const char *key)
{
    const char *text = json_string_value (json_object_get (object, key));

    return text ? text : "";
}

/* Where the driver does not tell its depths, dri-probe takes it at its word too.  */
static bool
has_depth (const json_t *profile, int depth)
{
    const json_t *depths = json_object_get (profile, "depths"), *one;
    size_t i;

    json_array_foreach ((json_t *) depths, i, one) {
        if (json_integer_value (one) == depth)
            return true;
    }
    return !depths;
}

static bool
read_task (struct capability *c, const char *entrypoint)
{
    c->task = strcmp (entrypoint, "VLD") == 0 ? TASK_DECODE : TASK_ENCODE;
    return c->task == TASK_DECODE
           || strcmp (entrypoint, c->video == VIDEO_JPEG ? "EncPicture" : "EncSlice") == 0
           || (c->video != VIDEO_JPEG && strcmp (entrypoint, "EncSliceLP") == 0);
}

static void
add_rates (struct abilities *abilities, struct capability c, const json_t *profile)
{
    const json_t *rate;
    size_t i;

    json_array_foreach (json_object_get (profile, "rates"), i, rate) {
        for (unsigned r = RATE_ANY + 1; r < RATE_COUNT && json_is_string (rate); r++) {
            c.rate = (enum require_rate) r;
            if (strcmp (json_string_value (rate), rates[r]) == 0)
                abilities_add (abilities, &c);
        }
    }
}

static void
read_profile (struct abilities *abilities, const json_t *profile)
{
    const char *name = text_of (profile, "profile"), *entrypoint = text_of (profile, "entrypoint");

    if (strcmp (name, "None") == 0 && strcmp (entrypoint, "VideoProc") == 0)
        abilities->vpp = true;
    for (size_t i = 0; i < countof (videos); i++) {
        struct capability c = {.video = videos[i].video, .rate = RATE_ANY};

        if (strcmp (name, videos[i].profile) != 0 || !has_depth (profile, videos[i].depth)
            || !read_task (&c, entrypoint))
            continue;
        abilities_add (abilities, &c);
        if (c.task == TASK_ENCODE)
            add_rates (abilities, c, profile);
    }
}

void
abilities_read (struct abilities *abilities, const json_t *profiles)
{
    const json_t *profile;
    size_t i;

    *abilities = (struct abilities){.vpp = false};
    json_array_foreach ((json_t *) profiles, i, profile)
        read_profile (abilities, profile);
}

/* --- to words --- */

static void
append_word (json_t *list, const struct abilities *abilities, struct capability c)
{
    if (!abilities_have (abilities, &c))
        return;
    capability_name (&c);
    (void) json_array_append_new (list, json_string (c.text));
}

json_t *
abilities_to_json (const struct abilities *abilities)
{
    json_t *list = json_array ();

    append_word (list, abilities, (struct capability){.task = TASK_VPP});
    for (unsigned v = 0; v < VIDEO_COUNT; v++) {
        append_word (list, abilities, (struct capability){.task = TASK_DECODE, .video = v});
        for (unsigned r = 0; r < RATE_COUNT; r++)
            append_word (list, abilities, (struct capability){.task = TASK_ENCODE, .video = v, .rate = r});
    }
    return list;
}
