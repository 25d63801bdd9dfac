/* Whom Explain is about: a container that has a lease, waits for one or was refused.  */
#ifndef DRI_SUBJECT_H
#define DRI_SUBJECT_H

#include "leasing.h"

enum { SUBJECT_CONTAINERS_MAX = 8 };

/* Who wants to know.  */
struct viewer {
    uid_t uid;
    bool sees_all; /* else what is his own */
};

bool viewer_sees (const struct viewer *viewer, const struct order *order);
/* May he touch it, and know the id by which it is touched?  */
bool viewer_owns (const struct viewer *viewer, const struct order *order);

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
 * older, and the viewer's own before what others called by the same name.  */
void subject_find (const struct leasing *l, const char *text, const struct viewer *viewer,
                   struct subject *subject);

#endif
