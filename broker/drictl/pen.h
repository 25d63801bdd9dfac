/* Writes lines of a screen of so many columns and rows: whatever a text holds, it stays in its place. Pure,
 * but for the locale.  */
#ifndef DRI_PEN_H
#define DRI_PEN_H

#include <stdbool.h>
#include <stdio.h>

enum pen_style { PEN_PLAIN, PEN_BOLD, PEN_DIM, PEN_GREEN, PEN_YELLOW, PEN_RED, PEN_REVERSE };

struct pen {
    FILE *out;
    unsigned columns, rows; /* of the screen */
    bool utf8, color;
    unsigned column, row; /* where the next character comes */
};

/* What does not fit in the line, or in room columns of it, is left out. A text's control characters come out
 * as of print.h, and what the terminal cannot show as "?".  */
void pen_text (struct pen *pen, enum pen_style style, unsigned room, const char *text);
/* The same without a limit of its own.  */
void pen_write (struct pen *pen, enum pen_style style, const char *text);
/* So many of a sign, which is one column wide.  */
void pen_repeat (struct pen *pen, enum pen_style style, const char *sign, unsigned n);
/* Blanks up to a column.  */
void pen_move (struct pen *pen, unsigned column);
/* Text in a field, at its right or left end; wide fields only.  */
void pen_field (struct pen *pen, enum pen_style style, unsigned width, bool right, const char *text);

void pen_end_line (struct pen *pen);

#endif
