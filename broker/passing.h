/* A descriptor beside bytes on a UNIX socket. Source: unix(7) (SCM_RIGHTS), cmsg(3).  */
#ifndef DRI_PASSING_H
#define DRI_PASSING_H

#include <sys/types.h>

/* As send(2), with the descriptor beside the first byte; -1: without.  */
ssize_t passing_send (int socket, const void *bytes, size_t len, int flags, int fd);

/* As recv(2). *fd is set where one came, close-on-exec and the caller's, and left as it is where none did. */
ssize_t passing_receive (int socket, void *bytes, size_t len, int flags, int *fd);

#endif
