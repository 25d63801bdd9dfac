/* dri.require: what a GPU must be able to do, as a list of words. Pure.
 *
 *   list       = capability *("," capability)
 *   capability = "vpp" / video "-decode" / video "-encode" ["-" rate]
 *   video      = "mpeg2" / "vc1" / "jpeg" / "h264" / "hevc" / "hevc10" / "hevc12" / "vp8" / "vp9" / "vp9-10"
 *                / "av1" / "av1-10"
 *   rate       = "cqp" / "cbr" / "vbr" / "icq" / "qvbr" / "avbr"
 *
 * Spaces around words count for nothing. Without "10" or "12" eight bits are meant.  */
#ifndef DRI_REQUIRE_H
#define DRI_REQUIRE_H

#include "error.h"

enum { REQUIRE_MAX = 16, REQUIRE_WORD_MAX = 24 };

enum require_video {
    VIDEO_MPEG2,
    VIDEO_VC1,
    VIDEO_JPEG,
    VIDEO_H264,
    VIDEO_HEVC,
    VIDEO_HEVC10,
    VIDEO_HEVC12,
    VIDEO_VP8,
    VIDEO_VP9,
    VIDEO_VP9_10,
    VIDEO_AV1,
    VIDEO_AV1_10,
    VIDEO_COUNT
};

enum require_task { TASK_DECODE, TASK_ENCODE, TASK_VPP };

enum require_rate { RATE_ANY, RATE_CQP, RATE_CBR, RATE_VBR, RATE_ICQ, RATE_QVBR, RATE_AVBR, RATE_COUNT };

struct capability {
    char text[REQUIRE_WORD_MAX]; /* "hevc10-encode-vbr" */
    enum require_task task;
    enum require_video video; /* not for TASK_VPP */
    enum require_rate rate;   /* TASK_ENCODE only */
};

struct require {
    struct capability list[REQUIRE_MAX]; /* each once, in the order they were written */
    unsigned n;
};

/* "" is none. Errors name the word, and what it can be.  */
int require_parse (struct require *require, const char *text, struct error *err);

/* Writes the text of a capability whose other members are set.  */
void capability_name (struct capability *capability);

#endif
