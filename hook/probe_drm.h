/* What the kernel's DRM driver tells of a GPU: who it is, its video engines, the firmware they need. Asked by
 * the kernel's own interface, with no library. Nothing here fails the GPU: what the driver does not tell is
 * left out, and what a person should do is a note.  */
#ifndef DRI_PROBE_DRM_H
#define DRI_PROBE_DRM_H

#include <stdbool.h>

#include "../oci/error.h"

/* ioctl is the system call's, or a test's that plays a driver.  */
struct drm_device {
    int fd;
    int (*ioctl) (int fd, unsigned long request, void *arg);
};

enum { DRM_ENGINES_MAX = 8, DRM_FIRMWARE_MAX = 4, DRM_NOTES_MAX = 4 };

struct drm_facts {
    char driver[32];  /* "i915" */
    char version[32]; /* "1.6.0" */
    struct drm_engine {
        char class[16]; /* i915 and xe: render, copy, video, video-enhance, compute; amdgpu: uvd, vcn-dec, …
                         */
        unsigned count; /* amdgpu: rings */
    } engines[DRM_ENGINES_MAX];
    unsigned n_engines;
    bool engines_known; /* false: the driver was not asked, or does not tell */
    bool video;         /* one of them decodes or encodes */
    struct drm_firmware {
        char name[8];     /* "huc", "guc", "vcn", "uvd", "vce" */
        char status[16];  /* running, clear-media, not-running, missing, invalid, disabled, none, no-memory,
                             failed,  unknown */
        char version[24]; /* "" where it is not told */
    } firmware[DRM_FIRMWARE_MAX];
    unsigned n_firmware;
    char notes[DRM_NOTES_MAX][320]; /* sentences: what is wrong and what to do */
    unsigned n_notes;
};

/* ioctl(2) as DRM wants it called: again on EINTR and EAGAIN (drm.h, drmIoctl).  */
int drm_ioctl (int fd, unsigned long request, void *arg);

/* Fills in driver and version, and empties the rest. Errors: what DRM_IOCTL_VERSION gives.  */
int drm_ask_version (const struct drm_device *device, struct drm_facts *facts, struct error *err);

/* What this driver tells beyond its version; for drivers other than i915, xe and amdgpu that is nothing.  */
void drm_ask_facts (const struct drm_device *device, struct drm_facts *facts);

#endif
