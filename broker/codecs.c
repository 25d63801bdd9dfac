#include "codecs.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../oci/cleanup.h"

enum { INTEL = 0x8086, AMD = 0x1002 };

#define MPEG2    (1U << VIDEO_MPEG2)
#define VC1      (1U << VIDEO_VC1)
#define JPEG     (1U << VIDEO_JPEG)
#define H264     (1U << VIDEO_H264)
#define HEVC     (1U << VIDEO_HEVC)
#define HEVC10   (1U << VIDEO_HEVC10)
#define HEVC12   (1U << VIDEO_HEVC12)
#define VP8      (1U << VIDEO_VP8)
#define VP9      (1U << VIDEO_VP9)
#define VP9_10   (1U << VIDEO_VP9_10)
#define AV1      (1U << VIDEO_AV1)
#define AV1_10   (1U << VIDEO_AV1_10)
#define HEVC_ALL (HEVC | HEVC10 | HEVC12)
#define VP9_ALL  (VP9 | VP9_10)
#define AV1_ALL  (AV1 | AV1_10)

/* --- generations of video engines --- */

struct engine {
    uint16_t decode, encode;
};

enum engine_kind {
    /* Intel, the columns of the media driver's table */
    SKL,
    BXT,
    KBL,
    ICL,
    JSL,
    TGL,
    TGL_LATER, /* Rocket Lake and later: VP8 is gone */
    DG2,
    MTL,
    BMG, /* and Lunar Lake */
    PTL,
    /* AMD, by VCN */
    VCN1,
    VCN2,
    VCN3,
    VCN3_APU,   /* Rembrandt: no MPEG-2, no VC-1 */
    VCN3_SMALL, /* Navi 24: no encoder, no AV1 */
    VCN4,
};

static const struct engine engines[] = {
    [SKL] = {MPEG2 | VC1 | JPEG | H264 | HEVC | VP8, MPEG2 | JPEG | H264 | HEVC},
    [BXT] = {MPEG2 | VC1 | JPEG | H264 | HEVC | HEVC10 | VP8 | VP9, JPEG | H264 | HEVC},
    [KBL] = {MPEG2 | VC1 | JPEG | H264 | HEVC | HEVC10 | VP8 | VP9_ALL,
             MPEG2 | JPEG | H264 | HEVC | HEVC10 | VP8},
    [ICL] = {MPEG2 | VC1 | JPEG | H264 | HEVC | HEVC10 | VP8 | VP9_ALL,
             MPEG2 | JPEG | H264 | HEVC | HEVC10 | VP8 | VP9_ALL},
    [JSL] = {MPEG2 | VC1 | JPEG | H264 | HEVC | HEVC10 | VP8 | VP9_ALL,
             JPEG | H264 | HEVC | HEVC10 | VP9_ALL},
    [TGL] = {MPEG2 | VC1 | JPEG | H264 | HEVC_ALL | VP8 | VP9_ALL | AV1_ALL,
             MPEG2 | JPEG | H264 | HEVC_ALL | VP9_ALL},
    [TGL_LATER] = {MPEG2 | VC1 | JPEG | H264 | HEVC_ALL | VP9_ALL | AV1_ALL,
                   MPEG2 | JPEG | H264 | HEVC_ALL | VP9_ALL},
    [DG2] = {MPEG2 | JPEG | H264 | HEVC_ALL | VP9_ALL | AV1_ALL,
             JPEG | H264 | HEVC | HEVC10 | VP9_ALL | AV1_ALL},
    [MTL] = {MPEG2 | JPEG | H264 | HEVC_ALL | VP8 | VP9_ALL | AV1_ALL,
             JPEG | H264 | HEVC | HEVC10 | VP9_ALL | AV1_ALL},
    [BMG] = {MPEG2 | JPEG | H264 | HEVC_ALL | VP8 | VP9_ALL | AV1_ALL, JPEG | H264 | HEVC | HEVC10 | AV1_ALL},
    [PTL] = {MPEG2 | JPEG | H264 | HEVC_ALL | VP8 | VP9_ALL | AV1_ALL,
             JPEG | H264 | HEVC | HEVC10 | VP9_ALL | AV1_ALL},
    [VCN1] = {MPEG2 | VC1 | JPEG | H264 | HEVC | HEVC10 | VP9_ALL, H264 | HEVC},
    [VCN2] = {MPEG2 | VC1 | JPEG | H264 | HEVC | HEVC10 | VP9_ALL, H264 | HEVC | HEVC10},
    [VCN3] = {MPEG2 | VC1 | JPEG | H264 | HEVC | HEVC10 | VP9_ALL | AV1_ALL, H264 | HEVC | HEVC10},
    [VCN3_APU] = {JPEG | H264 | HEVC | HEVC10 | VP9_ALL | AV1_ALL, H264 | HEVC | HEVC10},
    [VCN3_SMALL] = {H264 | HEVC | HEVC10 | VP9_ALL, 0},
    [VCN4] = {JPEG | H264 | HEVC | HEVC10 | VP9_ALL | AV1_ALL, H264 | HEVC | HEVC10 | AV1},
};

/* --- who has them --- */

static const struct {
    uint16_t vendor, first, last; /* the ids, both ends too */
    enum engine_kind engine;
    const char *name;
} chips[] = {
    {INTEL, 0x1902, 0x193d, SKL, "Skylake"},
    {INTEL, 0x5a84, 0x5a85, BXT, "Apollo Lake"},
    {INTEL, 0x3184, 0x3185, BXT, "Gemini Lake"},
    {INTEL, 0x5902, 0x593b, KBL, "Kaby Lake"},
    {INTEL, 0x87c0, 0x87c0, KBL, "Amber Lake"},
    {INTEL, 0x87ca, 0x87ca, KBL, "Amber Lake"},
    {INTEL, 0x3ea0, 0x3ea4, KBL, "Whiskey Lake"},
    {INTEL, 0x3e90, 0x3ea9, KBL, "Coffee Lake"},
    {INTEL, 0x9b21, 0x9bf6, KBL, "Comet Lake"},
    {INTEL, 0x8a50, 0x8a71, ICL, "Ice Lake"},
    {INTEL, 0x4541, 0x4571, JSL, "Elkhart Lake"},
    {INTEL, 0x4e51, 0x4e71, JSL, "Jasper Lake"},
    {INTEL, 0x9a40, 0x9af8, TGL, "Tiger Lake"},
    {INTEL, 0x4c80, 0x4c9a, TGL_LATER, "Rocket Lake"},
    {INTEL, 0x4905, 0x4909, TGL_LATER, "DG1"},
    {INTEL, 0x4680, 0x4693, TGL_LATER, "Alder Lake-S"},
    {INTEL, 0x4626, 0x462a, TGL_LATER, "Alder Lake-P"},
    {INTEL, 0x46a0, 0x46c3, TGL_LATER, "Alder Lake-P"},
    {INTEL, 0x46d0, 0x46d4, TGL_LATER, "Alder Lake-N"},
    {INTEL, 0xa720, 0xa721, TGL_LATER, "Raptor Lake-P"},
    {INTEL, 0xa780, 0xa78b, TGL_LATER, "Raptor Lake-S"},
    {INTEL, 0xa7a0, 0xa7ad, TGL_LATER, "Raptor Lake-P"},
    {INTEL, 0x5690, 0x5697, DG2, "Arc (DG2)"},
    {INTEL, 0x56a0, 0x56bf, DG2, "Arc (DG2)"},
    {INTEL, 0x56c0, 0x56c2, DG2, "Flex (DG2)"},
    {INTEL, 0x7d41, 0x7d41, MTL, "Arrow Lake"},
    {INTEL, 0x7d51, 0x7d51, MTL, "Arrow Lake"},
    {INTEL, 0x7d67, 0x7d67, MTL, "Arrow Lake"},
    {INTEL, 0x7dd1, 0x7dd1, MTL, "Arrow Lake"},
    {INTEL, 0xb640, 0xb640, MTL, "Arrow Lake"},
    {INTEL, 0x7d40, 0x7d60, MTL, "Meteor Lake"},
    {INTEL, 0x7dd5, 0x7dd5, MTL, "Meteor Lake"},
    {INTEL, 0x6420, 0x64b0, BMG, "Lunar Lake"},
    {INTEL, 0xe202, 0xe223, BMG, "Battlemage"},
    {INTEL, 0xb080, 0xb0b0, PTL, "Panther Lake"},
    {AMD, 0x15d8, 0x15d8, VCN1, "Picasso"},
    {AMD, 0x15dd, 0x15dd, VCN1, "Raven Ridge"},
    {AMD, 0x7310, 0x731f, VCN2, "Navi 10"},
    {AMD, 0x7340, 0x734f, VCN2, "Navi 14"},
    {AMD, 0x1636, 0x1636, VCN2, "Renoir"},
    {AMD, 0x1638, 0x1638, VCN2, "Cezanne"},
    {AMD, 0x164c, 0x164c, VCN2, "Lucienne"},
    {AMD, 0x15e7, 0x15e7, VCN2, "Barcelo"},
    {AMD, 0x73a0, 0x73bf, VCN3, "Navi 21"},
    {AMD, 0x73c0, 0x73df, VCN3, "Navi 22"},
    {AMD, 0x73e0, 0x73ff, VCN3, "Navi 23"},
    {AMD, 0x163f, 0x163f, VCN3, "Van Gogh"},
    {AMD, 0x164d, 0x164d, VCN3_APU, "Rembrandt"},
    {AMD, 0x1681, 0x1681, VCN3_APU, "Rembrandt"},
    {AMD, 0x7420, 0x743f, VCN3_SMALL, "Navi 24"},
    {AMD, 0x744c, 0x744c, VCN4, "Navi 31"},
    {AMD, 0x747e, 0x747e, VCN4, "Navi 32"},
    {AMD, 0x7480, 0x7480, VCN4, "Navi 33"},
    {AMD, 0x15bf, 0x15bf, VCN4, "Phoenix"},
};

bool
codecs_find (uint16_t vendor, uint16_t device, struct generation *generation)
{
    for (size_t i = 0; i < countof (chips); i++) {
        const struct engine *engine = &engines[chips[i].engine];

        if (chips[i].vendor != vendor || device < chips[i].first || device > chips[i].last)
            continue;
        *generation = (struct generation){.name = chips[i].name, .abilities.decode = engine->decode};
        for (unsigned v = 0; v < VIDEO_COUNT; v++)
            generation->abilities.encode[v] = engine->encode & 1U << v ? 1U << RATE_ANY : 0;
        return true;
    }
    return false;
}

/* --- sentences --- */

static const char *const titles[VIDEO_COUNT] = {
    [VIDEO_MPEG2] = "MPEG-2",       [VIDEO_VC1] = "VC-1",  [VIDEO_JPEG] = "JPEG",
    [VIDEO_H264] = "H.264",         [VIDEO_HEVC] = "HEVC", [VIDEO_HEVC10] = "HEVC 10-bit",
    [VIDEO_HEVC12] = "HEVC 12-bit", [VIDEO_VP8] = "VP8",   [VIDEO_VP9] = "VP9",
    [VIDEO_VP9_10] = "VP9 10-bit",  [VIDEO_AV1] = "AV1",   [VIDEO_AV1_10] = "AV1 10-bit",
};

/* Videos that the hardware can do and the driver does not list, of those wanted.  */
static uint16_t
missing (const struct generation *generation, const struct abilities *listed, enum require_task task,
         const struct require *wanted)
{
    struct capability c = {.task = task, .rate = RATE_ANY};
    uint16_t all = 0, named = 0;

    for (unsigned v = 0; v < VIDEO_COUNT; v++) {
        c.video = (enum require_video) v;
        if (abilities_have (&generation->abilities, &c) && !abilities_have (listed, &c))
            all |= (uint16_t) (1U << v);
    }
    for (unsigned i = 0; wanted && i < wanted->n; i++)
        if (wanted->list[i].task == task)
            named |= (uint16_t) (1U << wanted->list[i].video);
    return wanted ? all & named : all;
}

static void __attribute__ ((format (printf, 3, 4))) add (char *out, size_t size, const char *format, ...)
{
    size_t len = strlen (out);
    va_list args;

    va_start (args, format);
    (void) vsnprintf (out + len, size - len, format, args);
    va_end (args);
}

/* "decodes HEVC, VP9 and AV1" */
static void
add_videos (char *out, size_t size, const char *verb, uint16_t videos)
{
    const char *before = verb;

    for (unsigned v = 0; v < VIDEO_COUNT; v++) {
        if (!(videos & 1U << v))
            continue;
        videos &= (uint16_t) ~(1U << v);
        add (out, size, "%s %s", before, titles[v]);
        before = videos & (videos - 1) ? "," : " and";
    }
}

/* "i965 2.4.1" of "Intel i965 driver for Intel(R) Coffee Lake - 2.4.1", "iHD 23.1.1" of "Intel iHD driver for
 * Intel(R) Gen Graphics - 23.1.1 ()", "Mesa 22.3.6" of "Mesa Gallium driver 22.3.6 for AMD Radeon …". Others
 * in full.  */
static void
shorten_driver (const char *driver, char *out, size_t size)
{
    static const char mesa[] = "Mesa Gallium driver ";
    const char *dash = strstr (driver, " - ");
    char word[16];

    if (sscanf (driver, "Intel %15s driver for ", word) == 1 && dash)
        (void) snprintf (out, size, "%s %.*s", word, (int) strcspn (dash + 3, " "), dash + 3);
    else if (strncmp (driver, mesa, strlen (mesa)) == 0)
        (void) snprintf (out, size, "Mesa %.*s", (int) strcspn (driver + strlen (mesa), " "),
                         driver + strlen (mesa));
    else
        (void) snprintf (out, size, "%s", driver[0] ? driver : "without a name");
}

/* Of each driver what is known to take codecs away.  */
static void
add_remedy (char *out, size_t size, const char *driver, const char *place)
{
    if (strncmp (driver, "i965 ", 5) == 0)
        add (out, size, "%s lacks iHD (intel-media-va-driver)", place);
    else if (strncmp (driver, "iHD ", 4) == 0)
        add (out, size,
             "%s has its free build or an old one; intel-media-va-driver-non-free is the full one, and the "
             "kernel has to know the GPU too",
             place);
    else if (strncmp (driver, "Mesa ", 5) == 0)
        add (out, size, "%s has an old Mesa, or one that was built without these codecs", place);
    else
        add (out, size, "%s has another driver than the usual one of this GPU, or an old one", place);
}

void
codecs_describe (const struct generation *generation, char *out, size_t size)
{
    const struct abilities none = {.decode = 0};
    uint16_t decode = missing (generation, &none, TASK_DECODE, NULL);
    uint16_t encode = missing (generation, &none, TASK_ENCODE, NULL);

    (void) snprintf (out, size, "%s", generation->name);
    add_videos (out, size, " decodes", decode);
    if (encode)
        add_videos (out, size, ", and encodes", encode);
}

void
codecs_explain (const struct generation *generation, const struct abilities *listed, const char *driver,
                const char *place, const struct require *wanted, char *out, size_t size)
{
    uint16_t decode = missing (generation, listed, TASK_DECODE, wanted);
    uint16_t encode = missing (generation, listed, TASK_ENCODE, wanted);
    char name[80];

    out[0] = '\0';
    if (!decode && !encode)
        return;
    shorten_driver (driver, name, sizeof name);
    add (out, size, "%s", generation->name);
    if (decode)
        add_videos (out, size, " decodes", decode);
    if (encode)
        add_videos (out, size, decode ? " and encodes" : " encodes", encode);
    add (out, size, "; this driver, %s, does not list %s: ", name,
         __builtin_popcount (decode) + __builtin_popcount (encode) == 1 ? "it" : "that");
    add_remedy (out, size, name, place);
}
