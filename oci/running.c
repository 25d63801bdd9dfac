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

/* The default of --root for root (runc(8), crun(1)).  */
static const char *const default_roots[] = {"/run/runc", "/run/crun"};

/* Parses the file only if our mark stands in it: an exec into a stranger costs one read.  */
static bool
load_marked (const char *root, const char *id, const char *name, struct document *doc)
{
    _cleanup_free_ char *text = NULL;
    char path[PATH_MAX];
    struct error ignored;
    size_t len;
    int n = snprintf (path, sizeof path, "%s/%s/%s", root, id, name);

    return n > 0 && (size_t) n < sizeof path && file_read (path, STATE_BYTES_MAX, &text, &len, &ignored) == 0
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
annotations_below (const char *root, const char *id)
{
    json_t *annotations = NULL;
    struct document doc;

    if (load_marked (root, id, "state.json", &doc)) {
        annotations = labels_to_annotations (spec_get (doc.root, "config", "labels", NULL));
        document_finish (&doc);
    } else if (load_marked (root, id, "config.json", &doc)) {
        annotations = json_incref (json_object_get (doc.root, "annotations"));
        document_finish (&doc);
    }
    return annotations;
}

json_t *
running_annotations (const struct cmdline *cmd)
{
    if (!cmd->id || strchr (cmd->id, '/'))
        return NULL;
    if (cmd->root)
        return annotations_below (cmd->root, cmd->id);
    for (size_t i = 0; i < countof (default_roots); i++) {
        json_t *annotations = annotations_below (default_roots[i], cmd->id);

        if (annotations)
            return annotations;
    }
    return NULL;
}
