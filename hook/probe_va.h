/* What VA-API can do on a GPU, asked of the libva that is found here, with the driver that it finds. All of
 * it is foreign code: this runs in the confined process only.  */
#ifndef DRI_PROBE_VA_H
#define DRI_PROBE_VA_H

#include "probe_drm.h"
#include "probe_report.h"
#include "../oci/require.h"

struct probe_verdict {
    enum probe_reason reason;
    char message[1000];
};

/* Writes steps and the findings "vaapi" and "require" to report. For each capability config, surfaces and
 * context are made, upon which the kernel's driver takes the engine. facts are for the messages.  */
void va_judge (int report, int node, const struct drm_facts *facts, const struct require *require,
               struct probe_verdict *verdict);

#endif
