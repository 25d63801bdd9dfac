/* What could stand at the cursor, for the completions of the shells: drictl --complete WORD..., the last one
 * being that which is begun. All of it is read off the verbs' help, so that what help tells is completed.
 *
 * Prints a line "WORD\tWHAT IT IS" each; "/files" or "/folders" alone for the shell to complete by itself. */
#ifndef DRI_DRICTL_COMPLETE_H
#define DRI_DRICTL_COMPLETE_H

#include <stddef.h>
#include <stdio.h>

#include "drictl.h"

void complete_words (const struct verb *verbs, size_t n_verbs, char *const *words, int n_words, FILE *out);

#endif
