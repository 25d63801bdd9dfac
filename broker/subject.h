/* Whom Explain is about: a container that has a lease, waits for one or was refused.  */
#ifndef DRI_SUBJECT_H
#define DRI_SUBJECT_H

#include "leasing.h"

enum { SUBJECT_CONTAINERS_MAX = 8 };

/* All of it is borrowed from the leasing.  */
struct subject {
    const struct order *order; /* NULL: nobody of that name has asked */
    const struct lease *lease; /* NULL: it has none */
    const char *state, *reason;
    /* Where the text is the name of a compose service: its containers.  */
    const char *containers[SUBJECT_CONTAINERS_MAX];
    unsigned n_containers;
};

/* By container id, unique start of an id, or name; where there is none by compose service: "web", "media/web"
 * or "media-web". A lease comes before a place in the queue, that before a refusal; the newer before the
 * older.  */
void subject_find (const struct leasing *l, const char *text, struct subject *subject);

#endif
