/* drictl cdi: the spec by which engines know our devices, written and checked.  */
#ifndef DRI_DRICTL_CDI_H
#define DRI_DRICTL_CDI_H

#include <jansson.h>
#include <stdbool.h>

#include "../../oci/error.h"

/* Where engines look (CDI's library, DefaultSpecDirs). What stands in the second goes at a reboot.  */
#define CDI_STATIC_DIR  "/etc/cdi"
#define CDI_DYNAMIC_DIR "/var/run/cdi"

/* The text of the spec, for the GPUs of a Status reply; the caller's to free.  */
int cdi_text (const json_t *gpus, char **text, struct error *err);

/* The same, into a file. *changed: it was not there, or another.  */
int cdi_generate (const json_t *gpus, const char *path, bool *changed, struct error *err);

/* What is wrong with a spec in a file: texts, the reference is the caller's. Of our own kind the hook has to
 * be there, too.  */
int cdi_validate (const char *path, json_t **problems, struct error *err);

#endif
