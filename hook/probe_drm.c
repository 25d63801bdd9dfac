#include "probe_drm.h"

#include <errno.h>
#include <libdrm/drm.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "../oci/cleanup.h"
#include "probe_uapi.h"

int
drm_ioctl (int fd, unsigned long request, void *arg)
{
    int r;

    do
        r = ioctl (fd, request, arg);
    while (r < 0 && (errno == EINTR || errno == EAGAIN));
    return r;
}

static int
ask (const struct drm_device *device, unsigned long request, void *arg)
{
    return device->ioctl (device->fd, request, arg);
}

int
drm_ask_version (const struct drm_device *device, struct drm_facts *facts, struct error *err)
{
    char name[sizeof facts->driver] = "";
    struct drm_version version = {.name = name, .name_len = sizeof name - 1};

    if (ask (device, DRM_IOCTL_VERSION, &version) < 0)
        return error_set (err, errno, "DRM_IOCTL_VERSION");
    memset (facts, 0, sizeof *facts);
    memcpy (facts->driver, name, sizeof name);
    text_clean (facts->driver);
    (void) snprintf (facts->version, sizeof facts->version, "%d.%d.%d", version.version_major,
                     version.version_minor, version.version_patchlevel);
    return 0;
}

static void __attribute__ ((format (printf, 2, 3)))
add_note (struct drm_facts *facts, const char *format, ...)
{
    va_list args;

    if (facts->n_notes == DRM_NOTES_MAX)
        return;
    va_start (args, format);
    (void) vsnprintf (facts->notes[facts->n_notes++], sizeof facts->notes[0], format, args);
    va_end (args);
}

static void
add_engine (struct drm_facts *facts, const char *class, unsigned count)
{
    unsigned i = 0;

    while (i < facts->n_engines && strcmp (facts->engines[i].class, class) != 0)
        i++;
    if (i == DRM_ENGINES_MAX)
        return;
    if (i == facts->n_engines) {
        facts->n_engines++;
        (void) snprintf (facts->engines[i].class, sizeof facts->engines[i].class, "%s", class);
    }
    facts->engines[i].count += count;
}

static struct drm_firmware *
add_firmware (struct drm_facts *facts, const char *name, const char *status)
{
    struct drm_firmware *firmware = &facts->firmware[facts->n_firmware++];

    (void) snprintf (firmware->name, sizeof firmware->name, "%s", name);
    (void) snprintf (firmware->status, sizeof firmware->status, "%s", status);
    return firmware;
}

/* --- Intel --- */

/* i915 and xe number the classes alike.  */
static void
add_intel_engine (struct drm_facts *facts, unsigned class)
{
    static const char *const names[] = {"render", "copy", "video", "video-enhance", "compute"};

    if (class < countof (names))
        add_engine (facts, names[class], 1);
    facts->video |= class == INTEL_CLASS_VIDEO;
}

static void
judge_intel_engines (struct drm_facts *facts)
{
    facts->engines_known = true;
    if (!facts->video)
        add_note (
            facts,
            "%s reports no video engine: this GPU, or the part of it that is given to this machine, can "
            "neither decode nor encode; choose another GPU",
            facts->driver);
}

/* The size is asked first, then the data: "uAPI for engine queries" in the kernel's driver-uapi document.  */
static int
i915_query (const struct drm_device *device, struct i915_query_item *item)
{
    struct i915_query query = {.num_items = 1, .items_ptr = (uintptr_t) item};

    return ask (device, IOCTL_I915_QUERY, &query) < 0 || item->length <= 0 || item->length > UAPI_ANSWER_MAX
               ? -1
               : 0;
}

static void
ask_i915_engines (const struct drm_device *device, struct drm_facts *facts)
{
    struct i915_query_item item = {.query_id = I915_QUERY_ENGINE_INFO};
    _cleanup_free_ struct i915_engines *engines = NULL;
    size_t n;

    if (i915_query (device, &item) < 0)
        return;
    engines = calloc (1, (size_t) item.length);
    item.data_ptr = (uintptr_t) engines;
    if (!engines || (size_t) item.length < sizeof *engines || i915_query (device, &item) < 0)
        return;
    n = ((size_t) item.length - sizeof *engines) / sizeof engines->list[0];
    for (size_t i = 0; i < engines->num_engines && i < n; i++)
        add_intel_engine (facts, engines->list[i].class);
    judge_intel_engines (facts);
}

#define ONLY_CQP  "without it low-power encode has only CQP"
#define REINSTALL "install firmware-misc-nonfree / linux-firmware anew and reboot"

/* intel_huc_check_status() in the kernel's drivers/gpu/drm/i915/gt/uc/intel_huc.c.  */
static const struct {
    int error;
    const char *name, *status, *sentence;
} huc_errors[] = {
    {ENODEV, "ENODEV", "none",
     "the GPU has no HuC, or i915 does not support it there; nothing is to be done: low-power encode, where "
     "there "
     "is one, has only CQP"},
    {EOPNOTSUPP, "EOPNOTSUPP", "disabled",
     "the HuC firmware is switched off; boot the host with i915.enable_guc=2 (3 from Alder Lake "
     "on); " ONLY_CQP},
    {ENOPKG, "ENOPKG", "missing",
     "the HuC firmware file is missing; install firmware-misc-nonfree / linux-firmware and "
     "reboot; " ONLY_CQP},
    {ENOEXEC, "ENOEXEC", "invalid", "the HuC firmware file is not valid; " REINSTALL "; " ONLY_CQP},
    {ENOMEM, "ENOMEM", "no-memory",
     "the HuC firmware could not be prepared for want of memory; reboot the host, and look for HuC in its "
     "dmesg; "
     "" ONLY_CQP},
    {EIO, "EIO", "failed",
     "the HuC firmware was not taken by the GPU; look for HuC in the host's dmesg, " REINSTALL "; " ONLY_CQP},
};

static void
explain_huc_error (struct drm_facts *facts, int error)
{
    for (size_t i = 0; i < countof (huc_errors); i++)
        if (huc_errors[i].error == error) {
            (void) add_firmware (facts, "huc", huc_errors[i].status);
            add_note (facts, "i915 reports %s: %s", huc_errors[i].name, huc_errors[i].sentence);
            return;
        }
    (void) add_firmware (facts, "huc", "unknown");
    add_note (
        facts,
        "i915 does not tell the state of the HuC firmware (%s): the kernel may be too old for it; update it",
        strerror (error));
}

/* i915 tells user space of the HuC alone: there is no parameter for the GuC.  */
static void
ask_i915_huc (const struct drm_device *device, struct drm_facts *facts)
{
    int value = 0;
    struct i915_getparam param = {.param = I915_PARAM_HUC_STATUS, .value = (uintptr_t) &value};

    if (ask (device, IOCTL_I915_GETPARAM, &param) < 0) {
        explain_huc_error (facts, errno);
        return;
    }
    (void) add_firmware (facts, "huc", value == 1 ? "running" : value == 2 ? "clear-media" : "not-running");
    if (value != 1 && value != 2)
        add_note (
            facts,
            "i915 reports that the HuC firmware is not authenticated (yet): try again in a moment, then look "
            "for HuC in the host's dmesg; " ONLY_CQP);
}

static int
xe_query (const struct drm_device *device, struct xe_device_query *query)
{
    return ask (device, IOCTL_XE_DEVICE_QUERY, query);
}

static void
ask_xe_engines (const struct drm_device *device, struct drm_facts *facts)
{
    struct xe_device_query query = {.query = XE_QUERY_ENGINES};
    _cleanup_free_ struct xe_engines *engines = NULL;
    size_t n;

    if (xe_query (device, &query) < 0 || query.size < sizeof *engines || query.size > UAPI_ANSWER_MAX)
        return;
    engines = calloc (1, query.size);
    query.data = (uintptr_t) engines;
    if (!engines || xe_query (device, &query) < 0)
        return;
    n = (query.size - sizeof *engines) / sizeof engines->list[0];
    for (size_t i = 0; i < engines->num_engines && i < n; i++)
        add_intel_engine (facts, engines->list[i].class);
    judge_intel_engines (facts);
}

/* query_uc_fw_version() in the kernel's drivers/gpu/drm/xe/xe_query.c: ENODEV where the firmware does not
 * run; EINVAL where the kernel has no such query.  */
static void
ask_xe_firmware (const struct drm_device *device, struct drm_facts *facts, unsigned type, const char *name)
{
    struct xe_uc_fw_version version = {.uc_type = (uint16_t) type};
    struct xe_device_query query = {
        .query = XE_QUERY_UC_FW_VERSION, .size = sizeof version, .data = (uintptr_t) &version};
    struct drm_firmware *firmware;

    if (xe_query (device, &query) == 0) {
        firmware = add_firmware (facts, name, "running");
        (void) snprintf (firmware->version, sizeof firmware->version, "%u.%u.%u", version.major_ver,
                         version.minor_ver, version.patch_ver);
    } else if (errno == ENODEV) {
        (void) add_firmware (facts, name, "not-running");
        add_note (facts,
                  "xe reports ENODEV: no %s firmware is running; install firmware-misc-nonfree / "
                  "linux-firmware and "
                  "reboot, then look for %s in the host's dmesg%s",
                  type == XE_UC_HUC ? "HuC" : "GuC", type == XE_UC_HUC ? "HuC" : "GuC",
                  type == XE_UC_HUC ? "; without it encode has only CQP" : "");
    } else
        (void) add_firmware (facts, name, "unknown");
}

static void
ask_i915 (const struct drm_device *device, struct drm_facts *facts)
{
    ask_i915_engines (device, facts);
    ask_i915_huc (device, facts);
}

static void
ask_xe (const struct drm_device *device, struct drm_facts *facts)
{
    ask_xe_engines (device, facts);
    ask_xe_firmware (device, facts, XE_UC_GUC, "guc");
    ask_xe_firmware (device, facts, XE_UC_HUC, "huc");
}

/* --- AMD --- */

static int
amdgpu_info (const struct drm_device *device, struct amdgpu_info *info, void *answer, size_t size)
{
    info->return_pointer = (uintptr_t) answer;
    info->return_size = (uint32_t) size;
    return ask (device, IOCTL_AMDGPU_INFO, info);
}

static void
ask_amdgpu_firmware (const struct drm_device *device, struct drm_facts *facts, unsigned type,
                     const char *name)
{
    struct amdgpu_info info = {.query = AMDGPU_INFO_FW_VERSION, .type = type};
    struct amdgpu_firmware answer = {.ver = 0};
    struct drm_firmware *firmware;

    if (amdgpu_info (device, &info, &answer, sizeof answer) < 0 || answer.ver == 0)
        return;
    firmware = add_firmware (facts, name, "running");
    (void) snprintf (firmware->version, sizeof firmware->version, "0x%08x", answer.ver);
}

/* An IP without rings is listed, but cannot be used: amdgpu_info_ioctl() in the kernel's
 * drivers/gpu/drm/amd/amdgpu/amdgpu_kms.c. From VCN 4 on VCN_ENC decodes too (amdgpu_drm.h).  */
static void
ask_amdgpu (const struct drm_device *device, struct drm_facts *facts)
{
    static const struct {
        unsigned type;
        const char *class;
    } video[] = {{3, "uvd"}, {4, "vce"}, {5, "uvd-enc"}, {6, "vcn-dec"}, {7, "vcn-enc"}, {8, "vcn-jpeg"}};

    for (size_t i = 0; i < countof (video); i++) {
        struct amdgpu_info info = {.query = AMDGPU_INFO_HW_IP_INFO, .type = video[i].type};
        struct amdgpu_hw_ip ip = {.available_rings = 0};

        if (amdgpu_info (device, &info, &ip, sizeof ip) < 0)
            continue;
        facts->engines_known = true;
        if (ip.available_rings != 0)
            add_engine (facts, video[i].class, (unsigned) __builtin_popcount (ip.available_rings));
    }
    facts->video = facts->n_engines > 0;
    ask_amdgpu_firmware (device, facts, AMDGPU_FW_VCN, "vcn");
    ask_amdgpu_firmware (device, facts, AMDGPU_FW_UVD, "uvd");
    ask_amdgpu_firmware (device, facts, AMDGPU_FW_VCE, "vce");
    if (facts->engines_known && !facts->video)
        add_note (
            facts,
            "amdgpu reports no video engine (UVD, VCE, VCN) that can be used: the GPU has none, or its "
            "firmware "
            "is missing; install firmware-amd-graphics / linux-firmware and reboot, then look for amdgpu in "
            "the host's dmesg");
}

void
drm_ask_facts (const struct drm_device *device, struct drm_facts *facts)
{
    static const struct {
        const char *driver;
        void (*ask) (const struct drm_device *device, struct drm_facts *facts);
    } drivers[] = {{"i915", ask_i915}, {"xe", ask_xe}, {"amdgpu", ask_amdgpu}};

    for (size_t i = 0; i < countof (drivers); i++)
        if (strcmp (facts->driver, drivers[i].driver) == 0)
            drivers[i].ask (device, facts);
}
