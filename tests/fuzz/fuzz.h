/* What the fuzz targets share. libFuzzer's main calls the entry point with inputs of its own making, replay.c
 * with the files of the corpus.  */
#ifndef DRI_FUZZ_H
#define DRI_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* Unlike assert it stays in every build.  */
#define must(condition)                                                                                      \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            (void) fprintf (stderr, "%s:%d: must (%s)\n", __FILE__, __LINE__, #condition);                   \
            abort ();                                                                                        \
        }                                                                                                    \
    } while (0)

#endif
