#include "passing.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "../oci/cleanup.h"

union control {
    char space[CMSG_SPACE (sizeof (int))];
    struct cmsghdr aligned;
};

ssize_t
passing_send (int socket, const void *bytes, size_t len, int flags, int fd)
{
    struct iovec part = {.iov_base = (void *) bytes, .iov_len = len};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    union control control = {0};
    struct cmsghdr *header = &control.aligned;

    if (fd >= 0) {
        message.msg_control = control.space;
        message.msg_controllen = sizeof control.space;
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN (sizeof fd);
        memcpy (CMSG_DATA (header), &fd, sizeof fd);
    }
    return sendmsg (socket, &message, flags);
}

ssize_t
passing_receive (int socket, void *bytes, size_t len, int flags, int *fd)
{
    struct iovec part = {.iov_base = bytes, .iov_len = len};
    union control control = {0};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.space,
                             .msg_controllen = sizeof control.space};
    const struct cmsghdr *header;
    ssize_t n = recvmsg (socket, &message, flags | MSG_CMSG_CLOEXEC);

    header = n < 0 ? NULL : CMSG_FIRSTHDR (&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS
        && header->cmsg_len == CMSG_LEN (sizeof *fd)) {
        cleanup_close (fd);
        memcpy (fd, CMSG_DATA (header), sizeof *fd);
    }
    return n;
}
