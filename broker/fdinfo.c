#include "fdinfo.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "../oci/cleanup.h"

enum { REGIONS_MAX = 12 };

/* A region's memory has two names: drm-memory- is the older one for what drm-resident- says.  */
struct region {
    const char *name;
    uint64_t total, resident, memory;
};

struct regions {
    struct region table[REGIONS_MAX];
    unsigned n;
};

static const struct {
    const char *name;
    enum engine engine;
} engine_names[] = {
    /* i915 */
    {"render", ENGINE_RENDER},
    {"video", ENGINE_VIDEO},
    {"video-enhance", ENGINE_VIDEO_ENHANCE},
    {"copy", ENGINE_COPY},
    {"compute", ENGINE_COMPUTE},
    /* xe */
    {"rcs", ENGINE_RENDER},
    {"vcs", ENGINE_VIDEO},
    {"vecs", ENGINE_VIDEO_ENHANCE},
    {"bcs", ENGINE_COPY},
    {"ccs", ENGINE_COMPUTE},
    /* amdgpu */
    {"gfx", ENGINE_RENDER},
    {"dec", ENGINE_VIDEO},
    {"enc", ENGINE_VIDEO},
    {"enc_1", ENGINE_VIDEO},
    {"jpeg", ENGINE_VIDEO},
    {"vpe", ENGINE_VIDEO_ENHANCE},
    {"dma", ENGINE_COPY},
};

static enum engine
engine_of (const char *name)
{
    for (size_t i = 0; i < countof (engine_names); i++)
        if (strcmp (engine_names[i].name, name) == 0)
            return engine_names[i].engine;
    return ENGINE_OTHER;
}

const char *
engine_name (enum engine engine)
{
    return engine == ENGINE_OTHER ? "other" : engine_names[engine].name;
}

/* A number and its unit; false where there is none.  */
static bool
parse_amount (const char *text, uint64_t *amount, const char **unit)
{
    char *end;

    if (!isdigit ((unsigned char) *text))
        return false;
    errno = 0;
    *amount = strtoull (text, &end, 10);
    if (errno != 0)
        return false;
    *unit = end + strspn (end, " \t");
    return true;
}

static bool
parse_bytes (const char *text, uint64_t *bytes)
{
    const char *unit;
    uint64_t scale = 1;

    if (!parse_amount (text, bytes, &unit))
        return false;
    if (strcmp (unit, "KiB") == 0)
        scale = UINT64_C (1) << 10;
    else if (strcmp (unit, "MiB") == 0)
        scale = UINT64_C (1) << 20;
    else if (*unit != '\0')
        return false;
    return !__builtin_mul_overflow (*bytes, scale, bytes);
}

/* Where key starts with prefix: what comes after it.  */
static const char *
after (const char *key, const char *prefix)
{
    size_t len = strlen (prefix);

    return strncmp (key, prefix, len) == 0 ? key + len : NULL;
}

static bool
parse_engine (struct fdinfo *out, const char *key, const char *value)
{
    const char *name, *unit;
    struct fdinfo_engine *engine;
    uint64_t amount;

    if (!parse_amount (value, &amount, &unit))
        return false;
    if ((name = after (key, "drm-engine-capacity-"))) {
        out->engines[engine_of (name)].capacity = amount > 0 && amount < 256 ? (unsigned) amount : 1;
        return true;
    }
    if ((name = after (key, "drm-total-cycles-"))) {
        out->engines[engine_of (name)].total = amount;
        return true;
    }
    name = after (key, "drm-cycles-");
    if (!name)
        name = strcmp (unit, "ns") == 0 ? after (key, "drm-engine-") : NULL;
    if (!name)
        return false;
    engine = &out->engines[engine_of (name)];
    engine->known = true;
    if (__builtin_add_overflow (engine->busy, amount, &engine->busy))
        engine->busy = UINT64_MAX;
    return true;
}

static struct region *
region_of (struct regions *regions, const char *name)
{
    for (unsigned i = 0; i < regions->n; i++)
        if (strcmp (regions->table[i].name, name) == 0)
            return &regions->table[i];
    if (regions->n == REGIONS_MAX)
        return NULL;
    regions->table[regions->n].name = name;
    return &regions->table[regions->n++];
}

static void
parse_memory (struct regions *regions, const char *key, const char *value)
{
    static const struct {
        const char *prefix;
        size_t member;
    } figures[] = {
        {"drm-total-", offsetof (struct region, total)},
        {"drm-resident-", offsetof (struct region, resident)},
        {"drm-memory-", offsetof (struct region, memory)},
    };

    for (size_t i = 0; i < countof (figures); i++) {
        const char *name = after (key, figures[i].prefix);
        struct region *region;
        uint64_t bytes;

        if (!name || !parse_bytes (value, &bytes))
            continue;
        region = region_of (regions, name);
        if (region)
            *(uint64_t *) ((char *) region + figures[i].member) = bytes;
    }
}

static void
add_up (const struct regions *regions, struct fdinfo *out)
{
    for (unsigned i = 0; i < regions->n; i++) {
        const struct region *r = &regions->table[i];
        uint64_t resident = r->resident > 0 ? r->resident : r->memory;

        out->resident += resident;
        out->memory += r->total > resident ? r->total : resident;
    }
    out->has_memory = regions->n > 0;
}

static void
copy_value (char *out, size_t size, const char *value)
{
    size_t len = strlen (value);

    if (len < size)
        memcpy (out, value, len + 1);
}

static void
trim_end (char *text)
{
    for (size_t len = strlen (text); len > 0 && isspace ((unsigned char) text[len - 1]); len--)
        text[len - 1] = '\0';
}

bool
fdinfo_parse (char *text, struct fdinfo *out)
{
    struct regions regions = {.n = 0};
    bool has_client = false;
    char *rest = text;

    *out = (struct fdinfo){.client = 0};
    for (unsigned i = 0; i < ENGINES; i++)
        out->engines[i].capacity = 1;
    for (char *key; (key = strsep (&rest, "\n"));) {
        char *value = strchr (key, ':');
        const char *unit;

        if (!value || !after (key, "drm-"))
            continue;
        *value++ = '\0';
        value += strspn (value, " \t");
        trim_end (value);
        trim_end (key);
        if (strcmp (key, "drm-driver") == 0)
            copy_value (out->driver, sizeof out->driver, value);
        else if (strcmp (key, "drm-pdev") == 0)
            copy_value (out->pdev, sizeof out->pdev, value);
        else if (strcmp (key, "drm-client-id") == 0)
            has_client = parse_amount (value, &out->client, &unit);
        else if (!parse_engine (out, key, value))
            parse_memory (&regions, key, value);
    }
    add_up (&regions, out);
    return has_client;
}
