/* What the readiness gate found before, so that the next start of the same image costs no probe.
 *
 * A verdict is kept under a key of the gate's making (the image's libva and drivers, the level, what was
 * asked for) and under what the broker knows of the GPUs: which they are, and which build of which kernel
 * driver has them (gpu_identity). Only final verdicts come here: a time-out, or a driver that was on its
 * way, may be otherwise the next time.
 *
 * The table is of fixed size; where it is full the verdict that was not asked for the longest goes. A file
 * beside the socket, gone at reboot, brings them over a restart of the broker. The table knows nothing of it:
 * verdicts_find, _put and _drop are pure.  */
#ifndef DRI_VERDICTS_H
#define DRI_VERDICTS_H

#include <stdbool.h>
#include <stdint.h>

#include "../oci/error.h"
#include "../oci/request.h"
#include "journal.h"

enum { VERDICTS_MAX = 256, VERDICT_KEY_MAX = 129, VERDICT_DEVICE_MAX = 512, VERDICT_REASON_MAX = 1000 };

struct kept_verdict {
    char key[VERDICT_KEY_MAX];       /* "": the entry is unused */
    char device[VERDICT_DEVICE_MAX]; /* gpu_identity() of each GPU */
    enum request_ready level;
    bool ok;
    char reason[VERDICT_REASON_MAX];
    uint64_t used; /* the larger, the later */
};

struct verdicts {
    struct kept_verdict table[VERDICTS_MAX];
    uint64_t clock;
    struct journal journal;
};

/* Printable ASCII, neither empty nor too long?  */
bool verdict_key_valid (const char *key);

/* NULL where there is none. Counts as a use.  */
const struct kept_verdict *verdicts_find (struct verdicts *verdicts, const char *key, const char *device);
/* In the place of an earlier one of the same key and device. One without a device, or with a text that does
 * not fit, is not taken.  */
void verdicts_put (struct verdicts *verdicts, const struct kept_verdict *verdict);
/* Those of this device, and of this key where it is not NULL. How many.  */
unsigned verdicts_drop (struct verdicts *verdicts, const char *key, const char *device);

/* Reads the file, unless it is of another boot, and starts it anew. Errors: those of the file; the table is
 * usable all the same, and is lost at the end of the broker.  */
int verdicts_open (struct verdicts *verdicts, const char *path, struct error *err);
void verdicts_close (struct verdicts *verdicts);

/* verdicts_put and verdicts_drop, in the file too. Errors: those of the file.  */
int verdicts_keep (struct verdicts *verdicts, const struct kept_verdict *verdict, struct error *err);
int verdicts_forget (struct verdicts *verdicts, const char *key, const char *device, struct error *err);

#endif
