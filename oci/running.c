#include "running.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "apply.h"
#include "cleanup.h"
#include "document.h"
#include "file.h"
#include "spec.h"

enum { STATE_BYTES_MAX = 16 << 20 };

/* Where a runtime keeps a container: <above><below>/<id>/.  */
struct place {
    const char *above, *below;
    enum runtime_kind kind;
};

enum { PLACES_MAX = 4 };

/* Without --root (runc(8), crun(1)) there is /run/runc and /run/crun; with $XDG_RUNTIME_DIR crun takes that
 * in the place of /run, and so does runc where it is not root.  */
static unsigned
find_places (const struct cmdline *cmd, struct place places[PLACES_MAX])
{
    const char *above[] = {"/run", getenv ("XDG_RUNTIME_DIR")};
    unsigned n = 0;

    if (cmd->root) {
        places[n++] = (struct place){cmd->root, "", RUNTIME_RUNC};
        places[n++] = (struct place){cmd->root, "", RUNTIME_CRUN};
        return n;
    }
    for (size_t i = 0; i < countof (above); i++) {
        if (!above[i] || !*above[i])
            continue;
        places[n++] = (struct place){above[i], "/runc", RUNTIME_RUNC};
        places[n++] = (struct place){above[i], "/crun", RUNTIME_CRUN};
    }
    return n;
}

static int
file_path (const struct place *place, const char *id, const char *name, char path[PATH_MAX])
{
    int n = snprintf (path, PATH_MAX, "%s%s/%s/%s", place->above, place->below, id, name);

    return !strchr (id, '/') && n < PATH_MAX ? 0 : -1;
}

static enum runtime_kind
kind_of (const struct place *places, unsigned n, const char *id)
{
    enum runtime_kind found = RUNTIME_ANY;

    for (unsigned i = 0; i < n; i++) {
        char path[PATH_MAX];

        if (file_path (&places[i], id, places[i].kind == RUNTIME_RUNC ? "state.json" : "status", path) < 0
            || access (path, F_OK) < 0)
            continue;
        if (found != RUNTIME_ANY && found != places[i].kind)
            return RUNTIME_ANY;
        found = places[i].kind;
    }
    return found;
}

enum runtime_kind
running_kind (const struct cmdline *cmd)
{
    struct place places[PLACES_MAX];
    unsigned n = find_places (cmd, places);

    if (cmd->runtime)
        return RUNTIME_ANY;
    if (cmd->verb == VERB_EXEC && cmd->id)
        return kind_of (places, n, cmd->id);
    /* Of these verbs it is not known which options have a value: the first word that is a container.  */
    for (char **word = cmd->words; word && *word; word++) {
        enum runtime_kind kind = **word == '-' ? RUNTIME_ANY : kind_of (places, n, *word);

        if (kind != RUNTIME_ANY)
            return kind;
    }
    return RUNTIME_ANY;
}

/* Parses the file only if our mark stands in it: an exec into a stranger costs one read.  */
static bool
load_marked (const struct place *place, const char *id, const char *name, struct document *doc)
{
    _cleanup_free_ char *text = NULL;
    char path[PATH_MAX];
    struct error ignored;
    size_t len;

    return file_path (place, id, name, path) == 0
           && file_read (path, STATE_BYTES_MAX, &text, &len, &ignored) == 0
           && memmem (text, len, APPLY_GIDS_ANNOTATION, strlen (APPLY_GIDS_ANNOTATION))
           && document_load (doc, text, len, &ignored) == 0;
}

static json_t *
labels_to_annotations (const json_t *labels)
{
    json_t *annotations = json_object (), *label;
    size_t i;

    json_array_foreach ((json_t *) labels, i, label) {
        const char *text = json_string_value (label), *equals = text ? strchr (text, '=') : NULL;
        char name[128];

        if (!equals || (size_t) (equals - text) >= sizeof name)
            continue;
        (void) snprintf (name, sizeof name, "%.*s", (int) (equals - text), text);
        (void) json_object_set_new (annotations, name, json_string (equals + 1));
    }
    return annotations;
}

static json_t *
spec_in (const struct place *place, const char *id)
{
    bool runc = place->kind == RUNTIME_RUNC;
    struct document doc;
    json_t *spec;

    if (!load_marked (place, id, runc ? "state.json" : "config.json", &doc))
        return NULL;
    spec = runc ? json_pack ("{s:o s:O*}", "annotations",
                             labels_to_annotations (spec_get (doc.root, "config", "labels", NULL)), "hooks",
                             spec_get (doc.root, "config", "Hooks", NULL))
                : json_incref (doc.root);
    document_finish (&doc);
    return spec;
}

json_t *
running_spec (const struct cmdline *cmd)
{
    struct place places[PLACES_MAX];
    unsigned n = find_places (cmd, places);

    for (unsigned i = 0; cmd->id && i < n; i++) {
        json_t *spec = spec_in (&places[i], cmd->id);

        if (spec)
            return spec;
    }
    return NULL;
}
