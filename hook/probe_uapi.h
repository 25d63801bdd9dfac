/* As much as we need of the kernel's user interface of i915, xe and amdgpu, with names of our own: the
 * headers of Debian 12 know no xe. Layouts and numbers are the kernel's, from include/uapi/drm/i915_drm.h
 * (documented in Documentation/gpu/driver-uapi.rst), xe_drm.h (the same) and amdgpu_drm.h; tests hold
 * them against the headers of libdrm.  */
#ifndef DRI_PROBE_UAPI_H
#define DRI_PROBE_UAPI_H

#include <libdrm/drm.h>
#include <stdint.h>

enum { UAPI_ANSWER_MAX = 64 * 1024, INTEL_CLASS_VIDEO = 2 };

/* --- i915 --- */

enum { I915_PARAM_HUC_STATUS = 42, I915_QUERY_ENGINE_INFO = 2 };

struct i915_getparam {
    int32_t param;
    uintptr_t value; /* an int * in the kernel's header */
};

struct i915_query_item {
    uint64_t query_id;
    int32_t length;
    uint32_t flags;
    uint64_t data_ptr;
};

struct i915_query {
    uint32_t num_items;
    uint32_t flags;
    uint64_t items_ptr;
};

struct i915_engine {
    uint16_t class, instance;
    uint32_t reserved0;
    uint64_t flags, capabilities;
    uint16_t logical_instance, reserved1[3];
    uint64_t reserved2[3];
};

struct i915_engines {
    uint32_t num_engines;
    uint32_t reserved[3];
    struct i915_engine list[];
};

#define IOCTL_I915_GETPARAM DRM_IOWR (DRM_COMMAND_BASE + 0x06, struct i915_getparam)
#define IOCTL_I915_QUERY    DRM_IOWR (DRM_COMMAND_BASE + 0x39, struct i915_query)

/* --- xe --- */

enum { XE_QUERY_ENGINES = 0, XE_QUERY_UC_FW_VERSION = 7, XE_UC_GUC = 0, XE_UC_HUC = 1 };

struct xe_device_query {
    uint64_t extensions;
    uint32_t query, size;
    uint64_t data;
    uint64_t reserved[2];
};

struct xe_engine {
    uint16_t class, instance, gt_id, pad;
    uint64_t reserved[3];
};

struct xe_engines {
    uint32_t num_engines;
    uint32_t pad;
    struct xe_engine list[];
};

struct xe_uc_fw_version {
    uint16_t uc_type, pad;
    uint32_t branch_ver, major_ver, minor_ver, patch_ver, pad2;
    uint64_t reserved;
};

#define IOCTL_XE_DEVICE_QUERY DRM_IOWR (DRM_COMMAND_BASE + 0x00, struct xe_device_query)

/* --- amdgpu --- */

enum {
    AMDGPU_INFO_HW_IP_INFO = 0x02,
    AMDGPU_INFO_FW_VERSION = 0x0e,
    AMDGPU_FW_VCE = 0x01,
    AMDGPU_FW_UVD = 0x02,
    AMDGPU_FW_VCN = 0x0e
};

struct amdgpu_info {
    uint64_t return_pointer;
    uint32_t return_size, query;
    uint32_t type; /* of the IP, or of the firmware; what follows is its instance */
    uint32_t rest[3];
};

struct amdgpu_hw_ip {
    uint32_t major, minor;
    uint64_t capabilities;
    uint32_t ib_start_alignment, ib_size_alignment;
    uint32_t available_rings; /* a bit each */
    uint32_t pad;
};

struct amdgpu_firmware {
    uint32_t ver, feature;
};

#define IOCTL_AMDGPU_INFO DRM_IOW (DRM_COMMAND_BASE + 0x05, struct amdgpu_info)

#endif
