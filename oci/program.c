#include "program.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"

static const char *const folders[] = {
    "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
};

int
program_beside (const char *name, char *path, size_t size, struct error *err)
{
    char self[PATH_MAX];
    ssize_t n = readlink ("/proc/self/exe", self, sizeof self - 1);
    char *slash;

    if (n < 0)
        return error_set (err, errno, "readlink /proc/self/exe");
    self[n] = '\0';
    slash = strrchr (self, '/');
    if (!slash || snprintf (path, size, "%.*s/%s", (int) (slash - self), self, name) >= (int) size)
        return error_set (err, ENAMETOOLONG, "%s beside %s", name, self);
    if (access (path, X_OK) < 0)
        return error_set (err, errno, "%s", path);
    return 0;
}

static bool
is_usable (const char *path)
{
    struct stat self, st;

    if (access (path, X_OK) < 0 || stat (path, &st) < 0 || !S_ISREG (st.st_mode))
        return false;
    return stat ("/proc/self/exe", &self) < 0 || self.st_dev != st.st_dev || self.st_ino != st.st_ino;
}

static bool
find (const char *name, char *path, size_t size)
{
    if (strchr (name, '/')) {
        (void) snprintf (path, size, "%s", name);
        return is_usable (path);
    }
    for (size_t i = 0; i < countof (folders); i++) {
        (void) snprintf (path, size, "%s/%s", folders[i], name);
        if (is_usable (path))
            return true;
    }
    return false;
}

static const char *const kind_names[] = {[RUNTIME_RUNC] = "runc", [RUNTIME_CRUN] = "crun"};

static bool
may_be (const char *runtime, enum runtime_kind kind)
{
    const char *slash = strrchr (runtime, '/');
    enum runtime_kind other = kind == RUNTIME_RUNC ? RUNTIME_CRUN : RUNTIME_RUNC;

    return kind == RUNTIME_ANY || !strstr (slash ? slash : runtime, kind_names[other]);
}

int
program_find_runtime (const struct config *config, const char *asked, enum runtime_kind kind, char *path,
                      size_t size, struct error *err)
{
    if (asked)
        return find (asked, path, size)
                   ? 0
                   : error_set (err, 0, "--dri-oci-runtime %s: no such program, or dri-runtime itself",
                                asked);
    for (unsigned i = 0; i < config->n_runtimes; i++)
        if (may_be (config->runtimes[i], kind) && find (config->runtimes[i], path, size))
            return 0;
    /* The configuration was another one when the container was made. runc must not get crun's containers: its
     * delete takes their files away and leaves them running.  */
    if (kind != RUNTIME_ANY)
        return find (kind_names[kind], path, size)
                   ? 0
                   : error_set (err, 0,
                                "no %s found, which made this container: install it, or name it in "
                                "\"runtimes\" of /etc/dri-broker/config.json",
                                kind_names[kind]);
    return error_set (err, 0,
                      "no OCI runtime found: install runc or crun, or name one in \"runtimes\" of "
                      "/etc/dri-broker/config.json");
}
