/* What the video engines of a GPU can do, by its PCI id, whatever its driver says. Pure.
 *
 * Where a driver lists less than this, the hardware is not to blame. Only what the sources say for certain is
 * here; what a generation is not said to do, it may do all the same.
 *
 * Sources:
 * - the ids: Linux, include/drm/intel/pciids.h; drivers/gpu/drm/amd/amdgpu/amdgpu_drv.c (pciidlist), and for
 *   VCN 4, which that list leaves to discovery, libdrm's amdgpu.ids;
 * - Intel's codecs: README.md of intel/media-driver, "Decoding/Encoding Features", full-feature build, low
 *   power and shader encoding alike;
 * - AMD's codecs: Linux, amdgpu's soc15.c, nv.c and soc21.c (the video_codecs tables); the depths, Mesa,
 *   radeonsi (si_get_video_param).  */
#ifndef DRI_CODECS_H
#define DRI_CODECS_H

#include <stddef.h>
#include <stdint.h>

#include "abilities.h"

struct generation {
    const char *name;           /* "Alder Lake-N" */
    struct abilities abilities; /* without rates and vpp, of which the table knows nothing */
};

/* False where the id is not in the table.  */
bool codecs_find (uint16_t vendor, uint16_t device, struct generation *generation);

/* "Alder Lake-N decodes MPEG-2, … and AV1, and encodes JPEG, …".  */
void codecs_describe (const struct generation *generation, char *out, size_t size);

/* "Alder Lake-N decodes AV1; this driver, i965 2.4.1, does not list it: …". "" where nothing is missing.
 * listed: what the driver lists; driver: its vendor string, of VA-API; place: where it was asked, as in
 * "the image". wanted: about these capabilities only; NULL: all.  */
void codecs_explain (const struct generation *generation, const struct abilities *listed, const char *driver,
                     const char *place, const struct require *wanted, char *out, size_t size);

#endif
