/* Engines that call dri-hook: Podman and LXC.  */
#include <limits.h>

#include "../../oci/program.h"
#include "drictl.h"
#include "drictl_install.h"
#include "../install/install_lxc.h"
#include "../install/install_podman.h"
#include "print.h"

int
install_podman (const struct install_options *options, char *const *words, int n)
{
    struct podman_install how = {.config = options->config, .dry_run = options->dry_run};
    static struct changes changes; /* large */
    char hook[PATH_MAX];
    struct error err;

    (void) words;
    (void) n;
    how.hook = hook;
    if (program_beside ("dri-hook", hook, sizeof hook, &err) < 0 || podman_install (&how, &changes, &err) < 0)
        return file_error (&err);
    if (changes.n == 0)
        print_line (stdout, "%s: nothing to do.", how.config);
    print_changes (&changes, how.dry_run);
    if (changes.n > 0 && !how.dry_run)
        print_line (stdout,
                    "Next: podman run --annotation dri.enable=true …; nothing has to be restarted, but "
                    "`podman system service`.");
    changes_finish (&changes);
    return EXIT_GOOD;
}

int
uninstall_podman (const struct install_options *options, char *const *words, int n)
{
    const struct podman_install how = {.config = options->config, .dry_run = options->dry_run};
    static struct changes changes; /* large */
    struct error err;

    (void) words;
    (void) n;
    if (podman_uninstall (&how, &changes, &err) < 0)
        return file_error (&err);
    if (changes.n == 0)
        print_line (stdout, "%s: nothing to do.", how.config);
    print_changes (&changes, how.dry_run);
    changes_finish (&changes);
    return EXIT_GOOD;
}

int
install_lxc (const struct install_options *options, char *const *words, int n)
{
    struct lxc_install how = {.name = words[0],
                              .config = options->config,
                              .words = words + 1,
                              .n_words = n - 1,
                              .dry_run = options->dry_run};
    static struct changes changes; /* large */
    char hook[PATH_MAX];
    struct error err;

    how.hook = hook;
    if (program_beside ("dri-hook", hook, sizeof hook, &err) < 0 || lxc_install (&how, &changes, &err) < 0)
        return file_error (&err);
    if (changes.n == 0)
        print_line (stdout, "Container %s: nothing to do.", how.name);
    print_changes (&changes, how.dry_run);
    if (changes.n > 0 && !how.dry_run)
        print_line (stdout,
                    "Next: start container %s anew; take its own /dev/dri entries out (dev0:, "
                    "lxc.mount.entry, lxc.cgroup2.devices.allow).",
                    how.name);
    changes_finish (&changes);
    return EXIT_GOOD;
}

int
uninstall_lxc (const struct install_options *options, char *const *words, int n)
{
    const struct lxc_install how = {.name = words[0], .config = options->config, .dry_run = options->dry_run};
    static struct changes changes; /* large */
    struct error err;

    if (n > 1)
        return usage_error ("uninstall lxc: \"%s\" is one word too many", words[1]);
    if (lxc_uninstall (&how, &changes, &err) < 0)
        return file_error (&err);
    if (changes.n == 0)
        print_line (stdout, "Container %s: nothing to do.", how.name);
    print_changes (&changes, how.dry_run);
    changes_finish (&changes);
    return EXIT_GOOD;
}
