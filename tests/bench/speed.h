/* Acquire+Release beside what less costs: echoes of messages of the same sizes (echo.h).  */
#ifndef DRI_BENCH_SPEED_H
#define DRI_BENCH_SPEED_H

#include <sys/types.h>

/* From 1 client and from 50, on any CPU and with everybody on one, in turns of short blocks. LEASE_ROOT is in
 * the environment.  */
void measure_speed (pid_t broker, double seconds);

#endif
