/* Medians and other quantiles of samples.  */
#ifndef DRI_BENCH_STATS_H
#define DRI_BENCH_STATS_H

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

static inline double
now_us (void)
{
    struct timespec t;

    (void) clock_gettime (CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec * 1e6 + (double) t.tv_nsec / 1e3;
}

static inline int
compare_doubles (const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;

    return (x > y) - (x < y);
}

static inline void
sort_samples (double *samples, size_t n)
{
    qsort (samples, n, sizeof *samples, compare_doubles);
}

/* Of samples that are sorted; q from 0 to 1.  */
static inline double
quantile (const double *sorted, size_t n, double q)
{
    return n > 0 ? sorted[(size_t) (q * (double) (n - 1) + 0.5)] : 0;
}

static inline double
median (double *samples, size_t n)
{
    sort_samples (samples, n);
    return quantile (samples, n, 0.5);
}

#endif
