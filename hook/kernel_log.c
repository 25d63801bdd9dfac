#include "kernel_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "../oci/cleanup.h"
#include "../oci/clock.h"
#include "../oci/error.h"

/* The kernel's own buffer holds less; and nothing of it is worth a start that waits.  */
enum { RECORD_MAX = 8192, RECORDS_MAX = 100000, READ_MS = 500 };

/* As the drivers of DRM write them: i915 (gt/uc/intel_uc*.c, i915_gpu_error.c, gt/intel_reset.c), xe
 * (xe_guc.c, xe_huc.c, xe_uc_fw.c, xe_device.c), amdgpu (amdgpu_job.c, amdgpu_device.c), the firmware loader
 * (drivers/base/firmware_loader). Both words of a line have to be there.  */
static const struct {
    const char *about, *what;
} bad_news[] = {
    {"guc", "fail"},      {"huc", "fail"},      {"firmware", "fail"}, {"guc", "*error*"}, {"huc", "*error*"},
    {"huc", "timed out"}, {"guc", "timed out"}, {"gpu hang", ""},     {"wedged", ""},     {"resetting", ""},
    {"reset", "fail"},    {"ring", "timeout"},  {"job", "timed out"}, {"vcn", "fail"},
};

static bool
is_bad_news (const char *text)
{
    for (size_t i = 0; i < countof (bad_news); i++)
        if (strcasestr (text, bad_news[i].about) && strcasestr (text, bad_news[i].what))
            return true;
    return false;
}

/* Of the facility "kernel", which nobody can write by /dev/kmsg (kernel/printk/printk.c, devkmsg_write).  */
static bool
is_the_kernels (const char *record)
{
    unsigned priority;

    return sscanf (record, "%u,", &priority) == 1 && priority < 8;
}

bool
kernel_log_take (const char *record, size_t len, const char *device, char line[KERNEL_LINE_MAX])
{
    char copy[RECORD_MAX];
    char *text;

    if (len >= sizeof copy || device[0] == '\0')
        return false;
    memcpy (copy, record, len);
    copy[len] = '\0';
    text = strchr (copy, ';');
    /* The device stands in the text, or behind it ("DEVICE=+pci:0000:00:02.0").  */
    if (!is_the_kernels (copy) || !text || !strstr (text, device))
        return false;
    text++;
    text[strcspn (text, "\n")] = '\0';
    if (!is_bad_news (text))
        return false;
    (void) snprintf (line, KERNEL_LINE_MAX, "%.*s", KERNEL_LINE_MAX - 1, text);
    text_clean (line);
    return true;
}

bool
kernel_log_last (int fd, const char *device, char line[KERNEL_LINE_MAX])
{
    const int64_t end = clock_ms () + READ_MS;
    bool found = false;

    for (unsigned i = 0; i < RECORDS_MAX && clock_ms () < end; i++) {
        char record[RECORD_MAX];
        ssize_t n = read (fd, record, sizeof record);

        /* EPIPE: it was overwritten meanwhile. EINVAL: it is longer than that.  */
        if (n < 0 && (errno == EPIPE || errno == EINVAL || errno == EINTR))
            continue;
        if (n <= 0)
            break;
        found |= kernel_log_take (record, (size_t) n, device, line);
    }
    return found;
}

bool
kernel_log_find (const char *device, char line[KERNEL_LINE_MAX])
{
    _cleanup_close_ int fd = open ("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

    return fd >= 0 && kernel_log_last (fd, device, line);
}
