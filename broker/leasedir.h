/* The lease directories: <root>/<lease>/ with nodes of their own.
 *
 * The root is a tmpfs of its own, not nodev, mounted before the broker starts, and nobody but root may enter
 * it: a local user who has the workload's uid could open its nodes, and a lease's name is no secret, for
 * /proc/PID/mountinfo of its container shows it.  */
#ifndef DRI_LEASEDIR_H
#define DRI_LEASEDIR_H

#include "../oci/error.h"
#include "layout.h"

struct leasedir {
    int root; /* owned */
    char path[160];
    bool bound; /* the kernel lets us make no nodes, as in a user namespace: files stand for them */
};

/* Errors: no directory, not ours alone to write, or on a file system where device nodes cannot be opened.  */
int leasedir_open (struct leasedir *dir, const char *path, struct error *err);

/* What a bound directory shows is the host's own nodes: their owners and modes, into the layout.  */
void leasedir_own (const struct leasedir *dir, struct layout *layout);

/* Makes <root>/<id>. On failure nothing is left of it.  */
int leasedir_make (const struct leasedir *dir, const char *id, const struct layout *layout,
                   struct error *err);

/* Puts nodes and links into a directory that was emptied.  */
int leasedir_fill (const struct leasedir *dir, const char *id, const struct layout *layout,
                   struct error *err);

/* Takes the nodes out of a directory that a container may have mounted. They are root's, and open to nobody,
 * before that: whoever has kept one (by O_PATH, or mounted elsewhere) cannot open it anew.  */
void leasedir_empty (const struct leasedir *dir, const char *id);

/* Removes it, whatever is there of it; that it is not there is no error. expected: what it should hold, which
 * makes it quicker; may be NULL.  */
void leasedir_remove (const struct leasedir *dir, const char *id, const struct layout *expected);

/* Does it hold these nodes, with these numbers, owners and modes, and no others?  */
bool leasedir_shows (const struct leasedir *dir, const char *id, const struct layout *layout);

bool leasedir_exists (const struct leasedir *dir, const char *id);

/* Removes every directory with the name of a lease for which keep says no.  */
void leasedir_sweep (const struct leasedir *dir, bool (*keep) (void *userdata, const char *id),
                     void *userdata);

#endif
