/* Where the programs are that we execute. PATH is the caller's environment, and not asked.  */
#ifndef DRI_PROGRAM_H
#define DRI_PROGRAM_H

#include <stddef.h>

#include "config.h"
#include "error.h"

/* The program of that name in the folder of the running one.  */
int program_beside (const char *name, char *path, size_t size, struct error *err);

/* Whose files a container has. A runtime of another name may be a wrapper of either, or keep the same files.
 */
enum runtime_kind { RUNTIME_ANY, RUNTIME_RUNC, RUNTIME_CRUN };

/* The real runtime: the one asked for, else the first of the configuration's that is there and, going by its
 * name, may be of that kind. Never this program itself.  */
int program_find_runtime (const struct config *config, const char *asked, enum runtime_kind kind, char *path,
                          size_t size, struct error *err);

#endif
