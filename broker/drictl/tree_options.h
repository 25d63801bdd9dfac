/* The options of what examines a machine, or a copied tree.  */
#ifndef DRI_TREE_OPTIONS_H
#define DRI_TREE_OPTIONS_H

#include <stdbool.h>

#include "drictl.h"

struct tree_options {
    const char *root; /* "/" where none is given; lives as long as argv */
    bool json, host;
};

/* --json, --root DIR and, where with_host, --host; arguments stand from argv[optind] on then. EXIT_GOOD, or
 * EXIT_USAGE, which has been said.  */
int tree_options_read (const struct verb *verb, int argc, char **argv, bool with_host,
                       struct tree_options *options);

#endif
