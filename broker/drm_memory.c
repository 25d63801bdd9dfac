#include "drm_memory.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* So many places are looked through for a process, beginning with that of its pid.  */
enum { NEAR = 8 };

unsigned
drm_memory_places (void)
{
    struct rlimit limit;

    if (getrlimit (RLIMIT_NOFILE, &limit) < 0)
        return 0;
    return limit.rlim_cur / 2 < DRM_MEMORY_PROCESSES ? (unsigned) (limit.rlim_cur / 2) : DRM_MEMORY_PROCESSES;
}

static void
drop (struct drm_memory *memory, struct drm_process *process)
{
    if (process->pid == 0)
        return;
    (void) close (process->fds);
    process->pid = 0;
    memory->used--;
}

/* The one that it has; else, one that nobody has, or no longer has any use of. NULL: there is none near.  */
static struct drm_process *
place_of (struct drm_memory *memory, int pid)
{
    struct drm_process *place = NULL;

    if (pid <= 0)
        return NULL;
    for (unsigned i = 0; i < NEAR && i < memory->places; i++) {
        struct drm_process *process = &memory->table[((unsigned) pid + i) % memory->places];

        if (process->pid == pid)
            return process;
        if (!place && (process->pid == 0 || memory->now >= process->until))
            place = process;
    }
    return place;
}

void
drm_memory_begin (struct drm_memory *memory, uint64_t now)
{
    memory->round++;
    memory->now = now;
}

const struct drm_process *
drm_memory_find (struct drm_memory *memory, int pid)
{
    struct drm_process *process = place_of (memory, pid);
    struct stat st;

    if (!process || process->pid != pid)
        return NULL;
    /* Of a process that has gone there is no number of open files, whoever has its pid.  */
    if (memory->now >= process->until || fstat (process->fds, &st) < 0 || st.st_size != process->open)
        return NULL;
    process->round = memory->round;
    return process;
}

void
drm_memory_keep (struct drm_memory *memory, const struct drm_process *seen)
{
    struct drm_process *process = place_of (memory, seen->pid);

    if (process)
        drop (memory, process);
    if (!process || seen->open == 0) {
        (void) close (seen->fds);
        return;
    }
    *process = *seen;
    process->round = memory->round;
    process->until = memory->now + DRM_MEMORY_MS;
    memory->used++;
}

void
drm_memory_end (struct drm_memory *memory)
{
    for (unsigned i = 0; i < memory->places && memory->used > 0; i++)
        if (memory->table[i].round != memory->round)
            drop (memory, &memory->table[i]);
}

void
drm_memory_forget (struct drm_memory *memory)
{
    memory->round++;
    drm_memory_end (memory);
}
