/* The edit of containerd's config.toml, text in and text out: a block of our own at its end, which a TOML
 * document takes wherever its tables stand (toml.io, v1.0.0, "Table"), and which is taken out to the byte.
 *
 * A block, and no file of its own that is imported: containerd 1.6 and 1.7 put the settings that an imported
 * file has for a plugin in the place of all that the plugin has elsewhere (services/server/config/config.go,
 * mergeConfig); only containerd 2 merges them. What containerd makes of an edit is for its own "config dump"
 * to say, and read here too.  */
#ifndef DRI_CONTAINERD_TOML_H
#define DRI_CONTAINERD_TOML_H

#include <stdbool.h>

#include "../../oci/error.h"
#include "text.h"

/* The number in the line "version = N" above all tables; 1 where there is none
 * (containerd-config.toml(5)).  */
unsigned containerd_version_of (const struct text *text);

/* *without is the text without our block, to the byte what it was before; without data where nothing else
 * was. False: there is no block. Errors: a block without its end.  */
int containerd_without (const struct text *text, struct text *without, bool *found, struct error *err);

struct containerd_edit {
    const char *runtime; /* absolute path of dri-runtime */
    const char *dump;    /* of the text without us: what the runtime runc has, dri shall have as well */
    bool with_runc;      /* containerd 1 forgets its own runc once any runtime is named: name that too */
    bool with_imports;   /* for a file that is not there: containerd 2.2 imports conf.d by itself then */
};

/* The text, or none, with our block; the caller's. Errors: memory.  */
int containerd_with (const struct text *text, const struct containerd_edit *edit, struct text *after,
                     struct error *err);

/* What goes in front of the tables of a file that is not there.  */
#define CONTAINERD_HEAD    "version = 2\n"
#define CONTAINERD_IMPORTS "imports = [\"/etc/containerd/conf.d/*.toml\"]\n"

/* --- dumps --- */

/* Has the dump a runtime dri that is this program? "" for any.  */
bool containerd_dump_has (const char *dump, const char *runtime);
/* Is the CRI plugin, which runs pods, switched off?  */
bool containerd_dump_has_no_cri (const char *dump);

/* The first setting that one has and the other has not, dri's own aside: "NAME = VALUE of [TABLE]". False:
 * they are the same.  */
bool containerd_dumps_differ (const char *before, const char *after, char *what, size_t size);

#endif
