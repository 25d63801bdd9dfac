/* The log file that an engine hands to a runtime with --log, where it looks for the reason of a failure:
 * containerd shows the last line of level error (go-runc and containerd, pkg/process: getLastRuntimeError).
 */
#ifndef DRI_LOG_H
#define DRI_LOG_H

#include "cmdline.h"

/* Appends one line in the format of the command line. level is "error" or "warning". Without --log, or where
 * it cannot be written, and for errors always, the message goes to stderr, as runc does.  */
void log_line (const struct cmdline *cmd, const char *level, const char *message);

/* A line for the engine's log alone. False where there is none, or it cannot be written.  */
bool log_append (const struct cmdline *cmd, const char *level, const char *message);

#endif
