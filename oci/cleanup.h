/* Scope-bound ownership. A variable marked with one of these is released when it goes out of scope; hand it
 * on with the matching steal. Never mixed with goto in one function.  */
#ifndef DRI_CLEANUP_H
#define DRI_CLEANUP_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void
cleanup_free (void *p)
{
    free (*(void **) p);
}

static inline void
cleanup_close (const int *fd)
{
    if (*fd >= 0)
        (void) close (*fd);
}

static inline void
cleanup_fclose (FILE **f)
{
    if (*f)
        (void) fclose (*f);
}

static inline void
cleanup_json (json_t **json)
{
    json_decref (*json);
}

#define _cleanup_free_   __attribute__ ((cleanup (cleanup_free)))
#define _cleanup_close_  __attribute__ ((cleanup (cleanup_close)))
#define _cleanup_fclose_ __attribute__ ((cleanup (cleanup_fclose)))
#define _cleanup_json_   __attribute__ ((cleanup (cleanup_json)))

static inline int
steal_fd (int *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}

static inline void *
steal_ptr_ (void *p)
{
    void *taken = *(void **) p;

    *(void **) p = NULL;
    return taken;
}
#define steal_ptr(p) ((__typeof__ (*(p))) steal_ptr_ (p))

#define countof(array) (sizeof (array) / sizeof *(array))

#endif
