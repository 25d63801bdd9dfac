/* What vainfo, the program of libva-utils, prints. An image brings its own where our probe cannot run: the
 * text is the image's to make up. Pure.  */
#ifndef DRI_VAINFO_H
#define DRI_VAINFO_H

#include <stdbool.h>
#include <stddef.h>

#include "../oci/require.h"

enum { VAINFO_PAIRS_MAX = 256 };

struct vainfo {
    char vendor[160];    /* "Intel iHD driver for …"; "" where it is not told */
    char complaint[160]; /* the first line that speaks of an error; "" for none */
    struct vainfo_pair {
        char profile[40];    /* "H264High" */
        char entrypoint[40]; /* "VLD" */
    } pairs[VAINFO_PAIRS_MAX];
    unsigned n_pairs;
};

/* What is no line of vainfo's is passed over. Texts are printable.  */
void vainfo_parse (struct vainfo *info, const char *text, size_t len);

/* Is it listed? Neither depth nor rate control stand there: those it cannot tell.  */
bool vainfo_lists (const struct vainfo *info, const struct capability *c);

#endif
