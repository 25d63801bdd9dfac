/* Docker and Podman: do they know dri-runtime and dri-hook?  */
#include "doctor_engines.h"

#include <errno.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "../install/daemon_json.h"
#include "../drictl/json_text.h"

#define DAEMON_JSON "/etc/docker/daemon.json"

static bool
is_one_there (const struct guest *guest, const char *const *paths)
{
    for (; *paths; paths++)
        if (doctor_exists (guest->doctor, "%s", *paths))
            return true;
    return false;
}

/* --- Docker --- */

json_t *
docker_configuration (const struct guest *guest)
{
    json_t *json = doctor_read_json (guest->doctor, DAEMON_JSON);

    return json || errno != ENOENT ? json : json_object ();
}

bool
docker_default_is_dri (const json_t *configuration)
{
    return strcmp (json_text (configuration, "default-runtime"), "dri") == 0;
}

/* With the place of the mistake, by the parser that `drictl install docker` has.  */
static void
report_invalid (const struct guest *guest)
{
    struct text text = {.data = doctor_read_file (guest->doctor, &text.len, DAEMON_JSON)};
    struct error err = {0};

    if (!text.data)
        error_set (&err, errno, "it cannot be read");
    else if (daemon_json_check (&text, &err) == 0)
        error_set (&err, 0, "it is no valid JSON");
    text_finish (&text);
    doctor_bad (guest->doctor, "docker.config", DAEMON_JSON ": %s", err.message);
    doctor_next (guest->doctor, "sudoedit " DAEMON_JSON " && sudo dockerd --validate");
}

static void
check_runtime (const struct guest *guest, const json_t *configuration)
{
    const json_t *dri = json_object_get (json_object_get (configuration, "runtimes"), "dri");
    const char *path = json_text (dri, "path");
    struct stat st;

    if (!dri) {
        doctor_bad (guest->doctor, "docker.runtime", "Docker does not know the runtime dri");
        doctor_next (guest->doctor, "sudo drictl install docker && sudo systemctl reload docker");
    } else if (!doctor_stat (guest->doctor, &st, "%s", path) || !S_ISREG (st.st_mode)
               || !(st.st_mode & 0111)) {
        doctor_bad (guest->doctor, "docker.runtime",
                    "Docker's runtime dri is %s, which is not there or no program",
                    path[0] ? path : "without a path");
        doctor_next (guest->doctor, "sudo drictl install docker && sudo systemctl reload docker");
    } else {
        doctor_good (guest->doctor, "docker.runtime", "Docker knows the runtime dri, %s", path);
    }
    if (!dri)
        return;
    if (docker_default_is_dri (configuration))
        doctor_good (guest->doctor, "docker.default", "it is the default: containers need the label only");
    else
        doctor_none (guest->doctor, "docker.default",
                     "it is not the default: containers need \"runtime: dri\" beside their label");
}

/* It runs in a file system of its own, where dri-runtime is not (snapcraft.io, strict confinement).  */
static void
check_snap (const struct guest *guest)
{
    if (!doctor_exists (guest->doctor, "/var/snap/docker"))
        return;
    doctor_bad (
        guest->doctor, "docker.snap",
        "there is a Docker from a snap, which cannot run dri-runtime: it sees a file system of its own");
    doctor_next (guest->doctor, "sudo snap remove docker && sudo apt install docker.io");
}

static void
check_docker (const struct guest *guest)
{
    static const char *const places[] = {"/usr/bin/dockerd", "/usr/sbin/dockerd", "/usr/local/bin/dockerd",
                                         NULL};
    _cleanup_json_ json_t *configuration = NULL;

    check_snap (guest);
    if (!is_one_there (guest, places)) {
        doctor_none (guest->doctor, "docker.config", "Docker is not installed");
        return;
    }
    configuration = docker_configuration (guest);
    if (!json_is_object (configuration)) {
        report_invalid (guest);
        return;
    }
    doctor_good (guest->doctor, "docker.config", "Docker's " DAEMON_JSON " is %s",
                 json_object_size (configuration) > 0 ? "valid" : "empty or not there, which is valid");
    check_runtime (guest, configuration);
    if (json_text (configuration, "userns-remap")[0])
        doctor_good (guest->doctor, "docker.userns",
                     "Docker remaps users (userns-remap): the nodes of a lease get the mapped owner");
}

/* --- Podman --- */

static void
check_podman (const struct guest *guest)
{
    static const char *const places[] = {"/usr/bin/podman", "/usr/local/bin/podman", NULL};
    static const char folder[] = "/etc/containers/oci/dri-broker.d";
    _cleanup_json_ json_t *hook = NULL;
    const char *path;

    if (!is_one_there (guest, places)) {
        doctor_none (guest->doctor, "podman.hooks", "Podman is not installed");
        return;
    }
    hook = doctor_read_json (guest->doctor, "%s/dri-broker-precreate.json", folder);
    path = json_text (json_object_get (hook, "hook"), "path");
    if (hook && doctor_exists (guest->doctor, "%s", path)
        && doctor_exists (guest->doctor, "/etc/containers/containers.conf.d/dri-broker.conf")) {
        doctor_good (guest->doctor, "podman.hooks", "Podman has the hooks, %s", path);
        return;
    }
    doctor_bad (guest->doctor, "podman.hooks", "Podman does not know dri-broker: its hooks in %s are %s",
                folder, hook ? "not whole" : "not there");
    doctor_next (guest->doctor, "sudo drictl install podman");
}

void
doctor_engines (const struct guest *guest)
{
    doctor_area (guest->doctor, "Docker and Podman");
    check_docker (guest);
    check_podman (guest);
}
