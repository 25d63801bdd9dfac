#include "vainfo.h"

#include <stdio.h>
#include <string.h>

#include "../oci/cleanup.h"
#include "../oci/error.h"

enum { LINE_MAX_BYTES = 512 };

static const char *const profiles[VIDEO_COUNT] = {
    [VIDEO_MPEG2] = "MPEG2Main",    [VIDEO_VC1] = "VC1Advanced",   [VIDEO_JPEG] = "JPEGBaseline",
    [VIDEO_H264] = "H264High",      [VIDEO_HEVC] = "HEVCMain",     [VIDEO_HEVC10] = "HEVCMain10",
    [VIDEO_HEVC12] = "HEVCMain12",  [VIDEO_VP8] = "VP8Version0_3", [VIDEO_VP9] = "VP9Profile0",
    [VIDEO_VP9_10] = "VP9Profile2", [VIDEO_AV1] = "AV1Profile0",   [VIDEO_AV1_10] = "AV1Profile0",
};

static void
take_text (char *to, size_t size, const char *text)
{
    if (to[0])
        return;
    (void) snprintf (to, size, "%.159s", text);
    text_clean (to);
}

/* "      VAProfileH264High               :	VAEntrypointVLD"  */
static bool
take_pair (struct vainfo *info, const char *line)
{
    struct vainfo_pair pair;

    if (sscanf (line, " VAProfile%39[A-Za-z0-9_] : VAEntrypoint%39[A-Za-z0-9_]", pair.profile,
                pair.entrypoint)
        != 2)
        return false;
    if (info->n_pairs < VAINFO_PAIRS_MAX)
        info->pairs[info->n_pairs++] = pair;
    return true;
}

static void
take_line (struct vainfo *info, const char *line)
{
    static const char driver[] = "vainfo: Driver version: ";

    if (take_pair (info, line))
        return;
    if (strncmp (line, driver, strlen (driver)) == 0)
        take_text (info->vendor, sizeof info->vendor, line + strlen (driver));
    else if (strcasestr (line, "error") || strcasestr (line, "failed"))
        take_text (info->complaint, sizeof info->complaint, line);
}

void
vainfo_parse (struct vainfo *info, const char *text, size_t len)
{
    *info = (struct vainfo){.n_pairs = 0};
    while (len > 0) {
        const char *end = memchr (text, '\n', len);
        const size_t line_len = end ? (size_t) (end - text) : len;
        char line[LINE_MAX_BYTES];

        (void) snprintf (line, sizeof line, "%.*s",
                         (int) (line_len < sizeof line ? line_len : sizeof line - 1), text);
        take_line (info, line);
        text += line_len + (end != NULL);
        len -= line_len + (end != NULL);
    }
}

static bool
has_pair (const struct vainfo *info, const char *profile, const char *entrypoint)
{
    for (unsigned i = 0; i < info->n_pairs; i++)
        if (strcmp (info->pairs[i].profile, profile) == 0
            && strcmp (info->pairs[i].entrypoint, entrypoint) == 0)
            return true;
    return false;
}

bool
vainfo_lists (const struct vainfo *info, const struct capability *c)
{
    const char *profile = profiles[c->video];

    if (c->task == TASK_VPP)
        return has_pair (info, "None", "VideoProc");
    if (c->task == TASK_DECODE)
        return has_pair (info, profile, "VLD");
    if (c->video == VIDEO_JPEG)
        return has_pair (info, profile, "EncPicture");
    return has_pair (info, profile, "EncSlice") || has_pair (info, profile, "EncSliceLP");
}
