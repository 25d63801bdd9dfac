/* Containers that take GPUs by themselves, past the broker: by the engines' own records.
 *
 * Sources: oci/engine_docker.h and oci/podman.h for where they are; moby's api/types/container/hostconfig.go
 * for Devices, Privileged, GroupAdd and Runtime.  */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../../oci/cleanup.h"
#include "next_line.h"
#include "doctor_engines.h"
#include "../drictl/json_text.h"

struct tally {
    unsigned looked_at, bad;
    bool default_dri;
};

static bool
is_dri (const char *path)
{
    return strncmp (path, "/dev/dri", 8) == 0 && (path[8] == '\0' || path[8] == '/' || path[8] == ':');
}

/* --- Docker --- */

/* The first of Devices or Binds that is a GPU's node.  */
static const char *
find_plain (const json_t *host, const char **key)
{
    const json_t *one;
    size_t i;

    *key = "devices";
    json_array_foreach (json_object_get (host, "Devices"), i, one) {
        if (is_dri (json_text (one, "PathOnHost")))
            return json_text (one, "PathOnHost");
    }
    *key = "volumes";
    json_array_foreach (json_object_get (host, "Binds"), i, one) {
        if (json_is_string (one) && is_dri (json_string_value (one)))
            return "/dev/dri";
    }
    return NULL;
}

/* By a label, or the environment, as docs of dri-broker(7) have it.  */
static bool
is_enabled (const json_t *config)
{
    const char *label = json_text (json_object_get (config, "Labels"), "dri.enable");
    const json_t *one;
    size_t i;

    if (label[0])
        return strcasecmp (label, "true") == 0;
    json_array_foreach (json_object_get (config, "Env"), i, one) {
        if (json_is_string (one) && strcasecmp (json_string_value (one), "DRI_ENABLE=true") == 0)
            return true;
    }
    return false;
}

/* What to write, and where, instead of this key. The labels may be the image's own, so anybody's.  */
static void
next_labels (const struct guest *guest, const json_t *config, const char *key)
{
    const json_t *labels = json_object_get (config, "Labels");
    const char *service = json_text (labels, "com.docker.compose.service");
    const char *files = json_text (labels, "com.docker.compose.project.config_files");
    char file[256];
    bool plain = snprintf (file, sizeof file, "%.*s", (int) strcspn (files, ","), files) < (int) sizeof file
                 && next_line_is_plain (file) && next_line_is_plain (service);

    if (!service[0]) {
        doctor_next (guest->doctor, "docker run --runtime dri --label dri.enable=true …  # instead of "
                                    "--device, --group-add and --privileged");
        return;
    }
    doctor_next (guest->doctor, "runtime: dri");
    if (!plain) {
        doctor_next (guest->doctor,
                     "labels: {dri.enable: \"true\"}  # both in its compose file, instead of %s: (and "
                     "group_add:)",
                     key);
        return;
    }
    doctor_next (guest->doctor,
                 "labels: {dri.enable: \"true\"}  # both in %s, service %s, instead of %s: (and group_add:)",
                 file, service, key);
    /* No -f: the label may be anybody's, and the file the container's own.  */
    doctor_next (guest->doctor, "docker compose up -d %s  # in the folder of that file, if it is yours",
                 service);
}

static void
judge_docker (const struct guest *guest, const json_t *record, const json_t *host, struct tally *tally)
{
    const json_t *config = json_object_get (record, "Config");
    const char *name = json_text (record, "Name"), *runtime = json_text (host, "Runtime"), *key,
               *plain = find_plain (host, &key);
    bool by_dri = strcmp (runtime, "dri") == 0 || (!runtime[0] && tally->default_dri);
    unsigned bad = guest->doctor->bad;

    name += *name == '/';
    if (is_enabled (config)) {
        if (!by_dri) {
            doctor_bad (guest->doctor, "containers.runtime",
                        "%s has the label dri.enable, but runs by %s, which does not know it", name,
                        runtime[0] ? runtime : "runc");
            doctor_next (guest->doctor,
                         "runtime: dri  # in its service, or --runtime dri; then create it anew");
        } else if (plain) {
            doctor_none (guest->doctor, "containers.devices",
                         "%s has a lease; its %s: %s is not needed beside it", name, key, plain);
        }
    } else if (plain) {
        doctor_bad (guest->doctor, "containers.devices",
                    "%s takes %s by itself (%s:): the broker knows nothing of it, and the group number that "
                    "it needs is this machine's",
                    name, plain, key);
        next_labels (guest, config, key);
    } else if (json_is_true (json_object_get (host, "Privileged"))) {
        doctor_bad (guest->doctor, "containers.privileged",
                    "%s is privileged: it sees every GPU, and the whole machine is its own; for a GPU alone "
                    "that is never needed",
                    name);
        next_labels (guest, config, "privileged");
    }
    tally->bad += guest->doctor->bad - bad;
}

/* False: it may not be read.  */
static bool
look_at_store (const struct guest *guest, const char *root, struct tally *tally)
{
    _cleanup_names_ struct doctor_names names = {0};

    if (!doctor_list_dir (guest->doctor, &names, "%s/containers", root))
        return errno != EACCES;
    for (size_t i = 0; i < names.n; i++) {
        _cleanup_json_ json_t *record =
            doctor_read_json (guest->doctor, "%s/containers/%s/config.v2.json", root, names.list[i]);
        _cleanup_json_ json_t *host =
            doctor_read_json (guest->doctor, "%s/containers/%s/hostconfig.json", root, names.list[i]);

        if (!record || !host)
            continue;
        tally->looked_at++;
        judge_docker (guest, record, host, tally);
    }
    return true;
}

/* With userns-remap the stores are below it, each called UID.GID.  */
static bool
look_at_docker (const struct guest *guest, struct tally *tally)
{
    _cleanup_json_ json_t *configuration = docker_configuration (guest);
    _cleanup_names_ struct doctor_names names = {0};
    const char *root = json_text (configuration, "data-root");
    bool readable;

    tally->default_dri = docker_default_is_dri (configuration);
    if (!root[0])
        root = "/var/lib/docker";
    readable = look_at_store (guest, root, tally);
    (void) doctor_list_dir (guest->doctor, &names, "%s", root);
    for (size_t i = 0; i < names.n; i++) {
        char store[4096];

        if (strspn (names.list[i], "0123456789.") != strlen (names.list[i])
            || snprintf (store, sizeof store, "%s/%s", root, names.list[i]) >= (int) sizeof store)
            continue;
        readable &= look_at_store (guest, store, tally);
    }
    return readable;
}

/* --- Podman --- */

static void
judge_podman (const struct guest *guest, const char *id, struct tally *tally)
{
    static const char root[] = "/var/lib/containers/storage/overlay-containers";
    _cleanup_json_ json_t *spec = doctor_read_json (guest->doctor, "%s/%s/userdata/config.json", root, id);
    const json_t *device, *annotations = json_object_get (spec, "annotations");
    const char *hostname = json_text (spec, "hostname");
    size_t i;

    if (!spec)
        return;
    tally->looked_at++;
    if (strcasecmp (json_text (annotations, "dri.enable"), "true") == 0)
        return;
    json_array_foreach (json_object_get (json_object_get (spec, "linux"), "devices"), i, device) {
        if (!is_dri (json_text (device, "path")))
            continue;
        doctor_bad (
            guest->doctor, "containers.devices",
            "Podman's %s takes %s by itself (--device, or privileged): it sees that GPU past the broker",
            hostname[0] ? hostname : id, json_text (device, "path"));
        doctor_next (guest->doctor, "podman run --annotation dri.enable=true …  # instead of --device and "
                                    "--group-add; in a quadlet: Annotation=dri.enable=true");
        tally->bad++;
        return;
    }
}

static void
look_at_podman (const struct guest *guest, struct tally *tally)
{
    _cleanup_names_ struct doctor_names names = {0};

    (void) doctor_list_dir (guest->doctor, &names, "/var/lib/containers/storage/overlay-containers");
    for (size_t i = 0; i < names.n; i++)
        if (strlen (names.list[i]) == 64)
            judge_podman (guest, names.list[i], tally);
}

void
doctor_containers (const struct guest *guest)
{
    struct tally tally = {0};
    bool readable;

    doctor_area (guest->doctor, "Containers");
    readable = look_at_docker (guest, &tally);
    look_at_podman (guest, &tally);
    if (!readable) {
        doctor_none (guest->doctor, "containers.devices", "Docker's records are root's to read");
        doctor_next (guest->doctor, "sudo drictl doctor");
    } else if (tally.looked_at == 0) {
        doctor_none (guest->doctor, "containers.devices",
                     "there are no containers of root's Docker or Podman");
    } else if (tally.bad == 0) {
        doctor_good (guest->doctor, "containers.devices", "%u %s: none takes a GPU by itself",
                     tally.looked_at, tally.looked_at == 1 ? "container" : "containers");
    }
}
