/* Why a container does not start, to whoever started it.  */
#ifndef DRI_TELL_H
#define DRI_TELL_H

/* On stderr, which runc puts into its own error. crun throws that away: its log and its own stderr are what
 * its caller reads. Podman takes stderr only where the log is not the one JSON object that it expects
 * (libpod, readConmonPipeData), so the line goes to both.  */
void tell (const char *container, const char *message);

/* LXC puts what a hook says into its log, at the level DEBUG only (lxc, run_buffer). Where lxc-start runs in
 * the foreground, a person reads its stderr.  */
void tell_lxc (const char *container, const char *message);

#endif
