/* The runtime that does nothing: what is measured in front of it is the cost of the wrapper alone. As a hook
 * it reads the state, as hooks must: crun 1.8 dies of SIGPIPE otherwise.  */
#include <unistd.h>

int
main (void)
{
    char state[4096];

    while (read (STDIN_FILENO, state, sizeof state) > 0)
        continue;
    return 0;
}
