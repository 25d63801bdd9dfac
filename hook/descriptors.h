/* What a child that may never end must not hold: whoever waits for the last copy of a socket or a pipe to be
 * closed would wait for that child.  */
#ifndef DRI_DESCRIPTORS_H
#define DRI_DESCRIPTORS_H

#include <stddef.h>

/* Closes every descriptor of the process but these, standard input, output and error too; one below 0 is
 * none. 0, or -1 with errno. Source: close_range(2), Linux 5.9.  */
int descriptors_keep (const int *fds, size_t n);

#endif
