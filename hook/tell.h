/* Why a container does not start, to whoever started it.  */
#ifndef DRI_TELL_H
#define DRI_TELL_H

/* On stderr, which runc puts into its own error. crun, called by Podman, lets its stderr through only where
 * its log is not the one JSON object that Podman expects (libpod, readConmonPipeData): then a line goes there
 * too.  */
void tell (const char *container, const char *message);

#endif
