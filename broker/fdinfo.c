#include "fdinfo.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "../oci/cleanup.h"

enum { REGIONS_MAX = 12, NAMES_MAX = 24 };

/* A region's memory has two names: drm-memory- is the older one for what drm-resident- says.  */
struct region {
    const char *name;
    uint64_t total, resident, memory;
};

struct regions {
    struct region table[REGIONS_MAX];
    unsigned n;
};

/* One engine as the driver names it. Busy cycles are a figure only beside those that went by: panfrost and
 * msm tell them besides the time.  */
struct named_engine {
    const char *name;
    unsigned capacity;
    bool in_ns, in_cycles;
    uint64_t ns, cycles, total; /* total 0: not told */
};

struct named_engines {
    struct named_engine table[NAMES_MAX];
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
    /* panfrost, panthor, msm, v3d, lima, etnaviv: what draws is all that they have, or is not told apart */
    {"fragment", ENGINE_RENDER},
    {"vertex-tiler", ENGINE_RENDER},
    {"panthor", ENGINE_RENDER},
    {"gpu", ENGINE_RENDER},
    {"bin", ENGINE_RENDER},
    {"csd", ENGINE_COMPUTE},
    {"tfu", ENGINE_COPY},
    {"gp", ENGINE_RENDER},
    {"pp", ENGINE_RENDER},
    {"3D", ENGINE_RENDER},
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

/* NULL: there are too many.  */
static struct named_engine *
engine_named (struct named_engines *engines, const char *name)
{
    for (unsigned i = 0; i < engines->n; i++)
        if (strcmp (engines->table[i].name, name) == 0)
            return &engines->table[i];
    if (engines->n == NAMES_MAX)
        return NULL;
    engines->table[engines->n] = (struct named_engine){.name = name, .capacity = 1};
    return &engines->table[engines->n++];
}

/* False where the key is of no engine, or its value makes no sense.  */
static bool
parse_engine (struct named_engines *engines, const char *key, const char *value)
{
    static const char *const prefixes[] = {"drm-engine-capacity-", "drm-total-cycles-", "drm-cycles-",
                                           "drm-engine-"};
    const char *unit, *name = NULL;
    struct named_engine *engine;
    uint64_t amount;
    size_t i;

    for (i = 0; i < countof (prefixes); i++)
        if ((name = after (key, prefixes[i])))
            break;
    if (!name || !parse_amount (value, &amount, &unit) || (i == 3 && strcmp (unit, "ns") != 0))
        return false;
    engine = engine_named (engines, name);
    if (!engine)
        return false;
    switch (i) {
    case 0:
        engine->capacity = amount > 0 && amount < 256 ? (unsigned) amount : 1;
        break;
    case 1:
        engine->total = amount;
        break;
    case 2:
        engine->in_cycles = true;
        engine->cycles = amount;
        break;
    default:
        engine->in_ns = true;
        engine->ns = amount;
        break;
    }
    return true;
}

/* Engines of other names that do the same are a kind of their own each: what they are busy is added up. Each
 * is counted as one then.  */
static void
fold_engine (struct fdinfo_engine *kind, const struct named_engine *engine)
{
    uint64_t busy = engine->in_ns ? engine->ns : engine->cycles;

    if (!engine->in_ns && (!engine->in_cycles || engine->total == 0))
        return;
    if (!kind->known) {
        *kind = (struct fdinfo_engine){.known = true,
                                       .capacity = engine->capacity,
                                       .busy = busy,
                                       .total = engine->in_ns ? 0 : engine->total};
        return;
    }
    kind->busy /= kind->capacity;
    kind->capacity = 1;
    if (__builtin_add_overflow (kind->busy, busy / engine->capacity, &kind->busy))
        kind->busy = UINT64_MAX;
}

static void
fold_engines (const struct named_engines *engines, struct fdinfo *out)
{
    for (unsigned i = 0; i < ENGINES; i++)
        out->engines[i].capacity = 1;
    for (unsigned i = 0; i < engines->n; i++)
        fold_engine (&out->engines[engine_of (engines->table[i].name)], &engines->table[i]);
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
    struct named_engines engines = {.n = 0};
    bool has_client = false;
    char *rest = text;

    *out = (struct fdinfo){.client = 0};
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
        else if (!parse_engine (&engines, key, value))
            parse_memory (&regions, key, value);
    }
    fold_engines (&engines, out);
    add_up (&regions, out);
    return has_client;
}

static uint64_t
larger (uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void
fdinfo_merge_engines (struct fdinfo_engine into[ENGINES], const struct fdinfo_engine engines[ENGINES])
{
    for (unsigned i = 0; i < ENGINES; i++) {
        into[i].known |= engines[i].known;
        into[i].busy = larger (into[i].busy, engines[i].busy);
        into[i].total = larger (into[i].total, engines[i].total);
    }
}

void
fdinfo_merge (struct fdinfo *into, const struct fdinfo *info)
{
    fdinfo_merge_engines (into->engines, info->engines);
    into->has_memory |= info->has_memory;
    into->memory = larger (into->memory, info->memory);
    into->resident = larger (into->resident, info->resident);
}
