#include "install_lxc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../oci/cleanup.h"
#include "../../oci/file.h"
#include "../../oci/words.h"
#include "place.h"

#define HOOKS    "/etc/dri-broker/lxc"
#define INCLUDE  "lxc.include"
#define PROXMOX  "/etc/pve/lxc/%s.conf"
#define LXC_PATH "/var/lib/lxc/%s/config"

enum { CONFIG_MAX = 1 << 20 };

/* --- the line --- */

/* Is this line ours? Its length without the newline is *len.  */
static bool
is_ours (const char *line, const char *file, size_t *len)
{
    const char *p = line, *end = strchrnul (line, '\n');

    *len = (size_t) (end - line);
    if (strncmp (p, INCLUDE, strlen (INCLUDE)) != 0)
        return false;
    p += strlen (INCLUDE);
    p += strspn (p, " \t");
    if (*p != '=' && *p != ':')
        return false;
    p++;
    p += strspn (p, " \t");
    return strncmp (p, file, strlen (file)) == 0
           && strspn (p + strlen (file), " \t\r") == (size_t) (end - p) - strlen (file);
}

static const char *
next_line (const char *line)
{
    const char *end = strchrnul (line, '\n');

    return *end == '\n' ? end + 1 : end;
}

static const char *
find_ours (const char *text, const char *file, size_t *len)
{
    for (const char *line = text; *line; line = next_line (line))
        if (is_ours (line, file, len))
            return line;
    return NULL;
}

static const char *
find_section (const char *text)
{
    const char *line = text;

    while (*line && *line != '[')
        line = next_line (line);
    return line;
}

char *
lxc_with (const char *text, const char *file)
{
    const char *at = find_section (text);
    bool cut = at > text && at[-1] != '\n'; /* the file does not end in a newline, and shall not afterwards */
    char *changed;
    size_t len;

    if (find_ours (text, file, &len))
        return NULL;
    return asprintf (&changed, "%.*s%s" INCLUDE "%s%s%s%s", (int) (at - text), text, cut ? "\n" : "",
                     *at == '[' ? ": " : " = ", file, cut ? "" : "\n", at)
                   < 0
               ? NULL
               : changed;
}

char *
lxc_without (const char *text, const char *file)
{
    size_t len;
    const char *line = find_ours (text, file, &len), *end;
    char *changed;

    if (!line)
        return NULL;
    end = line + len;
    if (*end == '\n')
        end++;
    else if (line > text)
        line--;
    return asprintf (&changed, "%.*s%s", (int) (line - text), text, end) < 0 ? NULL : changed;
}

/* --- the files --- */

static bool
is_name (const char *name)
{
    size_t n = strspn (name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

    return n > 0 && n < 65 && name[n] == '\0' && name[0] != '.';
}

static int
find_config (const struct lxc_install *how, char path[PATH_MAX], struct error *err)
{
    if (!is_name (how->name))
        return error_set (err, 0, "\"%.60s\" is no name of a container", how->name);
    if (how->config) {
        (void) snprintf (path, PATH_MAX, "%s", how->config);
        return 0;
    }
    (void) snprintf (path, PATH_MAX, PROXMOX, how->name);
    if (access (path, F_OK) == 0)
        return 0;
    (void) snprintf (path, PATH_MAX, LXC_PATH, how->name);
    if (access (path, F_OK) == 0)
        return 0;
    return error_set (err, 0, "no LXC container %s: neither " PROXMOX " nor " LXC_PATH " is there (--config)",
                      how->name, how->name, how->name);
}

/* The words go through a shell.  */
static int
check_words (const struct lxc_install *how, struct error *err)
{
    struct request req;

    if (words_take (&req, how->words, how->n_words, err) < 0)
        return -1;
    if (req.on_failure == FAILURE_DEFER)
        return error_set (err, 0, "%s=defer is for Docker: nobody starts an LXC container later",
                          request_key_name (KEY_ON_FAILURE));
    for (int i = 0; i < how->n_words; i++)
        if (strspn (how->words[i], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:%_=-")
            != strlen (how->words[i]))
            return error_set (err, 0, "%.100s: write it without spaces and quotes", how->words[i]);
    return 0;
}

static char *
hook_text (const struct lxc_install *how)
{
    char words[4096] = "";
    size_t used = 0;
    char *text;

    for (int i = 0; i < how->n_words && used < sizeof words; i++)
        used += (size_t) snprintf (words + used, sizeof words - used, " %s", how->words[i]);
    if (used >= sizeof words)
        return NULL;
    return asprintf (&text,
                     "# Of `drictl install lxc %s`; `drictl uninstall lxc %s` takes it away.\n"
                     "lxc.hook.start-host = %s lxc%s\n",
                     how->name, how->name, how->hook, words)
                   < 0
               ? NULL
               : text;
}

/* The hook's file, and the configuration's name and text.  */
static int
look (const struct lxc_install *how, char hook[PATH_MAX], char config[PATH_MAX], char **text,
      struct error *err)
{
    size_t len;

    if (find_config (how, config, err) < 0)
        return -1;
    (void) snprintf (hook, PATH_MAX, HOOKS "/%s.conf", how->name);
    return file_read (config, CONFIG_MAX, text, &len, err);
}

int
lxc_install (const struct lxc_install *how, struct changes *changes, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_free_ char *changed = NULL;
    _cleanup_free_ char *wanted = NULL;
    char hook[PATH_MAX], config[PATH_MAX];

    changes->n = 0;
    if (look (how, hook, config, &text, err) < 0 || check_words (how, err) < 0)
        return -1;
    wanted = hook_text (how);
    if (!wanted)
        return error_set (err, ENOMEM, "%s", hook);
    /* First what is included: a container does not start where it is missing.  */
    if (changes_add (changes, hook, wanted, err) < 0 || (!how->dry_run && changes_make (changes, 0, err) < 0))
        return -1;
    changed = lxc_with (text, hook);
    if (!changed)
        return 0;
    if (changes_add (changes, config, changed, err) < 0)
        return -1;
    return how->dry_run ? 0 : file_replace (config, changed, strlen (changed), err);
}

int
lxc_uninstall (const struct lxc_install *how, struct changes *changes, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_free_ char *changed = NULL;
    char hook[PATH_MAX], config[PATH_MAX];
    unsigned first;

    changes->n = 0;
    if (look (how, hook, config, &text, err) < 0)
        return -1;
    changed = lxc_without (text, hook);
    if (changed && changes_add (changes, config, changed, err) < 0)
        return -1;
    if (changed && !how->dry_run && file_replace (config, changed, strlen (changed), err) < 0)
        return -1;
    first = changes->n;
    if (changes_add (changes, hook, NULL, err) < 0
        || (!how->dry_run && changes_make (changes, first, err) < 0))
        return -1;
    if (!how->dry_run)
        (void) rmdir (HOOKS);
    return 0;
}
