/* drictl attach and detach: a GPU for a container that runs, and away again, without a restart.  */
#ifndef DRI_DRICTL_ATTACH_H
#define DRI_DRICTL_ATTACH_H

#include "../../oci/error.h"

/* words: n requests as "dri.gpu=igpu". The names of the GPUs go to gpus.  */
int attach_container (const char *name, char **words, int n, char gpus[128], struct error *err);
int detach_container (const char *name, struct error *err);

#endif
