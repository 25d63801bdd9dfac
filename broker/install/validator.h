/* An engine's own program, asked about a configuration that is not in its place yet.  */
#ifndef DRI_VALIDATOR_H
#define DRI_VALIDATOR_H

#include <stdbool.h>

#include "../../oci/error.h"
#include "text.h"

struct validator {
    bool absent;      /* there is no such program; the rest says nothing then */
    bool passed;      /* it ended with 0 */
    struct text out;  /* its standard output */
    struct text said; /* its standard error; standard output too where that was not asked for */
};

void validator_finish (struct validator *validator);

#define _cleanup_validator_ __attribute__ ((cleanup (validator_finish)))

/* Runs argv[0], found on PATH, with the text for its standard input: no file is left behind. with_out: keep
 * the two outputs apart. Errors: it does not end in 30 s, or cannot be run.  */
int validator_run (struct validator *validator, char *const argv[], const struct text *text, bool with_out,
                   struct error *err);

/* The last line it said: what comes before it is the log. Good until the validator is finished.  */
const char *validator_last_line (struct validator *validator);

#endif
