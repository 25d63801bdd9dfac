#include "compose_file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../../oci/cleanup.h"

/* Lists of merges in lists of merges: a short file could ask for more than anybody lives to see.  */
enum { MERGE_DEPTH_MAX = 8, MERGE_NODES_MAX = 1000 };

void
compose_finish (struct compose_file *file)
{
    if (file->loaded)
        yaml_document_delete (&file->document);
    free (file->bytes);
    free (file->uses);
    *file = (struct compose_file){0};
}

/* libyaml counts characters; a byte order mark is one, since the encoding was told.  */
static int
count_characters (struct compose_file *file, struct error *err)
{
    size_t n = 0;

    file->bytes = calloc (file->len + 1, sizeof *file->bytes);
    if (!file->bytes)
        return error_set (err, ENOMEM, "compose file");
    for (size_t i = 0; i < file->len; i++)
        if (((unsigned char) file->text[i] & 0xc0) != 0x80)
            file->bytes[n++] = i;
    file->n_characters = n;
    file->bytes[n] = file->len;
    return 0;
}

static void
use (struct compose_file *file, int id)
{
    file->uses[id - 1]++;
}

static int
count_uses (struct compose_file *file, struct error *err)
{
    const yaml_node_t *nodes = file->document.nodes.start;
    size_t n = (size_t) (file->document.nodes.top - nodes);

    file->uses = calloc (n + 1, sizeof *file->uses);
    if (!file->uses)
        return error_set (err, ENOMEM, "compose file");
    for (size_t i = 0; i < n; i++) {
        if (nodes[i].type == YAML_SEQUENCE_NODE)
            for (yaml_node_item_t *item = nodes[i].data.sequence.items.start;
                 item < nodes[i].data.sequence.items.top; item++)
                use (file, *item);
        if (nodes[i].type == YAML_MAPPING_NODE)
            for (yaml_node_pair_t *pair = nodes[i].data.mapping.pairs.start;
                 pair < nodes[i].data.mapping.pairs.top; pair++) {
                use (file, pair->key);
                use (file, pair->value);
            }
    }
    return 0;
}

static int
parse_error (const yaml_parser_t *parser, struct error *err)
{
    return error_set (err, 0, "line %zu, column %zu: %s", parser->problem_mark.line + 1,
                      parser->problem_mark.column + 1, parser->problem ? parser->problem : "no YAML");
}

static int
parse (struct compose_file *file, yaml_parser_t *parser, struct error *err)
{
    yaml_document_t next;

    yaml_parser_set_encoding (parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string (parser, (const unsigned char *) file->text, file->len);
    if (!yaml_parser_load (parser, &file->document))
        return parse_error (parser, err);
    file->loaded = true;
    if (!compose_root (file) || compose_root (file)->type != YAML_MAPPING_NODE)
        return error_set (err, 0, "it is no mapping, as a compose file is");
    if (!yaml_parser_load (parser, &next))
        return parse_error (parser, err);
    file->more = yaml_document_get_root_node (&next);
    yaml_document_delete (&next);
    return 0;
}

int
compose_load (struct compose_file *file, const struct text *text, struct error *err)
{
    yaml_parser_t parser;
    int r;

    *file = (struct compose_file){.text = text->data, .len = text->len};
    if (!yaml_parser_initialize (&parser))
        return error_set (err, ENOMEM, "compose file");
    r = parse (file, &parser, err);
    yaml_parser_delete (&parser);
    if (r == 0)
        r = count_characters (file, err) < 0 ? -1 : count_uses (file, err);
    if (r < 0)
        compose_finish (file);
    return r;
}

/* --- nodes --- */

yaml_node_t *
compose_root (struct compose_file *file)
{
    return yaml_document_get_root_node (&file->document);
}

yaml_node_t *
compose_node (struct compose_file *file, int id)
{
    return yaml_document_get_node (&file->document, id);
}

const char *
compose_scalar (const yaml_node_t *node)
{
    return node && node->type == YAML_SCALAR_NODE ? (const char *) node->data.scalar.value : "";
}

yaml_node_t *
compose_get (struct compose_file *file, const yaml_node_t *node, const char *name, yaml_node_t **key)
{
    if (!node || node->type != YAML_MAPPING_NODE)
        return NULL;
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top;
         pair++) {
        yaml_node_t *found = compose_node (file, pair->key);

        if (found->type != YAML_SCALAR_NODE || strcmp (compose_scalar (found), name) != 0)
            continue;
        if (key)
            *key = found;
        return compose_node (file, pair->value);
    }
    return NULL;
}

static yaml_node_t *
get_merged (struct compose_file *file, const yaml_node_t *node, const char *name, int depth, unsigned *left)
{
    yaml_node_t *merged = compose_get (file, node, "<<", NULL), *found = NULL;

    if (!merged || depth == MERGE_DEPTH_MAX || *left == 0)
        return NULL;
    --*left;
    if (merged->type == YAML_MAPPING_NODE) {
        found = compose_get (file, merged, name, NULL);
        return found ? found : get_merged (file, merged, name, depth + 1, left);
    }
    if (merged->type == YAML_SEQUENCE_NODE)
        for (yaml_node_item_t *item = merged->data.sequence.items.start;
             !found && item < merged->data.sequence.items.top; item++) {
            const yaml_node_t *one = compose_node (file, *item);

            found = compose_get (file, one, name, NULL);
            if (!found)
                found = get_merged (file, one, name, depth + 1, left);
        }
    return found;
}

yaml_node_t *
compose_get_merged (struct compose_file *file, const yaml_node_t *node, const char *name)
{
    unsigned left = MERGE_NODES_MAX;

    return get_merged (file, node, name, 0, &left);
}

bool
compose_is_own (const struct compose_file *file, const yaml_node_t *node)
{
    return file->uses[node - file->document.nodes.start] == 1;
}

bool
compose_is_flow (const yaml_node_t *node)
{
    return (node->type == YAML_MAPPING_NODE && node->data.mapping.style == YAML_FLOW_MAPPING_STYLE)
           || (node->type == YAML_SEQUENCE_NODE && node->data.sequence.style == YAML_FLOW_SEQUENCE_STYLE);
}

unsigned
compose_line (const yaml_node_t *node)
{
    return (unsigned) node->start_mark.line + 1;
}

static size_t
byte_of (const struct compose_file *file, size_t character)
{
    return file->bytes[character < file->n_characters ? character : file->n_characters];
}

size_t
compose_begin (const struct compose_file *file, const yaml_node_t *node)
{
    return byte_of (file, node->start_mark.index);
}

/* libyaml's end of a collection in block style is the next token, behind comments. A child that begins before
 * its parent is an alias; so no way leads round in circles.  */
static size_t
end_of (struct compose_file *file, const yaml_node_t *node, const yaml_node_t *child)
{
    return child->start_mark.index > node->start_mark.index && compose_is_own (file, child)
               ? compose_end (file, child)
               : compose_begin (file, node);
}

size_t
compose_end (struct compose_file *file, const yaml_node_t *node)
{
    size_t end = compose_begin (file, node);

    if (node->type == YAML_SCALAR_NODE || compose_is_flow (node)) {
        end = byte_of (file, node->end_mark.index);
        /* A block scalar ends at the begin of a line that is not its own any more.  */
        while (end > compose_begin (file, node) && strchr (" \t\r\n", file->text[end - 1]))
            end--;
    } else if (node->type == YAML_SEQUENCE_NODE
               && node->data.sequence.items.top > node->data.sequence.items.start) {
        size_t last = end_of (file, node, compose_node (file, node->data.sequence.items.top[-1]));

        end = last > end ? last : end;
    } else if (node->type == YAML_MAPPING_NODE
               && node->data.mapping.pairs.top > node->data.mapping.pairs.start) {
        size_t key = end_of (file, node, compose_node (file, node->data.mapping.pairs.top[-1].key));
        size_t value = end_of (file, node, compose_node (file, node->data.mapping.pairs.top[-1].value));

        end = key > end ? key : end;
        end = value > end ? value : end;
    }
    return end;
}
