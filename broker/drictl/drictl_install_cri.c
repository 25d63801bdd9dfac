/* Engines of Kubernetes, which call dri-runtime: containerd and CRI-O.  */
#include "../install/config_file.h"
#include "drictl.h"
#include "drictl_install.h"
#include "../install/install_containerd.h"
#include "../install/install_crio.h"
#include "print.h"

static void
print_containerd (const struct containerd_install *how, const struct containerd_outcome *done)
{
    if (text_same (&done->before, &done->after)) {
        print_line (stdout, "%s: nothing to do.", how->config);
        return;
    }
    print_line (stdout, "%s: %s%s", how->config, how->dry_run ? "would be " : "",
                done->after.data ? "changed" : "removed, it had nothing else");
    if (how->dry_run)
        print_diff (how->config, &done->before, &done->after);
    print_line (stdout, "%s",
                done->checked ? "Checked with containerd config dump: all else stays as it is."
                              : "Not checked: containerd config dump cannot read it.");
}

/* A restart of containerd leaves running containers alone.  */
int
install_containerd (const struct install_options *options, char *const *words, int n)
{
    const struct containerd_install how = {
        .config = options->config, .runtime = options->runtime, .dry_run = options->dry_run};
    struct containerd_outcome done;
    struct error err;

    (void) words;
    (void) n;
    if (containerd_install (&how, &done, &err) < 0)
        return file_error (&err);
    print_containerd (&how, &done);
    if (!text_same (&done.before, &done.after) && !how.dry_run) {
        if (done.before.data)
            print_line (stdout, "What was there before is in %s" CONFIG_BACKUP ".", how.config);
        print_line (stdout, "Next: systemctl restart containerd");
        print_line (stdout,
                    "Then, once for the cluster, a RuntimeClass of handler dri: dri-broker(7), Kubernetes.");
    }
    containerd_outcome_finish (&done);
    return EXIT_GOOD;
}

int
uninstall_containerd (const struct install_options *options, char *const *words, int n)
{
    const struct containerd_install how = {.config = options->config, .dry_run = options->dry_run};
    struct containerd_outcome done;
    struct error err;

    (void) words;
    (void) n;
    if (containerd_uninstall (&how, &done, &err) < 0)
        return file_error (&err);
    print_containerd (&how, &done);
    if (!text_same (&done.before, &done.after) && !how.dry_run)
        print_line (stdout, "Next: systemctl restart containerd; pods of the RuntimeClass dri do not start "
                            "on this node any more.");
    containerd_outcome_finish (&done);
    return EXIT_GOOD;
}

static void
print_crio (const struct crio_install *how, const struct changes *changes)
{
    if (changes->n == 0)
        print_line (stdout, "%s: nothing to do.", how->config);
    print_changes (changes, how->dry_run);
}

int
install_crio (const struct install_options *options, char *const *words, int n)
{
    const struct crio_install how = {
        .config = options->config, .runtime = options->runtime, .dry_run = options->dry_run};
    static struct changes changes; /* large */
    bool checked;
    struct error err;

    (void) words;
    (void) n;
    if (crio_install (&how, &changes, &checked, &err) < 0)
        return file_error (&err);
    print_crio (&how, &changes);
    if (changes.n > 0)
        print_line (stdout, "%s",
                    checked ? "Checked with crio config." : "Not checked: crio is not on PATH.");
    if (changes.n > 0 && !how.dry_run) {
        print_line (stdout, "Next: systemctl restart crio");
        print_line (stdout,
                    "Then, once for the cluster, a RuntimeClass of handler dri: dri-broker(7), Kubernetes.");
    }
    changes_finish (&changes);
    return EXIT_GOOD;
}

int
uninstall_crio (const struct install_options *options, char *const *words, int n)
{
    const struct crio_install how = {.config = options->config, .dry_run = options->dry_run};
    static struct changes changes; /* large */
    struct error err;

    (void) words;
    (void) n;
    if (crio_uninstall (&how, &changes, &err) < 0)
        return file_error (&err);
    print_crio (&how, &changes);
    if (changes.n > 0 && !how.dry_run)
        print_line (stdout, "Next: systemctl restart crio; pods of the RuntimeClass dri do not start on this "
                            "node any more.");
    changes_finish (&changes);
    return EXIT_GOOD;
}
