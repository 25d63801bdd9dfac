#include "install_check.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "../doctor/doctor.h"

struct look {
    const struct doctor *tree;
    char runtime[PATH_MAX], hook[PATH_MAX];
    struct referrers *found;
};

#define _cleanup_doctor_ __attribute__ ((cleanup (doctor_finish)))

/* The next free place, or one that nobody reads.  */
static struct referrer *
add (struct look *look, const char *where)
{
    static struct referrer none;
    struct referrers *found = look->found;
    struct referrer *referrer = found->n < REFERRERS_MAX ? &found->list[found->n++] : &none;

    *referrer = (struct referrer){.where = ""};
    (void) snprintf (referrer->where, sizeof referrer->where, "%s", where);
    return referrer;
}

static void
set (struct referrer *referrer, bool for_all, const char *what, const char *undo)
{
    referrer->for_all = for_all;
    (void) snprintf (referrer->what, sizeof referrer->what, "%s", what);
    (void) snprintf (referrer->undo, sizeof referrer->undo, "%s", undo);
}

/* Has the file this path in quotes, or with white space behind it?  */
static bool
names (const struct look *look, const char *program, const char *file)
{
    _cleanup_free_ char *text = doctor_read_file (look->tree, NULL, "%s", file);
    size_t len = strlen (program);

    for (const char *p = text ? strstr (text, program) : NULL; p; p = strstr (p + 1, program))
        if (p > text && strchr ("\"' \t=", p[-1]) && strchr ("\"' \t\r\n", p[len]))
            return true;
    return false;
}

static void
look_docker (struct look *look)
{
    static const char file[] = "/etc/docker/daemon.json";
    _cleanup_json_ json_t *config = doctor_read_json (look->tree, "%s", file);
    const char *standard = json_string_value (json_object_get (config, "default-runtime")), *name;
    json_t *runtime;

    json_object_foreach (json_object_get (config, "runtimes"), name, runtime) {
        const char *path = json_string_value (json_object_get (runtime, "path"));

        if (!path || strcmp (path, look->runtime) != 0)
            continue;
        if (standard && strcmp (standard, name) == 0)
            set (add (look, file), true, "it is Docker's default runtime: no container starts without it",
                 "drictl uninstall docker && systemctl restart docker");
        else
            set (add (look, file), false,
                 "Docker has the runtime: containers created with it start no more until they are created "
                 "anew",
                 "drictl uninstall docker && systemctl reload docker");
    }
}

static void
look_podman (struct look *look)
{
    static const char folder[] = "/etc/containers/oci/dri-broker.d";
    _cleanup_names_ struct doctor_names files = {0};
    char file[PATH_MAX];

    (void) doctor_list_dir (look->tree, &files, "%s", folder);
    for (size_t i = 0; i < files.n; i++) {
        (void) snprintf (file, sizeof file, "%s/%s", folder, files.list[i]);
        if (!names (look, look->hook, file))
            continue;
        set (add (look, file), false,
             "Podman has the hook, and skips it without a word once it is gone: containers with an "
             "annotation dri.* start without a GPU",
             "drictl uninstall podman");
        return;
    }
}

static void
look_lxc (struct look *look)
{
    static const char folder[] = "/etc/dri-broker/lxc";
    _cleanup_names_ struct doctor_names files = {0};
    char file[PATH_MAX];

    (void) doctor_list_dir (look->tree, &files, "%s", folder);
    for (size_t i = 0; i < files.n; i++) {
        int len = (int) strlen (files.list[i]) - (int) strlen (".conf");
        struct referrer *referrer;

        (void) snprintf (file, sizeof file, "%s/%s", folder, files.list[i]);
        if (len <= 0 || strcmp (files.list[i] + len, ".conf") != 0 || !names (look, look->hook, file))
            continue;
        referrer = add (look, file);
        (void) snprintf (referrer->what, sizeof referrer->what,
                         "the LXC container %.*s has the hook, and starts no more", len, files.list[i]);
        (void) snprintf (referrer->undo, sizeof referrer->undo, "drictl uninstall lxc %.*s", len,
                         files.list[i]);
    }
}

static void
look_containerd (struct look *look)
{
    static const char file[] = "/etc/containerd/config.toml";
    _cleanup_free_ char *text = NULL;

    if (!names (look, look->runtime, file))
        return;
    text = doctor_read_file (look->tree, NULL, "%s", file);
    if (text && strstr (text, "default_runtime_name = \"dri\""))
        set (add (look, file), true, "it is containerd's default runtime: no pod starts without it",
             "take default_runtime_name = \"dri\" out, then drictl uninstall containerd && systemctl "
             "restart containerd");
    else
        set (add (look, file), false, "containerd has the runtime: pods of its RuntimeClass start no more",
             "drictl uninstall containerd && systemctl restart containerd");
}

static void
look_crio (struct look *look)
{
    static const char folder[] = "/etc/crio/crio.conf.d";
    _cleanup_names_ struct doctor_names files = {0};
    char file[PATH_MAX];

    (void) doctor_list_dir (look->tree, &files, "%s", folder);
    for (size_t i = 0; i < files.n; i++) {
        (void) snprintf (file, sizeof file, "%s/%s", folder, files.list[i]);
        if (names (look, look->runtime, file))
            set (add (look, file), false, "CRI-O has the runtime: pods of its RuntimeClass start no more",
                 "drictl uninstall crio && systemctl restart crio");
    }
}

/* containerd notes the runtime of each container that runs, in a file beside its bundle.  */
static unsigned
count_tasks (const struct look *look, const char *tasks)
{
    _cleanup_names_ struct doctor_names spaces = {0};
    unsigned n = 0;

    (void) doctor_list_dir (look->tree, &spaces, "%s", tasks);
    for (size_t i = 0; i < spaces.n; i++) {
        _cleanup_names_ struct doctor_names bundles = {0};

        (void) doctor_list_dir (look->tree, &bundles, "%s/%s", tasks, spaces.list[i]);
        for (size_t j = 0; j < bundles.n; j++) {
            _cleanup_free_ char *runtime = doctor_read_file (look->tree, NULL, "%s/%s/%s/runtime", tasks,
                                                             spaces.list[i], bundles.list[j]);

            n += runtime && strcmp (runtime, look->runtime) == 0;
        }
    }
    return n;
}

static void
look_running (struct look *look)
{
    unsigned n = count_tasks (look, "/run/containerd/io.containerd.runtime.v2.task")
                 + count_tasks (look, "/run/docker/containerd/daemon/io.containerd.runtime.v2.task");
    struct referrer *referrer;

    if (n == 0)
        return;
    referrer = add (look, "");
    (void) snprintf (referrer->what, sizeof referrer->what,
                     "%u running container%s started by %.100s keep%s the GPU, but \"docker exec\" fails "
                     "then, and \"docker stop\" kills once its time is over",
                     n, n == 1 ? "" : "s", look->runtime, n == 1 ? "s" : "");
    (void) snprintf (referrer->undo, sizeof referrer->undo, "create them anew with another runtime");
}

int
install_check (const char *root, const char *folder, struct referrers *found, struct error *err)
{
    _cleanup_doctor_ struct doctor tree = {.root = -1};
    static struct look look; /* large */

    found->n = 0;
    look = (struct look){.tree = &tree, .found = found};
    if (snprintf (look.runtime, sizeof look.runtime, "%s/dri-runtime", folder) >= (int) sizeof look.runtime
        || snprintf (look.hook, sizeof look.hook, "%s/dri-hook", folder) >= (int) sizeof look.hook)
        return error_set (err, 0, "%s: the name is too long", folder);
    if (doctor_init (&tree, root, err) < 0)
        return -1;
    look_docker (&look);
    look_podman (&look);
    look_lxc (&look);
    look_containerd (&look);
    look_crio (&look);
    look_running (&look);
    return 0;
}
