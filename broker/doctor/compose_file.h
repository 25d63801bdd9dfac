/* A compose file (compose-spec, YAML 1.1 as libyaml reads it), read with the place of everything in the text,
 * and edited there by whole lines, so that comments and layout stay. Pure.
 *
 * An alias stands for the node of its anchor, and libyaml does not tell where the alias itself is. So what is
 * written once and used twice, or merged in (<<), can be read here but not edited: see compose_is_own.  */
#ifndef DRI_COMPOSE_FILE_H
#define DRI_COMPOSE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

#include "../../oci/error.h"
#include "../install/text.h"

struct compose_file {
    const char *text; /* not owned */
    size_t len;
    bool more; /* documents follow the first, which are not read */
    yaml_document_t document;
    bool loaded;
    size_t *bytes; /* of each character the offset, and of the end */
    size_t n_characters;
    unsigned *uses; /* of each node, in the order of the document: how many others name it */
};

/* The text must outlive the file. Errors: no YAML, with line and column; no UTF-8; no mapping at its top. */
int compose_load (struct compose_file *file, const struct text *text, struct error *err);
void compose_finish (struct compose_file *file);

#define _cleanup_compose_ __attribute__ ((cleanup (compose_finish)))

yaml_node_t *compose_root (struct compose_file *file);
yaml_node_t *compose_node (struct compose_file *file, int id);

/* The value of the key that the mapping itself has, and its key where key is not NULL. NULL: none, or node is
 * no mapping (may be NULL).  */
yaml_node_t *compose_get (struct compose_file *file, const yaml_node_t *node, const char *name,
                          yaml_node_t **key);

/* The same of what is merged into it with <<, at any depth.  */
yaml_node_t *compose_get_merged (struct compose_file *file, const yaml_node_t *node, const char *name);

/* The text of a scalar; "" for anything else, NULL included. A NUL within ends it.  */
const char *compose_scalar (const yaml_node_t *node);

/* Is the node written where it is used, and nowhere else? Below one that is not, nothing is to be edited.  */
bool compose_is_own (const struct compose_file *file, const yaml_node_t *node);

/* In braces or brackets?  */
bool compose_is_flow (const yaml_node_t *node);

unsigned compose_line (const yaml_node_t *node); /* from 1 */

/* Bytes; the end is behind the last thing that is written of it, comments not counted.  */
size_t compose_begin (const struct compose_file *file, const yaml_node_t *node);
size_t compose_end (struct compose_file *file, const yaml_node_t *node);

/* --- edits --- */

enum { COMPOSE_EDITS_MAX = 512 };

struct compose_edit {
    size_t begin, end;
    char *text; /* owned */
};

struct compose_edits {
    struct compose_edit list[COMPOSE_EDITS_MAX]; /* large */
    size_t n;
    bool failed; /* one could not be made: none counts */
};

void compose_edits_finish (struct compose_edits *edits);

/* Takes the lines away that these bytes are on. Fails where anything but white space and the dash of a list
 * stands before them, or anything but a comment behind.  */
void compose_remove_lines (const struct compose_file *file, struct compose_edits *edits, size_t begin,
                           size_t end);

/* Puts a line before the one that this byte is on, or after it; with what stands there before the byte (white
 * space, the dash of a list) before it.  */
void compose_add_line (const struct compose_file *file, struct compose_edits *edits, size_t byte, bool after,
                       const char *format, ...) __attribute__ ((format (printf, 5, 6)));

/* Puts text in the place of these bytes.  */
void compose_replace (struct compose_edits *edits, size_t begin, size_t end, const char *text);

/* The text with all edits, those of the same place in the order in which they were made; the caller's.
 * Errors: one has failed; two overlap; memory.  */
int compose_apply (const struct compose_file *file, struct compose_edits *edits, struct text *after,
                   struct error *err);

#endif
