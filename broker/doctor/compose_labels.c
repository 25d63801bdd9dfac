#include "compose_labels.h"

#include <stdio.h>
#include <string.h>

#include "../../oci/request.h"

static void
take (struct compose_labels *labels, const char *name, size_t len, const char *value, unsigned line)
{
    struct compose_label *label = &labels->list[labels->n];

    if (labels->n == COMPOSE_LABELS_MAX)
        return;
    *label = (struct compose_label){.line = line};
    (void) snprintf (label->name, sizeof label->name, "%.*s", (int) len, name);
    (void) snprintf (label->value, sizeof label->value, "%s", value);
    if (request_owns_label (label->name))
        labels->n++;
}

static void
read_node (struct compose_labels *labels, struct compose_file *file, const yaml_node_t *node)
{
    if (node->type == YAML_MAPPING_NODE)
        for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top;
             pair++) {
            const yaml_node_t *key = compose_node (file, pair->key);
            const char *name = compose_scalar (key);

            take (labels, name, strlen (name), compose_scalar (compose_node (file, pair->value)),
                  compose_line (key));
        }
    if (node->type == YAML_SEQUENCE_NODE)
        for (yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top;
             item++) {
            const yaml_node_t *entry = compose_node (file, *item);
            const char *text = compose_scalar (entry);
            size_t len = strcspn (text, "=");

            take (labels, text, len, text[len] ? text + len + 1 : "", compose_line (entry));
        }
}

void
compose_labels_read (struct compose_labels *labels, struct compose_file *file, const yaml_node_t *parent,
                     const char *name)
{
    yaml_node_t *merged, *key = NULL;

    *labels = (struct compose_labels){0};
    labels->node = compose_get (file, parent, name, &key);
    labels->key = key;
    labels->own = labels->node && compose_is_own (file, labels->node);
    merged = labels->node ? NULL : compose_get_merged (file, parent, name);
    if (labels->node || merged)
        read_node (labels, file, labels->node ? labels->node : merged);
}

bool
compose_labels_has (const struct compose_labels *labels, const char *name, const char *value)
{
    for (unsigned i = 0; i < labels->n; i++)
        if (strcmp (labels->list[i].name, name) == 0)
            return !value || strcmp (labels->list[i].value, value) == 0;
    return false;
}

void
compose_labels_want (struct compose_labels *labels, const char *name, const char *value, const char *why)
{
    struct compose_label *label = &labels->wanted[labels->wanted_n];

    if (labels->wanted_n == COMPOSE_LABELS_MAX || compose_labels_has (labels, name, NULL))
        return;
    *label = (struct compose_label){.why = why};
    (void) snprintf (label->name, sizeof label->name, "%s", name);
    (void) snprintf (label->value, sizeof label->value, "%s", value);
    labels->wanted_n++;
}

static void
add_lines (const struct compose_labels *labels, const struct compose_file *file, struct compose_edits *edits,
           size_t byte, bool after, const char *indent, bool list)
{
    for (unsigned i = 0; i < labels->wanted_n; i++) {
        const struct compose_label *label = &labels->wanted[i];
        const char *sign = label->why ? " # " : "", *why = label->why ? label->why : "";

        if (list)
            compose_add_line (file, edits, byte, after, "%s%s=%s%s%s", indent, label->name, label->value,
                              sign, why);
        else
            compose_add_line (file, edits, byte, after, "%s%s: \"%s\"%s%s", indent, label->name, label->value,
                              sign, why);
    }
}

static void
add_to_flow (const struct compose_labels *labels, const struct compose_file *file,
             struct compose_edits *edits, const yaml_node_t *first)
{
    bool list = labels->node->type == YAML_SEQUENCE_NODE;
    size_t at = compose_begin (file, labels->node) + 1, used = 0;
    char text[2048] = "";

    for (unsigned i = 0; i < labels->wanted_n && used < sizeof text; i++)
        used += (size_t) snprintf (text + used, sizeof text - used, list ? "%s\"%s=%s\"" : "%s%s: \"%s\"",
                                   i > 0 ? ", " : " ", labels->wanted[i].name, labels->wanted[i].value);
    if (used < sizeof text)
        used += (size_t) snprintf (text + used, sizeof text - used, "%s", first ? "," : " ");
    if (used >= sizeof text)
        edits->failed = true;
    else
        compose_replace (edits, at, at, text);
}

/* A key without a value is an empty scalar.  */
void
compose_labels_add (const struct compose_labels *labels, const struct compose_file *file,
                    struct compose_edits *edits)
{
    const yaml_node_t *node = labels->node, *nodes = file->document.nodes.start, *first = NULL;

    if (node->type == YAML_SEQUENCE_NODE && node->data.sequence.items.top > node->data.sequence.items.start)
        first = &nodes[*node->data.sequence.items.start - 1];
    if (node->type == YAML_MAPPING_NODE && node->data.mapping.pairs.top > node->data.mapping.pairs.start)
        first = &nodes[node->data.mapping.pairs.start->key - 1];
    if (node->type == YAML_SCALAR_NODE)
        add_lines (labels, file, edits, compose_begin (file, labels->key), true, "  ", false);
    else if (node->type != YAML_SCALAR_NODE && compose_is_flow (node))
        add_to_flow (labels, file, edits, first);
    else if (!first || !compose_is_own (file, first))
        edits->failed = true;
    else
        add_lines (labels, file, edits, compose_begin (file, first), false, "",
                   node->type == YAML_SEQUENCE_NODE);
}

void
compose_labels_add_block (const struct compose_labels *labels, const struct compose_file *file,
                          struct compose_edits *edits, size_t byte, bool after, size_t column)
{
    /* As the file indents, which is seen best where a service begins: two levels above.  */
    size_t step = column >= 4 && column % 2 == 0 && column / 2 <= 8 ? column / 2 : 2;
    char indent[16];

    (void) snprintf (indent, sizeof indent, "%*s", (int) step, "");
    compose_add_line (file, edits, byte, after, "labels:");
    add_lines (labels, file, edits, byte, after, indent, false);
}
