/* A line on standard error for what takes over a second, and only where that is a terminal.  */
#ifndef DRI_PROGRESS_H
#define DRI_PROGRESS_H

#include <sys/types.h>

struct progress {
    int fd;    /* to the child; -1: nobody looks */
    pid_t pid; /* writes the line; so that what is under way need not look at the clock */
};

/* command: "drictl doctor". Never fails: without a child there is no line.  */
void progress_start (struct progress *progress, const char *command);

/* What is under way: "VA-API".  */
void progress_say (const struct progress *progress, const char *what);

/* Takes the line away.  */
void progress_stop (struct progress *progress);

#endif
