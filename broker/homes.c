#include "homes.h"

#include <stdio.h>
#include <string.h>

/* Swarm calls each start of a task anew: SERVICE.SLOT.ID, the id 25 characters of base 36 (swarmkit,
 * identity/randomid.go; moby, daemon/cluster/executor/container).  */
static size_t
name_length (const char *name)
{
    enum { ID = 25 };
    size_t len = strlen (name), start = len > ID ? len - ID : 0;

    return start > 1 && name[start - 1] == '.'
                   && strspn (name + start, "0123456789abcdefghijklmnopqrstuvwxyz") == ID
               ? start - 1
               : len;
}

/* False: it has nothing that it will have again.  */
static bool
make_key (const struct container *c, char key[HOME_KEY_MAX])
{
    if (c->name[0])
        (void) snprintf (key, HOME_KEY_MAX, "%s/%.*s", c->engine, (int) name_length (c->name), c->name);
    else
        (void) snprintf (key, HOME_KEY_MAX, "%s/%s/%s", c->engine, c->project, c->service);
    return c->name[0] || c->service[0];
}

static const struct home *
find (const struct homes *homes, uid_t owner, const char *key)
{
    for (unsigned i = 0; i < HOMES_MAX; i++) {
        const struct home *home = &homes->table[i];

        if (home->used != 0 && home->owner == owner && strcmp (home->key, key) == 0)
            return home;
    }
    return NULL;
}

int
homes_find (const struct homes *homes, uid_t owner, const struct container *container)
{
    const struct home *home;
    char key[HOME_KEY_MAX];

    home = make_key (container, key) ? find (homes, owner, key) : NULL;
    return home ? (int) home->gpu : -1;
}

/* The one that was used longest ago; of other users' where they have as many as they can. An unused one was
 * never used.  */
static struct home *
oldest (struct homes *homes, uid_t owner)
{
    struct home *any = &homes->table[0], *theirs = NULL;
    unsigned n = 0;

    for (unsigned i = 0; i < HOMES_MAX; i++) {
        struct home *home = &homes->table[i];

        if (home->used < any->used)
            any = home;
        if (home->used == 0 || home->owner == 0)
            continue;
        n++;
        if (!theirs || home->used < theirs->used)
            theirs = home;
    }
    return owner != 0 && n >= HOMES_UNPRIVILEGED_MAX ? theirs : any;
}

void
homes_restore (struct homes *homes, uid_t owner, const char *key, unsigned gpu)
{
    struct home *home = (struct home *) find (homes, owner, key);

    if (!home) {
        home = oldest (homes, owner);
        (void) snprintf (home->key, sizeof home->key, "%s", key);
        home->owner = owner;
    }
    home->gpu = gpu;
    home->used = ++homes->clock;
}

void
homes_learn (struct homes *homes, uid_t owner, const struct container *container, unsigned gpu)
{
    char key[HOME_KEY_MAX];

    if (make_key (container, key))
        homes_restore (homes, owner, key, gpu);
}

const struct home *
homes_next (const struct homes *homes, const struct home *after)
{
    const struct home *next = NULL;

    for (unsigned i = 0; i < HOMES_MAX; i++) {
        const struct home *home = &homes->table[i];

        if (home->used > (after ? after->used : 0) && (!next || home->used < next->used))
            next = home;
    }
    return next;
}
