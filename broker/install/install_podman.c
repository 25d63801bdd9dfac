#include "install_podman.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../../oci/cleanup.h"
#include "../../oci/file.h"
#include "../../oci/request.h"
#include "place.h"

/* Podman's own (containers/common, DefaultHooksDirs).  */
#define PACKAGED_HOOKS "/usr/share/containers/oci/hooks.d"
#define PACKAGED_CONF  "/usr/share/containers/containers.conf"
#define HOOKS          "oci/dri-broker.d"

enum { CONF_MAX = 1 << 20 };

/* In the order in which they are written: hooks that nobody reads yet do no harm. Waiting for a GPU is a
 * matter of precreate, and Podman kills a hook that takes longer than its timeout.  */
static const struct file {
    const char *name, *stage;
    unsigned timeout_s;
} files[] = {
    {HOOKS "/dri-broker-precreate.json", "precreate", REQUEST_WAIT_MAX_MS / 1000 + 15},
    {HOOKS "/dri-broker-poststop.json", "poststop", 15},
    {"containers.conf.d/dri-broker.conf", NULL, 0},
};

static int
path_of (const struct podman_install *how, const char *name, char path[PATH_MAX], struct error *err)
{
    if (snprintf (path, PATH_MAX, "%s/%s", how->config, name) >= PATH_MAX)
        return error_set (err, ENAMETOOLONG, "%s", how->config);
    return 0;
}

/* --- does Podman read our folder? --- */

/* TOML, as far as it matters: a line that is no comment and sets hooks_dir. An array over several lines is
 * taken to its end.  */
static bool
find_setting (const char *text, const char **begin, const char **end)
{
    for (const char *line = text; line; line = strchr (line, '\n')) {
        line += *line == '\n';
        line += strspn (line, " \t");
        if (strncmp (line, "hooks_dir", 9) != 0 || !strchr (" \t=", line[9]))
            continue;
        *begin = line;
        *end = strchr (line, ']');
        return true;
    }
    return false;
}

enum reads { READS_DEFAULT, READS_OURS, READS_OTHERS };

static int
look_into (const char *path, const char *folder, enum reads *reads, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    const char *begin, *end, *found;
    size_t len;

    if (file_read (path, CONF_MAX, &text, &len, err) < 0)
        return err->status == ENOENT ? 0 : -1;
    if (!find_setting (text, &begin, &end))
        return 0;
    found = strstr (begin, folder);
    *reads = found && end && found < end ? READS_OURS : READS_OTHERS;
    return *reads == READS_OURS
               ? 0
               : error_set (err, 0, "%s has hooks_dir without %s: add it there", path, folder);
}

/* Our own drop-in does not count. The last file that says something wins, but a person who meant an earlier
 * one is told as well.  */
static int
look_around (const struct podman_install *how, enum reads *reads, struct error *err)
{
    char folder[PATH_MAX], own[PATH_MAX], path[PATH_MAX];
    glob_t found = {0};
    int r;

    *reads = READS_DEFAULT;
    if (path_of (how, HOOKS, folder, err) < 0 || path_of (how, files[2].name, own, err) < 0
        || path_of (how, "containers.conf", path, err) < 0
        || look_into (PACKAGED_CONF, folder, reads, err) < 0 || look_into (path, folder, reads, err) < 0
        || path_of (how, "containers.conf.d/*.conf", path, err) < 0)
        return -1;
    (void) glob (path, 0, NULL, &found);
    r = 0;
    for (size_t i = 0; i < found.gl_pathc && r == 0; i++)
        if (strcmp (found.gl_pathv[i], own) != 0)
            r = look_into (found.gl_pathv[i], folder, reads, err);
    globfree (&found);
    return r;
}

/* --- writing --- */

/* A container without a word to us never meets the hook.  */
static char *
hook_text (const struct podman_install *how, const struct file *file)
{
    _cleanup_json_ json_t *json =
        json_pack ("{s:s s:{s:s s:[s s] s:i} s:{s:{s:s}} s:[s]}", "version", "1.0.0", "hook", "path",
                   how->hook, "args", "dri-hook", file->stage, "timeout", (int) file->timeout_s, "when",
                   "annotations", "^dri\\.", ".*", "stages", file->stage);
    _cleanup_free_ char *text = json ? json_dumps (json, JSON_INDENT (2)) : NULL;
    char *line;

    return text && asprintf (&line, "%s\n", text) >= 0 ? line : NULL;
}

static char *
drop_in_text (const struct podman_install *how)
{
    char *text;

    return asprintf (&text,
                     "# Of `drictl install podman`; `drictl uninstall podman` takes it away.\n"
                     "[engine]\n"
                     "hooks_dir = [\"" PACKAGED_HOOKS "\", \"%s/" HOOKS "\"]\n",
                     how->config)
                   < 0
               ? NULL
               : text;
}

static int
add_file (const struct podman_install *how, const struct file *file, struct changes *changes,
          struct error *err)
{
    _cleanup_free_ char *text = file->stage ? hook_text (how, file) : drop_in_text (how);
    char path[PATH_MAX];

    if (!text)
        return error_set (err, ENOMEM, "%s", file->name);
    return path_of (how, file->name, path, err) < 0 ? -1 : changes_add (changes, path, text, err);
}

int
podman_install (const struct podman_install *how, struct changes *changes, struct error *err)
{
    enum reads reads;

    changes->n = 0;
    if (look_around (how, &reads, err) < 0)
        return -1;
    for (size_t i = 0; i < countof (files); i++)
        if ((files[i].stage || reads == READS_DEFAULT) && add_file (how, &files[i], changes, err) < 0)
            return -1;
    return how->dry_run ? 0 : changes_make (changes, 0, err);
}

int
podman_uninstall (const struct podman_install *how, struct changes *changes, struct error *err)
{
    char path[PATH_MAX];

    changes->n = 0;
    for (size_t i = countof (files); i-- > 0;)
        if (path_of (how, files[i].name, path, err) < 0 || changes_add (changes, path, NULL, err) < 0)
            return -1;
    return how->dry_run ? 0 : changes_make (changes, 0, err);
}
