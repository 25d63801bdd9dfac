#include "require.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"

static const char *const videos[VIDEO_COUNT] = {
    [VIDEO_MPEG2] = "mpeg2", [VIDEO_VC1] = "vc1",       [VIDEO_JPEG] = "jpeg",     [VIDEO_H264] = "h264",
    [VIDEO_HEVC] = "hevc",   [VIDEO_HEVC10] = "hevc10", [VIDEO_HEVC12] = "hevc12", [VIDEO_VP8] = "vp8",
    [VIDEO_VP9] = "vp9",     [VIDEO_VP9_10] = "vp9-10", [VIDEO_AV1] = "av1",       [VIDEO_AV1_10] = "av1-10",
};

static const char *const rates[RATE_COUNT] = {
    [RATE_ANY] = "",     [RATE_CQP] = "-cqp",   [RATE_CBR] = "-cbr",   [RATE_VBR] = "-vbr",
    [RATE_ICQ] = "-icq", [RATE_QVBR] = "-qvbr", [RATE_AVBR] = "-avbr",
};

static bool
starts_with (const char *text, const char *start)
{
    return strncmp (text, start, strlen (start)) == 0;
}

static bool
read_rate (struct capability *c, const char *text)
{
    for (unsigned i = 0; i < RATE_COUNT; i++)
        if (strcmp (text, rates[i]) == 0) {
            c->rate = (enum require_rate) i;
            return true;
        }
    return false;
}

static bool
read_task (struct capability *c, const char *text)
{
    if (strcmp (text, "-decode") == 0) {
        c->task = TASK_DECODE;
        return true;
    }
    c->task = TASK_ENCODE;
    return starts_with (text, "-encode") && read_rate (c, text + strlen ("-encode"));
}

static bool
read_capability (struct capability *c)
{
    if (strcmp (c->text, "vpp") == 0) {
        c->task = TASK_VPP;
        return true;
    }
    for (unsigned i = 0; i < VIDEO_COUNT; i++)
        if (starts_with (c->text, videos[i]) && read_task (c, c->text + strlen (videos[i]))) {
            c->video = (enum require_video) i;
            return true;
        }
    return false;
}

static int
explain (const char *word, size_t len, struct error *err)
{
    char names[160] = "";

    for (unsigned i = 0; i < VIDEO_COUNT; i++)
        (void) snprintf (names + strlen (names), sizeof names - strlen (names), "%s%s", i ? ", " : "",
                         videos[i]);
    return error_set (
        err, 0,
        "\"%.*s\" is no capability: write vpp, VIDEO-decode, VIDEO-encode or VIDEO-encode-RATE, with "
        "VIDEO one of %s, and RATE one of cqp, cbr, vbr, icq, qvbr, avbr",
        (int) (len > 40 ? 40 : len), word, names);
}

static bool
is_listed (const struct require *require, const char *text)
{
    for (unsigned i = 0; i < require->n; i++)
        if (strcmp (require->list[i].text, text) == 0)
            return true;
    return false;
}

static int
add_word (struct require *require, const char *word, size_t len, struct error *err)
{
    struct capability c = {.rate = RATE_ANY};

    while (len > 0 && *word == ' ') {
        word++;
        len--;
    }
    while (len > 0 && word[len - 1] == ' ')
        len--;
    if (len >= sizeof c.text)
        return explain (word, len, err);
    memcpy (c.text, word, len);
    if (!read_capability (&c))
        return explain (word, len, err);
    if (is_listed (require, c.text))
        return 0;
    if (require->n == REQUIRE_MAX)
        return error_set (err, 0, "more than %d capabilities", REQUIRE_MAX);
    require->list[require->n++] = c;
    return 0;
}

void
capability_name (struct capability *capability)
{
    if (capability->task == TASK_VPP)
        (void) snprintf (capability->text, sizeof capability->text, "vpp");
    else if (capability->task == TASK_DECODE)
        (void) snprintf (capability->text, sizeof capability->text, "%s-decode", videos[capability->video]);
    else
        (void) snprintf (capability->text, sizeof capability->text, "%s-encode%s", videos[capability->video],
                         rates[capability->rate]);
}

int
require_parse (struct require *require, const char *text, struct error *err)
{
    struct require parsed = {.n = 0};

    if (text[strspn (text, " ")] != '\0')
        for (bool more = true; more; text++) {
            size_t len = strcspn (text, ",");

            more = text[len] == ',';
            if (add_word (&parsed, text, len, err) < 0)
                return -1;
            text += len;
        }
    *require = parsed;
    return 0;
}
