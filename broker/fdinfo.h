/* What the kernel tells of one DRM client, in the fdinfo of its file. Pure.
 *
 * The keys and units are of the kernel's documentation (Documentation/gpu/drm-usage-stats.rst); the names of
 * engines are each driver's own (i915: i915_drm_client.c, xe: xe_drm_client.c, amdgpu: amdgpu_fdinfo.c,
 * panfrost: panfrost_drv.c, msm: msm_gpu.c, v3d: v3d_drv.c, and so on).  */
#ifndef DRI_FDINFO_H
#define DRI_FDINFO_H

#include <stdbool.h>
#include <stdint.h>

/* Engines by what they do. What a driver has beyond these is "other".  */
enum engine {
    ENGINE_RENDER,
    ENGINE_VIDEO,
    ENGINE_VIDEO_ENHANCE,
    ENGINE_COPY,
    ENGINE_COMPUTE,
    ENGINE_OTHER,
    ENGINES
};

/* Of all engines of a kind, added up. A kind that was not mentioned is not known: some drivers leave out
 * those that were never used, and an xe virtual function all.  */
struct fdinfo_engine {
    bool known;
    unsigned capacity; /* how many there are; 1 at least */
    uint64_t busy;     /* ns, or cycles where total is given */
    uint64_t total;    /* cycles that went by, per engine; 0: busy is in ns */
};

struct fdinfo {
    char driver[32];
    char pdev[32];   /* "0000:00:02.0"; "" for a device that is not on PCI */
    uint64_t client; /* of that device: the same in every file that shares it */
    struct fdinfo_engine engines[ENGINES];
    bool has_memory;
    uint64_t memory, resident; /* bytes, of all regions */
};

/* False where it is not of a DRM client, or tells no client id. The text is changed.  */
bool fdinfo_parse (char *text, struct fdinfo *out);

/* The same client, seen again: of each figure the larger counts, as drm-usage-stats.rst allows a counter to
 * fall for a while.  */
void fdinfo_merge (struct fdinfo *into, const struct fdinfo *info);
void fdinfo_merge_engines (struct fdinfo_engine into[ENGINES], const struct fdinfo_engine engines[ENGINES]);

const char *engine_name (enum engine engine);

#endif
