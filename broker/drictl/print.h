/* Text and tables for people. Names of containers and reasons come from others and may hold terminal escapes:
 * all that drictl prints goes through here, and control characters come out as \u001b.  */
#ifndef DRI_PRINT_H
#define DRI_PRINT_H

#include <libsmartcols/libsmartcols.h>
#include <stdbool.h>
#include <stdio.h>

/* A copy that is safe to print on one line: control characters, marks that turn the direction of writing and
 * bytes that are not UTF-8 are escaped. The caller's to free; NULL where memory is short.  */
char *text_safe (const char *text);

/* Formats, makes safe, and ends the line.  */
void print_line (FILE *out, const char *format, ...) __attribute__ ((format (printf, 2, 3)));

/* Is it for a person who sees colours: a terminal that knows more than letters, and no NO_COLOR that says
 * anything (no-color.org)?  */
bool print_in_color (FILE *out);
/* Is it a terminal that can be written to anywhere, not just line by line?  */
bool print_on_screen (FILE *out);
/* Does this locale know more than ASCII? Only after setlocale.  */
bool print_in_utf8 (void);

/* titles ends with NULL. The table is the caller's to print with table_print; NULL where memory is short, and
 * the functions below take that.  */
struct libscols_table *table_create (FILE *out, const char *const *titles);
struct libscols_line *table_row (struct libscols_table *table);
void table_cell (struct libscols_line *row, size_t column, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

/* Prints the table and frees it.  */
void table_print (struct libscols_table *table);

#endif
