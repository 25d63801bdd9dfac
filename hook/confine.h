/* The box in which foreign code runs: a VA driver, the C library that it brings along, whatever these load.
 *
 * What is left to it: one thread group without capabilities, that cannot gain any (no_new_privs), cannot
 * leave its session, which has no terminal, type into one, start a process or signal another; four
 * descriptors, of which two are /dev/null, one is the pipe of its report and one the GPU's node; opening
 * files to read; memory, time and files within limits. fork, vfork, execve, sockets, opening to write,
 * ptrace, mount and all else give EPERM, so that a driver that can do without goes on; clone3 gives ENOSYS,
 * upon which C libraries take clone.
 *
 * It comes in two halves, because the loader that runs between them is foreign too.  */
#ifndef DRI_CONFINE_H
#define DRI_CONFINE_H

#include <stdbool.h>
#include <sys/types.h>

#include "../oci/error.h"

/* Where the descriptors are; 0, 1 and 2 are /dev/null, but of one that talks an empty pipe and its output. */
enum { CONFINE_REPORT = 3, CONFINE_NODE = 4, CONFINE_PROGRAM = 5 };

enum { CONFINE_MEMORY_MIB = 512 };

struct confine {
    int null;     /* /dev/null, of the caller's own choice */
    int report;   /* the pipe */
    int node;     /* of the GPU */
    int program;  /* what will be executed, by its descriptor */
    pid_t parent; /* who forked it; it may be in another pid namespace */
    unsigned cpu_seconds;
    /* A program that knows nothing of the report: its output goes there, and it may open what it finds for
     * writing too, since it opens the node itself. That it can write to nothing else is the caller's doing.
     */
    bool talks;
};

/* In the child: takes the descriptors, puts them in their places, and closes all others. Where this fails the
 * report is still where it was.  */
int confine_descriptors (const struct confine *confine, struct error *err);

/* Then, in a session of its own, as the last thing before execveat (CONFINE_PROGRAM, "", …,
 * AT_EMPTY_PATH), which is all that can be executed.  */
int confine_enter (const struct confine *confine, struct error *err);

/* First thing in the program: from here on nothing is executed any more.  */
int confine_seal (struct error *err);

#endif
