/* The least that a wrapper can be: it executes its arguments. Built static and dynamic, to be measured
 * against.  */
#include <unistd.h>

int
main (int argc, char **argv)
{
    if (argc > 1)
        (void) execv (argv[1], argv + 1);
    return 127;
}
