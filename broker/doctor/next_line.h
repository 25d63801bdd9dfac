/* What a person is told to run next, and pastes into a root shell: is it safe to show? Pure.
 *
 * Much of what such a line names is read from the machine, or from a copied tree that may be anybody's. Only
 * the format is ours; whatever is put into it has to be plain, or there is no line.
 *
 * Sources: the Shell Command Language of POSIX.1-2017, 2.2 (quoting) and 2.3 (comments); sed's own s and
 * addresses, which a quoted word of ours may be part of.  */
#ifndef DRI_NEXT_LINE_H
#define DRI_NEXT_LINE_H

#include <stdarg.h>
#include <stdbool.h>

/* Is it one word of a command, that needs no quotes and is no option: letters, digits and "_./:+@,-" only,
 * and no "-" in front?  */
bool next_line_is_plain (const char *text);

/* Is every %s such a word where the format has it outside of quotes, or in a comment, and within quotes
 * without "/", which ends what sed looks for, but with spaces, "=", "%" and ";"? The format has %s and
 * numbers (%u, %d, %x, %lu and the like) only: with anything else the answer is no.  */
bool next_line_is_safe (const char *format, va_list args) __attribute__ ((format (printf, 1, 0)));

#endif
