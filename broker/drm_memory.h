/* Which open files of a process were DRM clients when it was last looked at, so that one who looks ten times
 * a second, as the governor does, need not go through all files each time. What is remembered holds for
 * DRM_MEMORY_MS at most; only as long as the process has as many open files as it had; and for this very
 * process: the kept folder /proc/PID/fd is of none that gets its pid later. A file that was exchanged for a
 * DRM client in the meantime is seen DRM_MEMORY_MS later; new processes are always looked at whole.  */
#ifndef DRI_DRM_MEMORY_H
#define DRI_DRM_MEMORY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { DRM_MEMORY_MS = 1000, DRM_MEMORY_PROCESSES = 512, DRM_MEMORY_FILES = 8 };

struct drm_process {
    int pid;        /* 0: none is remembered here */
    int fds;        /* /proc/PID/fd, owned */
    unsigned round; /* in which it was last asked for */
    uint64_t until; /* ms */
    off_t open;     /* how many open files it has */
    unsigned n;
    int files[DRM_MEMORY_FILES]; /* those that are DRM clients */
};

/* A table without lists: a process that finds no place near its pid's is not remembered.  */
struct drm_memory {
    unsigned places; /* at most DRM_MEMORY_PROCESSES; 0: nothing is remembered */
    unsigned round, used;
    uint64_t now; /* ms, on a monotonic clock */
    struct drm_process table[DRM_MEMORY_PROCESSES];
};

/* As many places as a part of the descriptors that this process may have open.  */
unsigned drm_memory_places (void);

/* One look at many processes: begin, then find or keep for each, then end, which forgets the others.  */
void drm_memory_begin (struct drm_memory *memory, uint64_t now);
/* NULL: it has to be looked at whole. The memory's own, until the next call.  */
const struct drm_process *drm_memory_find (struct drm_memory *memory, int pid);
/* Takes over seen->fds, or closes it. seen->open: as fstat told it before the look; 0, as with kernels before
 * 6.2, which do not tell: it is not kept.  */
void drm_memory_keep (struct drm_memory *memory, const struct drm_process *seen);
void drm_memory_end (struct drm_memory *memory);

void drm_memory_forget (struct drm_memory *memory);

#endif
