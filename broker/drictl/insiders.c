#include "insiders.h"

#include <dirent.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../hook/cgroup.h"
#include "../../oci/cleanup.h"
#include "../process.h"

/* What stands behind "KEY:" and its blanks, up to the end of the line. NULL: no such line.  */
static const char *
field (const char *status, const char *key)
{
    size_t len = strlen (key);

    for (const char *line = status; line; line = strchr (line, '\n')) {
        line += *line == '\n';
        if (strncmp (line, key, len) == 0 && line[len] == ':')
            return line + len + 1 + strspn (line + len + 1, " \t");
    }
    return NULL;
}

static void
parse_groups (struct insider *insider, const char *text)
{
    char *end;

    for (insider->n_gids = 0; insider->n_gids < INSIDER_GIDS_MAX; text = end + strspn (end, " ")) {
        unsigned long gid = strtoul (text, &end, 10);

        if (end == text || *text == '\n')
            return;
        insider->gids[insider->n_gids++] = (gid_t) gid;
    }
}

bool
insider_parse (struct insider *insider, const char *status)
{
    const char *name = field (status, "Name"), *uids = field (status, "Uid"), *gids = field (status, "Gid"),
               *groups = field (status, "Groups"), *effective = field (status, "CapEff");
    struct insider parsed = {0};

    /* The fourth of each are those that count for files.  */
    if (!name || !uids || !gids || !groups || !effective || sscanf (uids, "%*u %*u %*u %u", &parsed.uid) != 1
        || sscanf (gids, "%*u %*u %*u %u", &parsed.gid) != 1)
        return false;
    (void) snprintf (parsed.name, sizeof parsed.name, "%.*s", (int) strcspn (name, "\n"), name);
    parse_groups (&parsed, groups);
    parsed.dac_override = strtoull (effective, NULL, 16) >> CAP_DAC_OVERRIDE & 1;
    *insider = parsed;
    return true;
}

static bool
has_group (const struct insider *insider, gid_t gid)
{
    for (unsigned i = 0; i < insider->n_gids; i++)
        if (insider->gids[i] == gid)
            return true;
    return insider->gid == gid;
}

bool
insider_may_open (const struct insider *insider, uid_t uid, gid_t gid, mode_t mode, bool userns_knows)
{
    unsigned shift = insider->uid == uid ? 6 : has_group (insider, gid) ? 3 : 0;

    return (insider->dac_override && userns_knows) || (mode >> shift & 06) == 06;
}

static bool
is_same_user (const struct insider *a, const struct insider *b)
{
    return a->uid == b->uid && a->gid == b->gid && a->dac_override == b->dac_override
           && a->n_gids == b->n_gids && memcmp (a->gids, b->gids, a->n_gids * sizeof *a->gids) == 0;
}

static unsigned
add_process (pid_t pid, struct insider insiders[INSIDERS_MAX], unsigned n)
{
    struct insider *next = &insiders[n];
    struct error ignored;
    _cleanup_free_ char *status = n < INSIDERS_MAX ? process_status (pid, &ignored) : NULL;

    if (!status || !insider_parse (next, status))
        return n;
    next->pid = pid;
    for (unsigned i = 0; i < n; i++)
        if (is_same_user (&insiders[i], next))
            return n;
    return n + 1;
}

static bool
is_within (pid_t pid, const char *group)
{
    char path[CGROUP_PATH_MAX];
    size_t len = strlen (group);
    struct error ignored;

    return cgroup_of (pid, "devices", path, sizeof path, &ignored) == 0 && strncmp (path, group, len) == 0
           && (path[len] == '/' || path[len] == '\0');
}

unsigned
insiders_read (pid_t pid, struct insider insiders[INSIDERS_MAX])
{
    char group[CGROUP_PATH_MAX];
    unsigned n = add_process (pid, insiders, 0);
    const struct dirent *entry;
    struct error ignored;
    DIR *processes;

    /* One without a group of its own would have the whole machine in it.  */
    if (n == 0 || cgroup_of (pid, "devices", group, sizeof group, &ignored) < 0 || strlen (group) < 2)
        return n;
    processes = opendir ("/proc");
    for (entry = processes ? readdir (processes) : NULL; entry; entry = readdir (processes)) {
        long other = strtol (entry->d_name, NULL, 10);

        if (other > 0 && is_within ((pid_t) other, group))
            n = add_process ((pid_t) other, insiders, n);
    }
    if (processes)
        (void) closedir (processes);
    return n;
}
