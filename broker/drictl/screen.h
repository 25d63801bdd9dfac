/* The screen of drictl top: the broker's answer to Status, and a minute of it, become lines. Pure, but for
 * the locale.
 */
#ifndef DRI_SCREEN_H
#define DRI_SCREEN_H

#include <jansson.h>
#include <stdbool.h>
#include <time.h>

#include "history.h"

enum screen_sort { SORT_RENDER, SORT_VIDEO, SORT_ENHANCE, SORT_COPY, SORT_MEMORY, SORT_NAME };

struct screen {
    unsigned columns, rows;
    bool utf8, color;
    enum screen_sort sort;
    time_t now;
    const char *message; /* what went wrong; NULL: nothing */
};

/* False: no key of ours.  */
bool screen_sort_key (char key, enum screen_sort *sort);

/* At most as many lines as there are rows, none longer than the columns, parted by "\n". The only escapes in
 * it are those of colours. status: NULL where there is none yet. The caller's to free; NULL where memory is
 * short.  */
char *screen_draw (const struct screen *screen, const json_t *status, const struct history *history);

#endif
