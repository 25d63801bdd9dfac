/* Running containers, by the engines' own records: for drictl attach, which knows no more than a name.  */
#ifndef DRI_ENGINES_H
#define DRI_ENGINES_H

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../oci/config.h"
#include "../../oci/error.h"

struct running_container {
    char id[80];
    char bundle[PATH_MAX];
    pid_t pid;      /* of its init */
    uint64_t start; /* of that process, as for process_hold(): the pid may be another's soon */
};

/* By name, id, or the start of an id. Errors: none of that name, several, one that does not run.  */
int engines_find (const char *name, const struct config *config, struct running_container *found,
                  struct error *err);

#endif
