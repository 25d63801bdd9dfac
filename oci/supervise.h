/* Runs the real runtime as a child that nobody can tell from an exec: same stdio and fds, signals passed on,
 * its exit status or signal taken over. Only for a container that was edited, whose failure we must explain
 * after the runtime has said its own.  */
#ifndef DRI_SUPERVISE_H
#define DRI_SUPERVISE_H

#include "error.h"

/* *status is what waitpid gave. -1 only where no child could be made.  */
int supervise (const char *path, char **argv, int *status, struct error *err);

/* Ends this process as the child ended.  */
void supervise_exit (int status) __attribute__ ((noreturn));

#endif
