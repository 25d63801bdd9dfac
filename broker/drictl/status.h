/* What drictl status and drictl devices print: the reply of the method Status as tables. No socket here.
 *
 * A figure that the broker does not know is null, and is shown as "n/a", never as 0.  */
#ifndef DRI_STATUS_H
#define DRI_STATUS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

/* GPUs, leases, who waits, and who does without a lease. now is for the ages.  */
void status_print (const json_t *reply, time_t now, FILE *out);

/* GPUs with their identity and nodes.  */
void devices_print (const json_t *reply, FILE *out);

/* Is name among the GPUs of a lease, whose names are parted by commas?  */
bool status_names (const char *gpus, const char *name);

#endif
