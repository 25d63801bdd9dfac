/* The CDI spec by which engines know our devices. Pure.  */
#ifndef DRI_CDI_SPEC_H
#define DRI_CDI_SPEC_H

#include <jansson.h>

#define CDI_FILE_NAME "dri.dev-gpu.json" /* vendor and class, as CDI's own library names it */

/* The devices any, all, and each GPU that is there by its name and its PCI address; with as low a version as
 * these need. gpus: as Status has them; hook: absolute path of dri-hook. A name that CDI does not take has no
 * device. The reference is the caller's.  */
json_t *cdi_spec (const json_t *gpus, const char *hook, const char *socket);

#endif
