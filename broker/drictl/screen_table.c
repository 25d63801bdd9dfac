#include "screen_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "status_text.h"

enum { NAME_LEAST = 12, NAME_MOST = 40, COLUMNS_MAX = 10 };

/* Where the screen is narrow, those of a high rank are left out first.  */
static const struct column {
    const char *title;
    unsigned width, rank;
    enum { COLUMN_TEXT, COLUMN_ENGINE, COLUMN_MEMORY, COLUMN_AGE } kind;
    const char *key;
} columns[COLUMNS_MAX] = {
    {"GPU", 10, 4, COLUMN_TEXT, "gpu"},
    {"CLASS", 11, 7, COLUMN_TEXT, "class"},
    {"RENDER", 6, 1, COLUMN_ENGINE, "render"},
    {"VIDEO", 6, 2, COLUMN_ENGINE, "video"},
    {"ENHANCE", 7, 6, COLUMN_ENGINE, "video-enhance"},
    {"COPY", 5, 8, COLUMN_ENGINE, "copy"},
    {"COMPUTE", 7, 9, COLUMN_ENGINE, "compute"},
    {"MEMORY", 8, 3, COLUMN_MEMORY, NULL},
    {"AGE", 7, 10, COLUMN_AGE, NULL},
    {"STATE", 9, 5, COLUMN_TEXT, "state"},
};

struct row {
    json_t *object; /* borrowed */
    char name[LABEL_SIZE];
    double key; /* below 0: not known */
};

struct table {
    struct pen *pen;
    const struct screen *screen;
    unsigned name_width;
    unsigned shown; /* bit set of columns */
};

static unsigned
column_ranked (unsigned rank)
{
    for (unsigned i = 0; i < COLUMNS_MAX; i++)
        if (columns[i].rank == rank)
            return i;
    return COLUMNS_MAX;
}

static void
choose_columns (struct table *t)
{
    unsigned used = NAME_LEAST, i;

    t->shown = 0;
    for (unsigned rank = 1; rank <= COLUMNS_MAX; rank++) {
        i = column_ranked (rank);
        if (i == COLUMNS_MAX || used + 1 + columns[i].width > t->pen->columns)
            break;
        t->shown |= 1U << i;
        used += 1 + columns[i].width;
    }
    t->name_width = NAME_LEAST + t->pen->columns - (used < t->pen->columns ? used : t->pen->columns);
    if (t->name_width > NAME_MOST)
        t->name_width = NAME_MOST;
}

static bool
is_right (const struct column *column)
{
    return column->kind == COLUMN_ENGINE || column->kind == COLUMN_MEMORY;
}

static void
draw_head (const struct table *t, const char *name)
{
    pen_field (t->pen, PEN_BOLD, t->name_width, false, name);
    for (unsigned i = 0; i < COLUMNS_MAX; i++) {
        if ((t->shown & (1U << i)) == 0)
            continue;
        pen_write (t->pen, PEN_PLAIN, " ");
        pen_field (t->pen, PEN_BOLD, columns[i].width, is_right (&columns[i]), columns[i].title);
    }
    pen_end_line (t->pen);
}

static void
draw_cell (const struct table *t, const struct column *column, const json_t *object)
{
    enum pen_style style = PEN_PLAIN;
    char text[128];

    switch (column->kind) {
    case COLUMN_TEXT:
        (void) snprintf (text, sizeof text, "%s", text_of (object, column->key, "-"));
        break;
    case COLUMN_ENGINE: {
        const json_t *load = json_object_get (json_object_get (object, "engines"), column->key);

        style = json_number_value (load) >= 0.85 ? PEN_RED : PEN_PLAIN;
        text_load (text, load);
        break;
    }
    case COLUMN_MEMORY:
        text_bytes (text, json_object_get (json_object_get (object, "memory"), "resident"));
        break;
    case COLUMN_AGE:
    default:
        text_age (text, json_object_get (object, "since"), t->screen->now);
        break;
    }
    pen_field (t->pen, style, column->width, is_right (column), text);
}

static void
draw_row (const struct table *t, const struct row *row)
{
    pen_field (t->pen, PEN_PLAIN, t->name_width, false, row->name);
    for (unsigned i = 0; i < COLUMNS_MAX; i++) {
        if ((t->shown & (1U << i)) == 0)
            continue;
        pen_write (t->pen, PEN_PLAIN, " ");
        draw_cell (t, &columns[i], row->object);
    }
    pen_end_line (t->pen);
}

/* --- order --- */

static double
sort_key (const json_t *object, enum screen_sort sort)
{
    static const char *const engines[] = {[SORT_RENDER] = "render",
                                          [SORT_VIDEO] = "video",
                                          [SORT_ENHANCE] = "video-enhance",
                                          [SORT_COPY] = "copy"};
    const json_t *figure = NULL;

    if (sort == SORT_MEMORY)
        figure = json_object_get (json_object_get (object, "memory"), "resident");
    else if (sort != SORT_NAME)
        figure = json_object_get (json_object_get (object, "engines"), engines[sort]);
    return json_is_number (figure) ? json_number_value (figure) : -1;
}

/* The busiest first, and by name where they are alike: rows shall not jump.  */
static int
compare (const void *a, const void *b)
{
    const struct row *x = a, *y = b;

    return x->key < y->key ? 1 : x->key > y->key ? -1 : strcmp (x->name, y->name);
}

static size_t
take_rows (const struct table *t, const json_t *array, bool are_users, struct row **rows)
{
    json_t *object;
    size_t i;

    *rows = calloc (json_array_size (array) + 1, sizeof **rows);
    if (!*rows)
        return 0;
    json_array_foreach ((json_t *) array, i, object) {
        struct row *row = &(*rows)[i];

        row->object = object;
        row->key = sort_key (object, t->screen->sort);
        if (are_users)
            text_user (row->name, object);
        else
            text_container (row->name, json_object_get (object, "container"));
    }
    qsort (*rows, json_array_size (array), sizeof **rows, compare);
    return json_array_size (array);
}

/* --- tables --- */

static void
draw_more (const struct table *t, size_t n)
{
    char text[64];

    (void) snprintf (text, sizeof text, "and %zu more", n);
    pen_write (t->pen, PEN_DIM, text);
    pen_end_line (t->pen);
}

static void
draw_rows (const struct table *t, const char *head, const json_t *array, bool are_users)
{
    _cleanup_free_ struct row *rows = NULL;
    size_t n = take_rows (t, array, are_users, &rows);

    if (n == 0)
        return;
    draw_head (t, head);
    for (size_t i = 0; i < n; i++) {
        if (t->pen->row + 1 == t->pen->rows && n - i > 1) {
            draw_more (t, n - i);
            return;
        }
        draw_row (t, &rows[i]);
    }
}

static void
draw_queue (const struct table *t, const json_t *queue)
{
    const json_t *waiting;
    size_t i;

    json_array_foreach ((json_t *) queue, i, waiting) {
        char name[LABEL_SIZE], line[LABEL_SIZE + 600];

        text_container (name, json_object_get (waiting, "container"));
        (void) snprintf (line, sizeof line, "%lld. waits: %s: %s",
                         (long long) json_integer_value (json_object_get (waiting, "position")), name,
                         text_of (waiting, "reason", "-"));
        if (t->pen->row + 1 == t->pen->rows && json_array_size (queue) - i > 1) {
            draw_more (t, json_array_size (queue) - i);
            return;
        }
        pen_write (t->pen, PEN_PLAIN, line);
        pen_end_line (t->pen);
    }
}

void
table_draw (struct pen *pen, const struct screen *screen, const json_t *status)
{
    struct table t = {.pen = pen, .screen = screen};

    choose_columns (&t);
    draw_rows (&t, "CONTAINER", json_object_get (status, "leases"), false);
    draw_rows (&t, "WITHOUT A LEASE", json_object_get (status, "unmanaged"), true);
    draw_queue (&t, json_object_get (status, "queue"));
}
