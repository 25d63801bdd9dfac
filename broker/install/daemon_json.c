#include "daemon_json.h"

#include <errno.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "../../oci/document.h"
#include "../drictl/generic_resources.h"

#define _cleanup_document_ __attribute__ ((cleanup (document_finish)))

static const char runtime_name[] = "dri";

/* dockerd takes an empty file for one without settings.  */
static bool
is_blank (const struct text *text)
{
    for (size_t i = 0; i < text->len; i++)
        if (!strchr (" \t\r\n", text->data[i]) || !text->data[i])
            return false;
    return true;
}

static int
load (struct document *doc, const struct text *text, struct error *err)
{
    _cleanup_json_ json_t *strict = NULL;
    json_error_t where;

    if (is_blank (text))
        return document_load (doc, "{}", 2, err);
    strict = json_loadb (text->data, text->len,
                         JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &where);
    if (!strict && json_error_code (&where) == json_error_duplicate_key)
        return error_set (err, 0, "line %d, column %d: %s; write the key once", where.line, where.column,
                          where.text);
    return document_load (doc, text->data, text->len, err);
}

/* How the text is laid out.  */
struct layout {
    char indent[33]; /* the white space of one level */
    size_t flags;    /* for document_dump; JSON_INDENT (1) stands for indent */
    bool ends_line;
};

/* The text is valid JSON here, so that the first quote opens the first key.  */
static void
layout_detect (const struct text *text, struct layout *layout)
{
    const char *start, *end, *line;

    *layout = (struct layout){.indent = "  ", .flags = JSON_INDENT (1), .ends_line = true};
    if (is_blank (text))
        return;
    layout->ends_line = text->data[text->len - 1] == '\n';
    start = memchr (text->data, '{', text->len);
    end = start ? memchr (start, '"', (size_t) (text->data + text->len - start)) : NULL;
    if (!end)
        return;
    line = memrchr (start, '\n', (size_t) (end - start));
    if (line && (size_t) (end - line) <= sizeof layout->indent) {
        memcpy (layout->indent, line + 1, (size_t) (end - line - 1));
        layout->indent[end - line - 1] = '\0';
    } else if (!memchr (start, '\n', text->len - layout->ends_line - (size_t) (start - text->data))) {
        layout->flags = memmem (text->data, text->len, "\": ", 3) ? 0 : JSON_COMPACT;
    }
}

/* Puts the text's indentation in the place of jansson's, which knows spaces only. Within JSON a line break is
 * never part of a string.  */
static int
write_laid_out (const char *json, size_t len, const struct layout *layout, struct text *after,
                struct error *err)
{
    struct text written = {0};
    FILE *out = open_memstream (&written.data, &written.len);

    if (!out)
        return error_set (err, errno, "JSON");
    for (size_t i = 0; i < len; i++) {
        (void) fputc (json[i], out);
        if (json[i] != '\n')
            continue;
        for (; i + 1 < len && json[i + 1] == ' '; i++)
            (void) fputs (layout->indent, out);
    }
    if (layout->ends_line)
        (void) fputc ('\n', out);
    if (fclose (out) != 0) {
        text_finish (&written);
        return error_set (err, ENOMEM, "JSON");
    }
    *after = written;
    return 0;
}

static int
dump (const struct document *doc, const struct text *like, struct text *after, struct error *err)
{
    _cleanup_free_ char *json = NULL;
    struct layout layout;
    size_t len;

    layout_detect (like, &layout);
    if (document_dump (doc, layout.flags, &json, &len, err) < 0)
        return -1;
    return write_laid_out (json, len, &layout, after, err);
}

static json_t *
entry_of (const json_t *root)
{
    return json_object_get (json_object_get (root, "runtimes"), runtime_name);
}

static bool
is_default (const json_t *root)
{
    const char *name = json_string_value (json_object_get (root, "default-runtime"));

    return name && strcmp (name, runtime_name) == 0;
}

/* 1 where the document changed, 0 where it was so. Arguments that someone added to the entry stay.  */
static int
add_entry (json_t *root, const char *runtime, struct error *err)
{
    json_t *runtimes = json_object_get (root, "runtimes"), *entry = entry_of (root);
    const char *path = json_string_value (json_object_get (entry, "path"));

    if (path && strcmp (path, runtime) == 0 && !json_object_get (entry, "runtimeType"))
        return 0;
    if (!runtimes || json_is_null (runtimes)) {
        runtimes = json_object ();
        if (json_object_set_new (root, "runtimes", runtimes) < 0)
            return error_set (err, ENOMEM, "JSON");
    }
    if (!json_is_object (runtimes))
        return error_set (err, 0, "\"runtimes\" is not an object");
    if (json_object_set_new (runtimes, runtime_name, json_pack ("{ss}", "path", runtime)) < 0)
        return error_set (err, 0, "%s is not UTF-8", runtime);
    return 1;
}

int
daemon_json_add (const struct text *now, const struct text *original, const struct daemon_json_edit *edit,
                 struct text *after, struct error *err)
{
    _cleanup_document_ struct document doc = {0};
    _cleanup_document_ struct document was = {0};
    int changed, resources = 0;

    if (load (&doc, now, err) < 0 || (original && load (&was, original, err) < 0))
        return -1;
    changed = add_entry (doc.root, edit->runtime, err);
    if (changed >= 0 && edit->resources)
        resources = generic_resources_set (doc.root, was.root, edit->resources, err);
    if (changed < 0 || resources < 0)
        return -1;
    if (edit->default_runtime && !is_default (doc.root)) {
        if (json_object_set_new (doc.root, "default-runtime", json_string (runtime_name)) < 0)
            return error_set (err, ENOMEM, "JSON");
        changed = 1;
    }
    return changed || resources ? dump (&doc, now, after, err) : text_copy (now, after, err);
}

/* Is now what daemon_json_add makes of original?  */
static bool
only_edit (const struct text *now, const json_t *root, const struct text *original, const json_t *was)
{
    _cleanup_json_ json_t *ours = generic_resources_ours (root, was);
    const struct daemon_json_edit edit = {
        .runtime = json_string_value (json_object_get (entry_of (root), "path")),
        .default_runtime = is_default (root),
        .resources = json_array_size (ours) > 0 ? ours : NULL,
    };
    _cleanup_text_ struct text edited = {0};
    struct error ignored;

    return edit.runtime && daemon_json_add (original, original, &edit, &edited, &ignored) == 0
           && text_same (now, &edited);
}

/* Puts what stood at key back to object, or nothing. True where that is a change.  */
static bool
restore (json_t *object, const char *key, json_t *was)
{
    if (!was)
        return json_object_del (object, key) == 0;
    if (json_equal (json_object_get (object, key), was))
        return false;
    return json_object_set (object, key, was) == 0;
}

static bool
remove_edit (json_t *root, const json_t *was)
{
    json_t *runtimes = json_object_get (root, "runtimes");
    struct error ignored;
    bool changed = generic_resources_set (root, was, NULL, &ignored) > 0;

    if (entry_of (root)) {
        changed |= restore (runtimes, runtime_name, entry_of (was));
        if (json_object_size (runtimes) == 0 && !json_object_get (was, "runtimes"))
            (void) json_object_del (root, "runtimes");
    }
    if (is_default (root) && restore (root, "default-runtime", json_object_get (was, "default-runtime")))
        changed = true;
    return changed;
}

int
daemon_json_remove (const struct text *now, const struct text *original, struct text *after,
                    struct error *err)
{
    _cleanup_document_ struct document doc = {0};
    _cleanup_document_ struct document was = {0};

    if (load (&doc, now, err) < 0 || (original && load (&was, original, err) < 0))
        return -1;
    if (original && only_edit (now, doc.root, original, was.root))
        return text_copy (original, after, err);
    if (!remove_edit (doc.root, was.root))
        return text_copy (now, after, err);
    if (original && !original->data && json_object_size (doc.root) == 0)
        return text_copy (original, after, err);
    return dump (&doc, now, after, err);
}

int
daemon_json_check (const struct text *text, struct error *err)
{
    _cleanup_document_ struct document doc = {0};

    return load (&doc, text, err);
}

static char *
value_text (const json_t *value)
{
    return value ? json_dumps (value, JSON_ENCODE_ANY) : strdup ("");
}

void
daemon_json_values_finish (struct daemon_json_values *values)
{
    free (values->runtime);
    free (values->default_runtime);
    free (values->resources);
}

int
daemon_json_read (const struct text *text, struct daemon_json_values *values, struct error *err)
{
    _cleanup_document_ struct document doc = {0};
    struct daemon_json_values read;

    if (load (&doc, text, err) < 0)
        return -1;
    read.runtime = value_text (entry_of (doc.root));
    read.default_runtime = value_text (json_object_get (doc.root, "default-runtime"));
    read.resources = value_text (json_object_get (doc.root, "node-generic-resources"));
    if (read.runtime && read.default_runtime && read.resources) {
        *values = read;
        return 0;
    }
    daemon_json_values_finish (&read);
    return error_set (err, ENOMEM, "JSON");
}
