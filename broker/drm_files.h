/* The DRM clients among the open files of a process, as /proc tells of them. What looks at processes of
 * others needs CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH.  */
#ifndef DRI_DRM_FILES_H
#define DRI_DRM_FILES_H

#include <stdbool.h>

#include "fdinfo.h"

struct drm_memory;

struct drm_files {
    int proc;                  /* a folder: /proc */
    struct drm_memory *memory; /* NULL: each process is looked at whole */
    bool simulated; /* an open file NAME.fdinfo stands in for a DRM device: what it holds is its fdinfo */
    unsigned left;  /* so many more files are looked at */
    bool more;      /* there were more */
    bool denied;    /* a process did not let itself be looked at */
    void (*found) (void *userdata, const struct fdinfo *info);
    /* For each character device that is open, of whatever kind; NULL: not asked for. To have them all, each
     * process is looked at whole.  */
    void (*device) (void *userdata, const char *pid, unsigned device_major, unsigned device_minor);
    void *userdata;
};

/* Calls found for each, the same client as often as it is seen. A process that has gone has none. Asks no
 * file system that may not answer.  */
void drm_files_look_at (struct drm_files *look, const char *pid);

#endif
