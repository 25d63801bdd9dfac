/* Runs a program in its box (confine.h) and collects what comes out of it, whatever becomes of it.  */
#ifndef DRI_BOXED_H
#define DRI_BOXED_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "../oci/error.h"

enum { BOX_BYTES_MAX = 256 * 1024 };

enum box_stage { BOX_ENTERS, BOX_IS_CLOSED, BOX_STARTS };

struct box {
    int program; /* open: its path need not exist where it runs */
    int null;    /* /dev/null, as well */

    /* Makes the child; NULL for fork().  */
    pid_t (*fork) (void *data);
    /* In the child, which is still as free as the caller: becomes whoever is to run the program, where it is
     * to be run, and returns the GPU's node. It may put another program in the place of program.  */
    int (*enter) (void *data, int *program, struct error *err);
    /* In the child, and report is where it writes to. What is begun, and that it failed: the last word of the
     * child. begin may be NULL.  */
    void (*begin) (int report, enum box_stage stage);
    void (*fail) (int report, enum box_stage stage, void *data, const struct error *err);
    void *data;

    char *const *arguments;
    char *const *environment; /* all that the program has of it */
    unsigned deadline_ms;
    bool talks; /* a program that knows nothing of us: see struct confine */
};

struct outcome {
    char text[BOX_BYTES_MAX];
    size_t len;
    bool late, flooded, ended;
    int status; /* of wait; valid where ended */
    long memory_kib;
};

/* Ends a second after the deadline at the latest; no process of it is left then, but one that hangs in the
 * kernel: that is late and not ended. -1 with errno where there could be no child.  */
int box_run (const struct box *box, struct outcome *outcome);

#endif
