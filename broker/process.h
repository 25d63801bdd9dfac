/* A process held fast: by pidfd, and by the time at which it started where a pid has to outlive the broker.
 */
#ifndef DRI_PROCESS_H
#define DRI_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../oci/error.h"

/* All of /proc/PID/status (proc(5)); the caller's to free. NULL: there is no such process.  */
char *process_status (pid_t pid, struct error *err);

/* starttime of /proc/PID/stat (proc(5)), in clock ticks since boot; 0 where there is no such process, or it
 * is a zombie.  */
uint64_t process_start_time (pid_t pid);

/* Its parent's pid; 0 where there is no such process.  */
pid_t process_parent (pid_t pid);

/* Of this boot: changes at every one (random(4), boot_id). "" where it cannot be read.  */
enum { BOOT_ID_MAX = 40 };
void process_boot_id (char id[BOOT_ID_MAX]);

/* A pidfd of the process that has this pid and started then; the caller's to close. *start 0: whenever, and
 * it is set to when. -1: gone.  */
int process_hold (pid_t pid, uint64_t *start);

/* The same where start is known; where it is 0, of whoever has the pid, which the caller knows not to be
 * given to another, as a runtime's hook does.  */
int process_open (pid_t pid, uint64_t start);

/* Does a signal to end wait for a process that cannot take it, because it is frozen?  */
bool process_is_asked_to_stop (pid_t pid);

#endif
