/* What a GPU can do, in the words of dri.require. Pure.  */
#ifndef DRI_ABILITIES_H
#define DRI_ABILITIES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "../oci/require.h"

struct abilities {
    uint16_t decode;             /* a bit for each enum require_video */
    uint8_t encode[VIDEO_COUNT]; /* a bit for each enum require_rate; that of RATE_ANY: it encodes at all */
    bool vpp;
};

void abilities_add (struct abilities *abilities, const struct capability *capability);
bool abilities_have (const struct abilities *abilities, const struct capability *capability);

/* The first of the list that is missing; NULL: none is.  */
const struct capability *abilities_lack (const struct abilities *abilities, const struct require *require);

/* From the "profiles" of a probe's report, see dri-probe(8).  */
void abilities_read (struct abilities *abilities, const json_t *profiles);

/* A list of words, in the order of the grammar; the reference is the caller's.  */
json_t *abilities_to_json (const struct abilities *abilities);

#endif
