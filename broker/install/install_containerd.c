#include "install_containerd.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../oci/cleanup.h"
#include "config_file.h"
#include "containerd_toml.h"
#include "validator.h"

void
containerd_outcome_finish (struct containerd_outcome *outcome)
{
    text_finish (&outcome->before);
    text_finish (&outcome->after);
}

/* What containerd makes of the text. *dump is the caller's; NULL where there is no containerd.  */
static int
dump_of (const struct text *text, char **dump, struct error *err)
{
    char *const argv[] = {"containerd", "--config", "/dev/stdin", "config", "dump", NULL};
    _cleanup_validator_ struct validator containerd = {0};

    *dump = NULL;
    if (validator_run (&containerd, argv, text, true, err) < 0)
        return -1;
    if (containerd.absent)
        return 0;
    if (!containerd.passed)
        return error_set (err, 0, "containerd does not take it (%.800s)", validator_last_line (&containerd));
    *dump = steal_ptr (&containerd.out.data);
    return 0;
}

/* --- install --- */

/* containerd 2.2 reads this folder where there is no config.toml (defaults/defaults_unix.go).  */
static bool
has_imports (const char *config)
{
    char folder[4096];
    struct stat st;
    const char *slash = strrchr (config, '/');

    (void) snprintf (folder, sizeof folder, "%.*s/conf.d", slash ? (int) (slash - config) : 0, config);
    return stat (folder, &st) == 0;
}

static int
check_before (const struct text *text, const char *dump, struct error *err)
{
    if (!dump)
        return error_set (err, 0,
                          "containerd is not on PATH, and nobody else can tell whether the change is "
                          "right; by hand: dri-broker(7), Kubernetes");
    if (containerd_dump_has_no_cri (dump))
        return error_set (err, 0,
                          "it switches containerd's CRI off (disabled_plugins), and no pod runs here; "
                          "for Docker there is: drictl install docker");
    if (text->data && containerd_version_of (text) < 2)
        return error_set (err, 0,
                          "it has no line \"version = 2\" at its top, and is of version 1, which "
                          "containerd 2 does not take; next: containerd config migrate");
    if (containerd_dump_has (dump, ""))
        return error_set (err, 0,
                          "it has a runtime dri already, which drictl did not write; take it out, or "
                          "leave it as it is");
    return 0;
}

/* Whether the text with this edit is what we want; *what where it is not.  */
static int
try_edit (const struct text *without, const struct containerd_edit *edit, struct text *after, char *what,
          size_t size, struct error *err)
{
    _cleanup_free_ char *dump = NULL;

    text_finish (after);
    if (containerd_with (without, edit, after, err) < 0 || dump_of (after, &dump, err) < 0)
        return -1;
    if (!dump || !containerd_dump_has (dump, edit->runtime))
        return error_set (err, 0,
                          "containerd reads the CRI plugin's settings from a file that this one "
                          "imports, and takes no others; name that file with --config");
    return containerd_dumps_differ (edit->dump, dump, what, size);
}

static int
make_edit (const struct containerd_install *how, const struct text *without, struct text *after,
           struct error *err)
{
    struct containerd_edit edit = {.runtime = how->runtime,
                                   .with_imports = !without->data && has_imports (how->config)};
    const struct text head = {
        .data = edit.with_imports ? CONTAINERD_HEAD CONTAINERD_IMPORTS : CONTAINERD_HEAD,
        .len = strlen (edit.with_imports ? CONTAINERD_HEAD CONTAINERD_IMPORTS : CONTAINERD_HEAD)};
    _cleanup_free_ char *dump = NULL;
    char what[512];
    int differs;

    if (dump_of (without->data ? without : &head, &dump, err) < 0 || check_before (without, dump, err) < 0)
        return -1;
    edit.dump = dump;
    differs = try_edit (without, &edit, after, what, sizeof what, err);
    if (differs > 0) {
        edit.with_runc = true;
        differs = try_edit (without, &edit, after, what, sizeof what, err);
    }
    if (differs > 0)
        return error_set (err, 0, "not changed, since another setting would change with it: %s", what);
    return differs;
}

/* The quotes of TOML are around it.  */
static int
check_runtime (const char *runtime, struct error *err)
{
    return strpbrk (runtime, "\"\\\n") ? error_set (err, 0, "%s: not with quotes in its name", runtime) : 0;
}

static int
write_all_of (const struct config_file *file, const struct text *without,
              const struct containerd_outcome *done, struct error *err)
{
    if (without->data && config_file_write (file->backup, without, file->path, err) < 0)
        return -1;
    return config_file_write (file->path, &done->after, file->path, err);
}

int
containerd_install (const struct containerd_install *how, struct containerd_outcome *outcome,
                    struct error *err)
{
    _cleanup_containerd_ struct containerd_outcome done = {.checked = true};
    _cleanup_config_file_ struct config_file file = {0};
    _cleanup_text_ struct text without = {0};
    bool found;

    if (check_runtime (how->runtime, err) < 0 || config_file_find (&file, how->config, err) < 0
        || config_file_read (file.path, &done.before, err) < 0)
        return -1;
    if (containerd_without (&done.before, &without, &found, err) < 0
        || make_edit (how, &without, &done.after, err) < 0)
        return error_wrap (err, "%s", how->config);
    if (!text_same (&done.before, &done.after) && !how->dry_run
        && write_all_of (&file, &without, &done, err) < 0)
        return -1;
    *outcome = done;
    done = (struct containerd_outcome){0};
    return 0;
}

/* --- uninstall --- */

/* A configuration that containerd does not take is not for us to judge: our block goes.  */
static int
check_removal (struct containerd_outcome *done, struct error *err)
{
    const struct text head = {.data = (char *) CONTAINERD_HEAD, .len = strlen (CONTAINERD_HEAD)};
    _cleanup_free_ char *before = NULL;
    _cleanup_free_ char *after = NULL;
    char what[512];
    struct error ignored;

    if (dump_of (&done->before, &before, &ignored) < 0 || !before)
        return 0;
    if (dump_of (done->after.data ? &done->after : &head, &after, err) < 0)
        return -1;
    done->checked = true;
    if (done->after.data && containerd_dumps_differ (before, after, what, sizeof what))
        return error_set (err, 0,
                          "another setting would change with our block: %s; write it outside the "
                          "block first",
                          what);
    return 0;
}

int
containerd_uninstall (const struct containerd_install *how, struct containerd_outcome *outcome,
                      struct error *err)
{
    _cleanup_containerd_ struct containerd_outcome done = {0};
    _cleanup_config_file_ struct config_file file = {0};
    bool found;

    if (config_file_find (&file, how->config, err) < 0 || config_file_read (file.path, &done.before, err) < 0)
        return -1;
    if (containerd_without (&done.before, &done.after, &found, err) < 0
        || (found && check_removal (&done, err) < 0))
        return error_wrap (err, "%s", how->config);
    if (found && !how->dry_run) {
        if (config_file_write (file.path, &done.after, file.path, err) < 0)
            return -1;
        (void) unlink (file.backup);
    }
    *outcome = done;
    done = (struct containerd_outcome){0};
    return 0;
}
