/* The dri.* labels of a service: those that it has, as a list or a mapping, and those to be put in.  */
#ifndef DRI_COMPOSE_LABELS_H
#define DRI_COMPOSE_LABELS_H

#include "compose_file.h"

enum { COMPOSE_LABELS_MAX = 24 };

struct compose_label {
    char name[64], value[256];
    const char *why; /* NULL: no comment; of a wanted one; static text */
    unsigned line;   /* of one that is there */
};

struct compose_labels {
    yaml_node_t *key, *node; /* NULL: the service has no labels of its own */
    bool own;                /* and nobody else has the same */
    struct compose_label list[COMPOSE_LABELS_MAX], wanted[COMPOSE_LABELS_MAX];
    unsigned n, wanted_n;
};

/* parent may be NULL. Labels that are merged in are read too, but are not its own.  */
void compose_labels_read (struct compose_labels *labels, struct compose_file *file, const yaml_node_t *parent,
                          const char *name);

bool compose_labels_has (const struct compose_labels *labels, const char *name, const char *value);

/* Wants it, unless one of that name is there. why is static.  */
void compose_labels_want (struct compose_labels *labels, const char *name, const char *value,
                          const char *why);

/* The wanted ones into the labels that are there.  */
void compose_labels_add (const struct compose_labels *labels, const struct compose_file *file,
                         struct compose_edits *edits);
/* The same as a mapping of its own, by the line of this byte; step: how much deeper its keys stand.  */
void compose_labels_add_block (const struct compose_labels *labels, const struct compose_file *file,
                               struct compose_edits *edits, size_t byte, bool after, size_t column);

#endif
