/* What the GPU of a node could do, where a VA driver lists less.  */
#ifndef DRI_EXPECT_H
#define DRI_EXPECT_H

#include <jansson.h>
#include <stddef.h>

#include "../oci/grant.h"

/* A sentence of codecs_explain() about a report of dri-probe(8); "" where there is nothing to say, or the GPU
 * is none that we know. The node's PCI ids are those of this machine's /sys. require: as of require_parse;
 * about these capabilities only, "" for all. place: where it was asked, as in "the image".  */
void expect_explain (const struct grant_node *node, const json_t *report, const char *require,
                     const char *place, char *out, size_t size);

#endif
