#include "screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "pen.h"
#include "screen_table.h"
#include "status_text.h"

enum { NAME_WIDTH = 16, BAR_MAX = 24, FIGURE_WIDTH = 5 };

static const struct {
    char key;
    const char *name;
} sorts[] = {
    [SORT_RENDER] = {'r', "render"}, [SORT_VIDEO] = {'v', "video"},   [SORT_ENHANCE] = {'e', "enhance"},
    [SORT_COPY] = {'c', "copy"},     [SORT_MEMORY] = {'m', "memory"}, [SORT_NAME] = {'n', "name"},
};

bool
screen_sort_key (char key, enum screen_sort *sort)
{
    for (size_t i = 0; i < countof (sorts); i++) {
        if (sorts[i].key != key)
            continue;
        *sort = (enum screen_sort) i;
        return true;
    }
    return false;
}

static enum pen_style
style_of (double load)
{
    return load < 0.5 ? PEN_GREEN : load < 0.85 ? PEN_YELLOW : PEN_RED;
}

/* Eighths of a column where the terminal has them.  */
static void
draw_bar (struct pen *pen, double load, unsigned width)
{
    static const char *const parts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    double filled = (load < 0 ? 0 : load > 1 ? 1 : load) * width;
    unsigned whole = (unsigned) (filled + (pen->utf8 ? 0 : 0.5)), part = (unsigned) ((filled - whole) * 8);
    unsigned start = pen->column;

    pen_write (pen, PEN_DIM, "[");
    pen_repeat (pen, style_of (load), pen->utf8 ? "█" : "#", whole);
    if (pen->utf8 && whole < width)
        pen_write (pen, style_of (load), parts[part]);
    pen_move (pen, start + 1 + width);
    pen_write (pen, PEN_DIM, "]");
}

/* The busiest of the seconds that a column stands for.  */
static double
peak (const struct history *h, const struct history_gpu *gpu, enum engine engine, unsigned first, unsigned n)
{
    double most = -1;

    for (unsigned i = first; i < first + n; i++) {
        double sample = history_sample (h, gpu, engine, i);

        most = sample > most ? sample : most;
    }
    return most;
}

/* The last minute, or what of it there is room for at a column for one second, two, or more.  */
static void
draw_minute (struct pen *pen, const struct history *h, const struct history_gpu *gpu, enum engine engine,
             unsigned width)
{
    static const char *const ticks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const letters[] = {"_", ".", "-", ":", "=", "+", "*", "#"};
    unsigned each = width > 0 ? (HISTORY_SAMPLES + width - 1) / width : HISTORY_SAMPLES;

    for (unsigned i = HISTORY_SAMPLES / each; i-- > 0;) {
        double load = peak (h, gpu, engine, i * each, each);
        unsigned level = (unsigned) (load < 0 ? 0 : load >= 1 ? 7 : load * 8);

        pen_write (pen, load < 0 ? PEN_PLAIN : style_of (load),
                   load < 0    ? " "
                   : pen->utf8 ? ticks[level]
                               : letters[level]);
    }
}

static void
draw_engine (struct pen *pen, const json_t *gpu, const struct history *h, const struct history_gpu *past,
             enum engine engine)
{
    const json_t *load = json_object_get (json_object_get (gpu, "engines"), engine_name (engine));
    unsigned rest =
        pen->columns > NAME_WIDTH + FIGURE_WIDTH + 4 ? pen->columns - NAME_WIDTH - FIGURE_WIDTH - 4 : 0;
    unsigned bar = rest < 20 ? rest : rest / 3 > BAR_MAX ? BAR_MAX : rest / 3;
    char figure[FIGURE_SIZE];

    text_load (figure, load);
    pen_write (pen, PEN_PLAIN, "  ");
    pen_field (pen, PEN_PLAIN, NAME_WIDTH - 2, false, engine_name (engine));
    if (bar >= 4)
        draw_bar (pen, json_is_number (load) ? json_number_value (load) : 0, bar);
    pen_field (pen, PEN_PLAIN, FIGURE_WIDTH, true, figure);
    if (rest >= 20 + bar) {
        pen_write (pen, PEN_PLAIN, "  ");
        draw_minute (pen, h, past, engine, rest - bar);
    }
    pen_end_line (pen);
}

static void
draw_gpu_title (struct pen *pen, json_t *gpu, bool with_engines)
{
    const json_t *slots = json_object_get (gpu, "slots");
    _cleanup_free_ char *engines = with_engines ? text_engines (json_object_get (gpu, "engines")) : NULL;
    char memory[FIGURE_SIZE], line[1024];

    text_bytes (memory, json_object_get (json_object_get (gpu, "memory"), "resident"));
    pen_write (pen, PEN_BOLD, text_of (gpu, "name", "-"));
    (void) snprintf (line, sizeof line, "  %s, slots %lld of %lld, memory %s%s%s  %s",
                     text_of (gpu, "state", "-"),
                     (long long) json_integer_value (json_object_get (slots, "used")),
                     (long long) json_integer_value (json_object_get (slots, "total")), memory,
                     with_engines ? ", " : "", engines ? engines : "", text_of (gpu, "model", ""));
    pen_write (pen, PEN_PLAIN, line);
    pen_end_line (pen);
}

static unsigned
known_engines (const struct history_gpu *past)
{
    unsigned n = 0;

    for (unsigned i = 0; past && i < ENGINES; i++)
        n += past->known[i];
    return n;
}

static void
draw_gpu (struct pen *pen, json_t *gpu, const struct history *h, bool compact)
{
    const struct history_gpu *past = history_find (h, text_of (gpu, "name", ""));
    bool has_engines = known_engines (past) > 0;

    draw_gpu_title (pen, gpu, compact || !has_engines);
    for (unsigned i = 0; !compact && has_engines && i < ENGINES; i++)
        if (past->known[i])
            draw_engine (pen, gpu, h, past, i);
}

/* One line for each GPU, where bars would leave no room for the containers.  */
static void
draw_gpus (struct pen *pen, const json_t *gpus, const struct history *h)
{
    unsigned needed = 0;
    json_t *gpu;
    size_t i;

    json_array_foreach ((json_t *) gpus, i, gpu) {
        needed += 1 + known_engines (history_find (h, text_of (gpu, "name", "")));
    }
    json_array_foreach ((json_t *) gpus, i, gpu) {
        draw_gpu (pen, gpu, h, needed + 9 > pen->rows);
    }
}

static void
draw_title (struct pen *pen, const struct screen *screen, const json_t *status)
{
    char text[160], clock[16];
    struct tm local;

    (void) strftime (clock, sizeof clock, "%T", localtime_r (&screen->now, &local));
    (void) snprintf (text, sizeof text, "drictl top  %s  %zu leases, %zu waiting, by %s", clock,
                     json_array_size (json_object_get (status, "leases")),
                     json_array_size (json_object_get (status, "queue")), sorts[screen->sort].name);
    pen_field (pen, PEN_REVERSE, pen->columns, false, text);
    pen_end_line (pen);
    if (screen->message) {
        pen_write (pen, PEN_RED, screen->message);
        pen_end_line (pen);
    }
}

static void
draw_keys (struct pen *pen)
{
    pen_write (pen, PEN_DIM, "q quit; by: ");
    for (size_t i = 0; i < countof (sorts); i++) {
        char text[32];

        (void) snprintf (text, sizeof text, "%s%c %s", i > 0 ? ", " : "", sorts[i].key, sorts[i].name);
        pen_write (pen, PEN_DIM, text);
    }
}

char *
screen_draw (const struct screen *screen, const json_t *status, const struct history *history)
{
    char *text = NULL;
    size_t len;
    struct pen pen = {.columns = screen->columns,
                      .rows =
                          screen->rows > 1 ? screen->rows - 1 : screen->rows, /* the last is for the keys */
                      .utf8 = screen->utf8,
                      .color = screen->color,
                      .out = open_memstream (&text, &len)};

    if (!pen.out)
        return NULL;
    draw_title (&pen, screen, status);
    draw_gpus (&pen, json_object_get (status, "gpus"), history);
    pen_end_line (&pen);
    table_draw (&pen, screen, status);
    if (screen->rows > 1) {
        while (pen.row < pen.rows)
            pen_end_line (&pen);
        (void) fputc ('\n', pen.out);
        pen.row = pen.rows++;
        draw_keys (&pen);
    }
    (void) fclose (pen.out);
    return text;
}
