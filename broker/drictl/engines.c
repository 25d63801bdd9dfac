#include "engines.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../../hook/cgroup.h"
#include "../../oci/cleanup.h"
#include "../../oci/engine_docker.h"
#include "../../oci/file.h"
#include "../../oci/podman.h"
#include "../process.h"

/* Podman's defaults (storage.conf(5), graphroot and runroot).  */
#define PODMAN_BUNDLES "/var/lib/containers/storage/*-containers/*/userdata"
#define PODMAN_RUN     "/run/containers/storage"

enum { ID_SHOWN = 12, RECORD_MAX = 4 << 20 };

struct search {
    const char *name;
    unsigned matches;
    struct running_container found;
};

static bool
is_meant (const char *wanted, const char *id, const char *name)
{
    return strcmp (wanted, name) == 0
           || (strlen (wanted) >= ID_SHOWN && strncmp (id, wanted, strlen (wanted)) == 0);
}

static void
take (struct search *s, const char *id, const char *bundle, pid_t pid)
{
    s->matches++;
    s->found.pid = pid;
    (void) snprintf (s->found.id, sizeof s->found.id, "%.64s", id);
    (void) snprintf (s->found.bundle, sizeof s->found.bundle, "%s", bundle);
}

/* The parent of a container's init is containerd's shim, which sits in the bundle. 0: there is none.  */
static pid_t
parent_of (pid_t pid)
{
    _cleanup_free_ char *text = NULL;
    struct error ignored;
    const char *end;
    char path[40];
    size_t len;
    int parent;

    (void) snprintf (path, sizeof path, "/proc/%d/stat", (int) pid);
    if (file_read (path, 4096, &text, &len, &ignored) < 0)
        return 0;
    end = strrchr (text, ')'); /* a name may have any character */
    return end && sscanf (end + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

static void
take_docker (struct search *s, const char *id, pid_t pid)
{
    char link[40], bundle[PATH_MAX];
    ssize_t n;

    (void) snprintf (link, sizeof link, "/proc/%d/cwd", (int) (pid > 0 ? parent_of (pid) : 0));
    n = pid > 0 ? readlink (link, bundle, sizeof bundle - 1) : 0;
    bundle[n > 0 ? n : 0] = '\0';
    take (s, id, bundle, pid);
}

static void
look_at_docker (struct search *s, const char *root, const char *id)
{
    _cleanup_json_ json_t *record = NULL;
    _cleanup_free_ char *text = NULL;
    char path[PATH_MAX];
    struct error ignored;
    const char *name;
    size_t len;

    if (!engine_may_be_docker (id)
        || snprintf (path, sizeof path, ENGINE_DOCKER_RECORD, (int) strlen (root), root, id)
               >= (int) sizeof path
        || file_read (path, RECORD_MAX, &text, &len, &ignored) < 0)
        return;
    record = json_loadb (text, len, JSON_DECODE_INT_AS_REAL, NULL);
    name = json_string_value (json_object_get (record, "Name"));
    if (!name || !is_meant (s->name, id, name + (*name == '/')))
        return;
    take_docker (s, id,
                 (pid_t) json_number_value (json_object_get (json_object_get (record, "State"), "Pid")));
}

static void
search_docker (struct search *s, const char *root)
{
    char path[PATH_MAX];
    const struct dirent *entry;
    DIR *folder;

    (void) snprintf (path, sizeof path, "%s/containers", root);
    folder = opendir (path);
    if (!folder)
        return;
    for (entry = readdir (folder); entry; entry = readdir (folder))
        look_at_docker (s, root, entry->d_name);
    (void) closedir (folder);
}

/* <runroot>/<driver>-containers/<id>/userdata/pidfile. It stays behind when the container ends.  */
static pid_t
podman_pid (const struct podman *podman)
{
    const char *driver = strrchr (podman->store, '/');
    _cleanup_free_ char *text = NULL;
    struct error ignored;
    char path[PATH_MAX];
    size_t len;

    if (snprintf (path, sizeof path, PODMAN_RUN "%s-containers/%s/userdata/pidfile",
                  driver ? driver : "/overlay", podman->id)
            >= (int) sizeof path
        || file_read (path, 64, &text, &len, &ignored) < 0)
        return 0;
    return (pid_t) strtol (text, NULL, 10);
}

static void
search_podman (struct search *s)
{
    struct podman podman;
    glob_t bundles = {0};

    (void) glob (PODMAN_BUNDLES, 0, NULL, &bundles);
    for (size_t i = 0; i < bundles.gl_pathc; i++)
        if (podman_find (bundles.gl_pathv[i], &podman) && is_meant (s->name, podman.id, podman.name))
            take (s, podman.id, bundles.gl_pathv[i], podman_pid (&podman));
    globfree (&bundles);
}

/* The name alone says nothing: a user may make groups of any name below his own.  */
static bool
is_made_by_root (char *group)
{
    _cleanup_close_ int parent = -1;
    struct error ignored;
    struct stat st;

    *strrchr (group, '/') = '\0';
    parent = cgroup_open ("devices", group, &ignored);
    return parent >= 0 && fstat (parent, &st) == 0 && st.st_uid == 0;
}

/* A record may be older than the process that has the number now: engines name a container's control group
 * after it. The process is held before it is looked at.  */
static bool
is_its_process (struct running_container *c)
{
    _cleanup_close_ int held = -1;
    char group[CGROUP_PATH_MAX];
    struct error ignored;
    size_t len;

    c->start = 0;
    held = c->pid > 0 ? process_hold (c->pid, &c->start) : -1;
    if (held < 0 || cgroup_of (c->pid, "devices", group, sizeof group, &ignored) < 0)
        return false;
    len = cgroup_engines_part (group, c->id);
    group[len] = '\0';
    return len > 0 && is_made_by_root (group) && process_start_time (c->pid) == c->start;
}

int
engines_find (const char *name, const struct config *config, struct running_container *found,
              struct error *err)
{
    struct search s = {.name = name};

    search_docker (&s, config->docker_root);
    search_podman (&s);
    if (s.matches == 0)
        return error_set (err, 0, "no container %s of Docker (%s) or Podman", name, config->docker_root);
    if (s.matches > 1)
        return error_set (err, 0, "%u containers are called %s: name one by its id", s.matches, name);
    if (!is_its_process (&s.found))
        return error_set (err, 0, "container %s does not run: start it first", name);
    *found = s.found;
    return 0;
}
