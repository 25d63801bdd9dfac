/* Which GPU a container had last, so that it gets the same one when it starts anew. A fixed table, in which
 * the one that was used longest ago makes room; users other than root have a part of it. Pure.
 *
 * A container is known by its owner, its engine and its name, or its project and service where it has no
 * name: not by its id, which is another one whenever it is recreated.  */
#ifndef DRI_HOMES_H
#define DRI_HOMES_H

#include <stdint.h>
#include <sys/types.h>

#include "../oci/container.h"

enum { HOMES_MAX = 256, HOMES_UNPRIVILEGED_MAX = 64, HOME_KEY_MAX = 288 };

struct home {
    char key[HOME_KEY_MAX];
    uid_t owner;
    unsigned gpu;
    uint64_t used; /* when, in the order of use; 0: the entry is unused */
};

struct homes {
    struct home table[HOMES_MAX];
    uint64_t clock;
};

/* An index of a GPU; -1: none is known.  */
int homes_find (const struct homes *homes, uid_t owner, const struct container *container);

void homes_learn (struct homes *homes, uid_t owner, const struct container *container, unsigned gpu);
/* The same from the journal.  */
void homes_restore (struct homes *homes, uid_t owner, const char *key, unsigned gpu);

/* In the order of use: the one after this, after NULL the first; NULL at the end.  */
const struct home *homes_next (const struct homes *homes, const struct home *after);

#endif
