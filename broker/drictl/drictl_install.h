/* drictl install and uninstall, engine by engine: what each module did, told to a person. Each function
 * returns the exit code.  */
#ifndef DRI_DRICTL_INSTALL_H
#define DRI_DRICTL_INSTALL_H

#include <stdbool.h>

#include "../install/place.h"

struct install_options {
    const char *config;  /* the engine's own where nothing else was named; NULL for LXC then */
    const char *runtime; /* dri-runtime, absolute; of engines that take --runtime, and of install only */
    bool default_runtime, swarm, dry_run;
};

int install_docker (const struct install_options *options, char *const *words, int n);
int uninstall_docker (const struct install_options *options, char *const *words, int n);
int install_podman (const struct install_options *options, char *const *words, int n);
int uninstall_podman (const struct install_options *options, char *const *words, int n);
int install_containerd (const struct install_options *options, char *const *words, int n);
int uninstall_containerd (const struct install_options *options, char *const *words, int n);
int install_crio (const struct install_options *options, char *const *words, int n);
int uninstall_crio (const struct install_options *options, char *const *words, int n);
/* words: the container's name and, to install, the request.  */
int install_lxc (const struct install_options *options, char *const *words, int n);
int uninstall_lxc (const struct install_options *options, char *const *words, int n);

/* The files, a line each, and for a dry run what would change in them.  */
void print_changes (const struct changes *changes, bool dry_run);
/* As `diff -u` shows it.  */
void print_diff (const char *path, const struct text *before, const struct text *after);

#endif
