/* The broker with 256 leases, of a process that lives.  */
#ifndef DRI_BENCH_HOLDING_H
#define DRI_BENCH_HOLDING_H

#include <stdbool.h>
#include <sys/types.h>

/* print: its private memory, before and with them. Else prints "held" once it has taken them. Gives them
 * back, in the second case at the end of standard input.  */
int hold_leases (pid_t broker, bool print);

#endif
