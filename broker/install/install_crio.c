#include "install_crio.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../oci/cleanup.h"
#include "validator.h"

#define DROP_INS "crio.conf.d"
#define NAME     "50-dri-broker.conf"

static const char first_line[] = "# Of `drictl install crio`; `drictl uninstall crio` takes it away.\n";

/* CRI-O gives a runtime the annotations of the pod by itself. The root is runc's own, where drictl and the
 * kubelet's tools look.  */
static char *
drop_in_text (const char *runtime)
{
    char *text;

    return asprintf (&text,
                     "%s"
                     "[crio.runtime.runtimes.dri]\n"
                     "runtime_path = \"%s\"\n"
                     "runtime_type = \"oci\"\n"
                     "runtime_root = \"/run/runc\"\n",
                     first_line, runtime)
                   < 0
               ? NULL
               : text;
}

static int
find (const struct crio_install *how, char folder[PATH_MAX], char path[PATH_MAX], struct error *err)
{
    if (snprintf (folder, PATH_MAX, "%s/" DROP_INS, how->config) >= PATH_MAX
        || snprintf (path, PATH_MAX, "%s/" DROP_INS "/" NAME, how->config) >= PATH_MAX)
        return error_set (err, ENAMETOOLONG, "%s", how->config);
    return 0;
}

/* `crio config` prints what it makes of its files, and validates it (internal/criocli/config.go). Ours comes
 * before the drop-ins that are there, not in its place among them: that matters only to who writes the same
 * table again.  */
static int
validate (const char *text, char *folder, bool *checked, struct error *err)
{
    char *const argv[] = {"crio", "--config", "/dev/stdin", "--config-dir", folder, "config", NULL};
    const struct text given = {(char *) text, strlen (text)};
    _cleanup_validator_ struct validator crio = {0};

    *checked = false;
    if (validator_run (&crio, argv, &given, true, err) < 0)
        return -1;
    if (!crio.absent && !crio.passed)
        return error_set (err, 0, "CRI-O does not take the new configuration (%.800s)",
                          validator_last_line (&crio));
    *checked = !crio.absent;
    return 0;
}

static bool
is_ours (const struct text *text)
{
    return !text->data || strncmp (text->data, first_line, strlen (first_line)) == 0;
}

static int
check_ours (const struct changes *changes, const char *path, struct error *err)
{
    if (changes->n == 0 || is_ours (&changes->list[0].before))
        return 0;
    return error_set (err, 0, "%s is not as drictl wrote it; move it away first", path);
}

int
crio_install (const struct crio_install *how, struct changes *changes, bool *checked, struct error *err)
{
    _cleanup_free_ char *text = drop_in_text (how->runtime);
    char folder[PATH_MAX], path[PATH_MAX];

    changes->n = 0;
    *checked = false;
    if (!text)
        return error_set (err, ENOMEM, "%s", how->config);
    if (find (how, folder, path, err) < 0)
        return -1;
    if (access (how->config, F_OK) < 0)
        return error_set (err, errno, "no CRI-O here: %s (--config)", how->config);
    if (strpbrk (how->runtime, "\"\\\n"))
        return error_set (err, 0, "%s: not with quotes in its name", how->runtime);
    if (changes_add (changes, path, text, err) < 0 || check_ours (changes, path, err) < 0)
        return -1;
    if (changes->n == 0)
        return 0;
    if (validate (text, folder, checked, err) < 0)
        return -1;
    return how->dry_run ? 0 : changes_make (changes, 0, err);
}

int
crio_uninstall (const struct crio_install *how, struct changes *changes, struct error *err)
{
    char folder[PATH_MAX], path[PATH_MAX];

    changes->n = 0;
    if (find (how, folder, path, err) < 0 || changes_add (changes, path, NULL, err) < 0
        || check_ours (changes, path, err) < 0)
        return -1;
    return how->dry_run ? 0 : changes_make (changes, 0, err);
}
