#include "descriptors.h"

#include <limits.h>
#include <unistd.h>

/* The lowest of them that is not below from; INT_MAX where there is none.  */
static int
next_of (const int *fds, size_t n, int from)
{
    int next = INT_MAX;

    for (size_t i = 0; i < n; i++)
        if (fds[i] >= from && fds[i] < next)
            next = fds[i];
    return next;
}

int
descriptors_keep (const int *fds, size_t n)
{
    int from = 0, next = next_of (fds, n, from);

    for (; next != INT_MAX; from = next + 1, next = next_of (fds, n, from))
        if (next > from && close_range ((unsigned) from, (unsigned) next - 1, 0) < 0)
            return -1;
    return close_range ((unsigned) from, ~0U, 0);
}
