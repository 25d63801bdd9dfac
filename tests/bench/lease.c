/* The broker under load, and at rest.
 *
 * lease speed PID SECONDS: Acquire+Release beside what less costs.
 *
 * lease memory PID: the broker's private memory, as it is and with 256 leases.
 *
 * lease hold PID: takes 256 leases for living processes, prints "held", and gives them back at the end of
 * standard input.
 *
 * The broker is process PID at DRI_BROKER_SOCKET, with slots enough for 256 shared leases.  */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "holding.h"
#include "speed.h"

int
main (int argc, char **argv)
{
    pid_t broker = argc > 2 ? (pid_t) strtol (argv[2], NULL, 10) : 0;

    if (broker > 0 && argc == 4 && strcmp (argv[1], "speed") == 0) {
        measure_speed (broker, strtod (argv[3], NULL));
        return 0;
    }
    if (broker > 0 && argc == 3 && strcmp (argv[1], "memory") == 0)
        return hold_leases (broker, true);
    if (broker > 0 && argc == 3 && strcmp (argv[1], "hold") == 0)
        return hold_leases (broker, false);
    (void) fputs ("usage: lease speed PID SECONDS | memory PID | hold PID\n", stderr);
    return 2;
}
