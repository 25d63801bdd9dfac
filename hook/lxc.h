/* The hook of LXC, lxc.hook.start-host: it runs in the host's namespaces, as root, when the container's are
 * made and its mounts stand, and before its init runs; where it fails, the container does not start. Its
 * environment has LXC_NAME and LXC_PID. (lxc.container.conf(5), "CONTAINER HOOKS"; lxc, src/lxc/start.c:
 * lxc_spawn.)  */
#ifndef DRI_LXC_H
#define DRI_LXC_H

/* words: the request, and then what LXC adds where lxc.hook.version is 0: NAME lxc start-host. The exit
 * status; says on its own what went wrong.  */
int lxc_start_host (char *const *words, int n);

#endif
