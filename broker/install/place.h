/* Files of ours among those of engines: written whole or not at all, since half of one would keep containers
 * from starting.  */
#ifndef DRI_PLACE_H
#define DRI_PLACE_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "../../oci/error.h"
#include "text.h"

/* By rename from a file of a name of its own beside it, which is gone again if that fails; the folder is
 * looked up once, and has to be there.  */
int place_in_folder (const char *path, const char *text, mode_t mode, struct error *err);

/* The same with mode 0644; makes the folders above it.  */
int place_file (const char *path, const char *text, struct error *err);

/* Is exactly this text there?  */
bool place_holds (const char *path, const char *text);

/* --- what an install did, or would do --- */

struct change {
    char path[PATH_MAX];
    struct text before, after; /* without data: no such file */
};

enum { CHANGES_MAX = 4 };

struct changes {
    struct change list[CHANGES_MAX];
    unsigned n;
};

void changes_finish (struct changes *changes);

#define _cleanup_changes_ __attribute__ ((cleanup (changes_finish)))

/* Adds what makes text, NULL for none, of the file; nothing where that is so already.  */
int changes_add (struct changes *changes, const char *path, const char *text, struct error *err);

/* Writes or removes the files of ours that have been added from number first on.  */
int changes_make (const struct changes *changes, unsigned first, struct error *err);

#endif
