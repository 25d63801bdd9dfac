/* What uses GPUs without a lease, container by container, else process by process: for drictl status --all.
 *
 * All of /proc is looked through, as root, by the drictl that asked, and never by the broker. A look ends
 * after two seconds, whatever there is.  */
#ifndef DRI_UNMANAGED_H
#define DRI_UNMANAGED_H

#include <jansson.h>

#include "../../oci/config.h"
#include "../../oci/error.h"

struct unmanaged;

/* config is borrowed. NULL where memory is short.  */
struct unmanaged *unmanaged_create (const struct config *config);
void unmanaged_destroy (struct unmanaged *unmanaged);

/* Looks, leaving out what status (the broker's answer to root) says is leased. Rates are there from the
 * second look on. Errors: /proc cannot be read.  */
int unmanaged_look (struct unmanaged *unmanaged, const json_t *status, struct error *err);

/* Puts what was found into status: "unmanaged", and "complete": false where there was more than a look may
 * take, or where a process did not let itself be read.  */
void unmanaged_put (const struct unmanaged *unmanaged, json_t *status);

#endif
