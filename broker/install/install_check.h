/* What still needs the programs of this folder: the configurations of engines, and running containers. One
 * answer for `drictl uninstall --check`, the package's prerm and `make uninstall`.  */
#ifndef DRI_INSTALL_CHECK_H
#define DRI_INSTALL_CHECK_H

#include <limits.h>
#include <stdbool.h>

#include "../../oci/error.h"

struct referrer {
    char where[PATH_MAX]; /* a file, or "" for running containers */
    char what[256];       /* a sentence: what happens without us */
    char undo[256];       /* the command */
    bool for_all;         /* containers too that never asked for a GPU */
};

enum { REFERRERS_MAX = 64 };

struct referrers {
    struct referrer list[REFERRERS_MAX]; /* large */
    unsigned n;                          /* what is beyond is not told */
};

/* Looks below root, "/" or a tree, for dri-runtime and dri-hook of that folder. What cannot be read does not
 * count.  */
int install_check (const char *root, const char *folder, struct referrers *found, struct error *err);

#endif
