#include "unmanaged.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../hook/cgroup.h"
#include "../../oci/cleanup.h"
#include "../../oci/file.h"
#include "../drm_files.h"
#include "../figures.h"
#include "origin_name.h"
#include "status.h"
#include "json_text.h"

enum { USERS_MAX = LEASES_MAX, FILES_MAX = 1000000 };

static const uint64_t look_ns = UINT64_C (2000000000);

/* A container, or a process that is in none.  */
struct user {
    unsigned round; /* seen in; 0: the place is free */
    bool contained;
    struct container container;
    uid_t owner; /* of the container */
    pid_t pid;   /* the first that was seen */
    char comm[17];
    unsigned processes;
};

struct known_gpu {
    char pdev[32], driver[32];
};

struct unmanaged {
    const struct config *config;
    unsigned round;
    bool more;
    struct user users[USERS_MAX];
    struct known_gpu gpus[GPUS_MAX];
    unsigned n_gpus;
    struct usage usage; /* a user stands where a lease does */
};

/* One process, while it is looked at.  */
struct look {
    struct unmanaged *unmanaged;
    const json_t *status;
    const char *pid;
    bool asked; /* whose it is */
    char cgroup[CGROUP_PATH_MAX];
    int user; /* -1: there is no room */
};

struct unmanaged *
unmanaged_create (const struct config *config)
{
    struct unmanaged *u = calloc (1, sizeof *u);

    if (u)
        u->config = config;
    return u;
}

void
unmanaged_destroy (struct unmanaged *u)
{
    free (u);
}

static uint64_t
now_ns (void)
{
    struct timespec t;

    (void) clock_gettime (CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * UINT64_C (1000000000) + (uint64_t) t.tv_nsec;
}

/* --- GPUs --- */

/* -1: there are too many.  */
static int
gpu_of (struct unmanaged *u, const struct fdinfo *info)
{
    struct known_gpu *gpu;

    for (unsigned i = 0; i < u->n_gpus; i++)
        if (strcmp (u->gpus[i].pdev, info->pdev) == 0
            && (info->pdev[0] || strcmp (u->gpus[i].driver, info->driver) == 0))
            return (int) i;
    if (u->n_gpus == GPUS_MAX)
        return -1;
    gpu = &u->gpus[u->n_gpus];
    memcpy (gpu->pdev, info->pdev, sizeof gpu->pdev);
    memcpy (gpu->driver, info->driver, sizeof gpu->driver);
    return (int) u->n_gpus++;
}

static const char *
gpu_name (const json_t *status, const struct known_gpu *known)
{
    const json_t *gpu;
    size_t i;

    json_array_foreach (json_object_get (status, "gpus"), i, gpu)
        if (strcmp (json_text (gpu, "pci"), known->pdev) == 0
            && (known->pdev[0] || strcmp (json_text (gpu, "driver"), known->driver) == 0))
            return json_text (gpu, "name");
    return known->pdev[0] ? known->pdev : known->driver;
}

static bool
any_simulated (const json_t *status)
{
    const json_t *gpu;
    size_t i;

    json_array_foreach (json_object_get (status, "gpus"), i, gpu)
        if (json_is_true (json_object_get (gpu, "simulated")))
            return true;
    return false;
}

/* --- whose a process is --- */

static bool
is_within (const char *path, const char *group)
{
    size_t len = strlen (group);

    return len > 1 && strncmp (path, group, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* Does a lease have that GPU, and the process in its control group or below?  */
static bool
is_leased (const struct look *look, const char *gpu)
{
    const json_t *lease;
    size_t i;

    json_array_foreach (json_object_get (look->status, "leases"), i, lease)
        if (is_within (look->cgroup, json_text (lease, "cgroup"))
            && status_names (json_text (lease, "gpu"), gpu))
            return true;
    return false;
}

static bool
is_same (const struct user *user, const struct origin *origin, pid_t pid)
{
    if (user->round == 0 || user->contained != (origin != NULL))
        return false;
    return origin ? user->owner == origin->owner && strcmp (user->container.id, origin->id) == 0
                  : user->pid == pid;
}

static void
read_comm (pid_t pid, char comm[17])
{
    _cleanup_free_ char *text = NULL;
    struct error ignored;
    char path[40];
    size_t len;

    (void) snprintf (path, sizeof path, "/proc/%d/comm", (int) pid);
    if (file_read (path, 64, &text, &len, &ignored) < 0)
        return;
    (void) snprintf (comm, 17, "%.*s", (int) strcspn (text, "\n"), text);
    text_clean (comm);
}

/* The user's place; -1: there is none left.  */
static int
user_of (struct unmanaged *u, const struct origin *origin, pid_t pid)
{
    int place = -1;

    for (int i = 0; i < USERS_MAX; i++) {
        if (is_same (&u->users[i], origin, pid))
            return i;
        if (place < 0 && u->users[i].round == 0)
            place = i;
    }
    if (place < 0)
        return -1;
    u->users[place] = (struct user){.contained = origin != NULL, .pid = pid};
    read_comm (pid, u->users[place].comm);
    if (!origin)
        return place;
    u->users[place].owner = origin->owner;
    origin_name (origin, u->config, &u->users[place].container);
    return place;
}

static void
find_user (struct look *look)
{
    struct unmanaged *u = look->unmanaged;
    pid_t pid = (pid_t) strtol (look->pid, NULL, 10);
    struct origin origin;
    struct user *user;

    look->user = user_of (u, origin_of (look->cgroup, &origin) ? &origin : NULL, pid);
    if (look->user < 0) {
        u->more = true;
        return;
    }
    user = &u->users[look->user];
    if (user->round != u->round) {
        user->round = u->round;
        user->processes = 0;
        usage_look_at (&u->usage, (unsigned) look->user, (1U << GPUS_MAX) - 1);
    }
    user->processes++;
}

static void
found (void *userdata, const struct fdinfo *info)
{
    struct look *look = userdata;
    struct unmanaged *u = look->unmanaged;
    int gpu = gpu_of (u, info);
    struct error ignored;

    if (gpu < 0) {
        u->more = true;
        return;
    }
    if (!look->cgroup[0])
        (void) cgroup_of ((pid_t) strtol (look->pid, NULL, 10), "devices", look->cgroup, sizeof look->cgroup,
                          &ignored);
    if (is_leased (look, gpu_name (look->status, &u->gpus[gpu])))
        return;
    if (!look->asked)
        find_user (look);
    look->asked = true;
    if (look->user >= 0)
        usage_add (&u->usage, (unsigned) look->user, (unsigned) gpu, info);
}

/* --- a look --- */

static void
forget_the_gone (struct unmanaged *u)
{
    for (unsigned i = 0; i < USERS_MAX; i++) {
        if (u->users[i].round == 0 || u->users[i].round == u->round)
            continue;
        u->users[i].round = 0;
        usage_forget (&u->usage, i);
    }
}

static void
look_at_all (struct unmanaged *u, const json_t *status, DIR *processes)
{
    struct drm_files files = {
        .proc = dirfd (processes), .simulated = any_simulated (status), .left = FILES_MAX, .found = found};
    uint64_t end = now_ns () + look_ns;

    for (const struct dirent *entry; (entry = readdir (processes));) {
        struct look look = {.unmanaged = u, .status = status, .pid = entry->d_name, .user = -1};

        if (!isdigit ((unsigned char) entry->d_name[0]))
            continue;
        if (now_ns () > end) {
            u->more = true;
            break;
        }
        files.userdata = &look;
        drm_files_look_at (&files, entry->d_name);
    }
    u->more |= files.more || files.denied;
}

int
unmanaged_look (struct unmanaged *u, const json_t *status, struct error *err)
{
    DIR *processes = opendir ("/proc");

    if (!processes)
        return error_set (err, errno, "/proc");
    u->round++;
    u->more = false;
    usage_begin (&u->usage, now_ns ());
    look_at_all (u, status, processes);
    (void) closedir (processes);
    u->more |= u->usage.missed;
    usage_end (&u->usage);
    forget_the_gone (u);
    return 0;
}

/* --- what was found --- */

static json_t *
user_to_json (const struct unmanaged *u, unsigned place, unsigned gpu, const json_t *status)
{
    const struct user *user = &u->users[place];
    struct figures f = figures_none ();
    json_t *object;

    object = json_pack ("{s:o s:o s:{s:i s:s} s:i s:s}", "container",
                        user->contained ? container_to_json (&user->container) : json_null (), "owner",
                        user->contained ? json_integer ((json_int_t) user->owner) : json_null (), "process",
                        "pid", (int) user->pid, "name", user->comm, "processes", (int) user->processes, "gpu",
                        gpu_name (status, &u->gpus[gpu]));
    figures_add (&f, &u->usage, place, gpu);
    figures_put (&f, object);
    return object;
}

void
unmanaged_put (const struct unmanaged *u, json_t *status)
{
    json_t *users = json_array ();

    for (unsigned i = 0; i < USERS_MAX; i++)
        for (unsigned gpu = 0; u->users[i].round == u->round && gpu < u->n_gpus; gpu++)
            if (u->usage.shares[gpu][i].sum.clients > 0)
                (void) json_array_append_new (users, user_to_json (u, i, gpu, status));
    (void) json_object_set_new (status, "unmanaged", users);
    (void) json_object_set_new (status, "complete", json_boolean (!u->more));
}
