#include "alone.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "../broker/client.h"
#include "../oci/cdi.h"
#include "../oci/cleanup.h"
#include "../oci/document.h"
#include "../oci/door.h"
#include "../oci/file.h"
#include "../oci/glance.h"
#include "../oci/spec.h"
#include "attach.h"

enum { CONFIG_JSON_MAX = 16 << 20 };

struct alone {
    const struct state *state;
    const char *device;
    char *text; /* of config.json; doc refers to it */
    struct document doc;
    struct door door;
    struct client client; /* the grant lives with it until it is active */
    char rootfs[PATH_MAX];
};

static int
ask (void *userdata, const char *method, json_t *parameters, unsigned timeout_ms, json_t **reply,
     struct error *err)
{
    struct alone *a = userdata;

    if (a->client.fd < 0 && client_connect (&a->client, err) != CLIENT_OK) {
        json_decref (parameters);
        return -1;
    }
    return client_call (&a->client, method, parameters, timeout_ms, reply, err) == CLIENT_OK ? 0 : -1;
}

static void
warn (void *userdata, const char *text)
{
    const struct alone *a = userdata;

    (void) fprintf (stderr, "dri-broker: container %s: %s\n", container_label (&a->door.container), text);
}

static int
find_rootfs (struct alone *a, struct error *err)
{
    const char *given = spec_root_path (a->doc.root), *root = given ? given : "rootfs";
    const bool absolute = root[0] == '/';
    int n = snprintf (a->rootfs, sizeof a->rootfs, "%s%s%s", absolute ? "" : a->state->bundle,
                      absolute ? "" : "/", root);

    return n < 0 || (size_t) n >= sizeof a->rootfs
               ? error_set (err, ENAMETOOLONG, "the container's root file system %.80s... in %.80s...", root,
                            a->state->bundle)
               : 0;
}

/* *silent: nothing in it or in the engine's record is for us.  */
static int
read_spec (struct alone *a, bool *silent, struct error *err)
{
    char path[PATH_MAX + 16];
    size_t len;

    (void) snprintf (path, sizeof path, "%s/config.json", a->state->bundle);
    if (a->state->bundle[0] != '/')
        return error_set (err, 0, "the container's state on stdin has no bundle");
    if (file_read (path, CONFIG_JSON_MAX, &a->text, &len, err) < 0)
        return -1;
    *silent = glance_is_silent (a->text, len, a->state->id);
    if (*silent)
        return 0;
    if (document_load_members (&a->doc, a->text, len, spec_members, err) < 0)
        return error_wrap (err, "%s", path);
    return 0;
}

static int
give (struct alone *a, const struct error *config_error, struct error *err)
{
    if (config_error->message[0]) {
        door_tell (&a->door, config_error);
        *err = *config_error;
        return -1;
    }
    if (find_rootfs (a, err) < 0 || door_acquire (&a->door, err) < 0)
        return -1;
    if (!a->door.grant.lease[0])
        return 0;
    if (attach_put (&a->door, a->state->pid, 0, a->rootfs, err) < 0) {
        attach_give_back (&a->door);
        return -1;
    }
    /* It ends with the container now.  */
    return attach_judge (&a->door, a->state->pid, 0, a->rootfs, err);
}

/* A device that config.json does not show would be a container that asked for a GPU and starts without.  */
static int
nothing_asked (const struct alone *a, struct error *err)
{
    return a->device ? error_set (err, 0, "the device " CDI_KIND "=%.60s is not in the config.json in %s",
                                  a->device, a->state->bundle)
                     : 0;
}

static int
start (struct alone *a, struct error *err)
{
    struct error config_error = {0};
    struct config config;
    bool silent = false;

    (void) config_load (&config, &config_error);
    if (read_spec (a, &silent, err) < 0)
        return -1;
    if (silent)
        return nothing_asked (a, err);
    a->door.spec = a->doc.root;
    a->door.bundle = a->state->bundle;
    if (door_read (&a->door, a->state->id, &config, err) < 0) {
        door_tell (&a->door, err);
        return -1;
    }
    /* A dri-runtime in front of the runtime has done all of this. It takes the hooks of devices away.  */
    if (!a->device && apply_is_ours (a->doc.root))
        return 0;
    if (!a->door.req.enable)
        return nothing_asked (a, err);
    if (a->state->pid == 0)
        return error_set (err, 0, "the container's state on stdin has no pid");
    return give (a, &config_error, err);
}

int
alone_start (const struct state *state, const char *device, const char **label, struct error *err)
{
    static struct alone a; /* large */
    int r;

    a = (struct alone){.state = state, .device = device, .client.fd = -1};
    a.door.ask = ask;
    a.door.warn = warn;
    a.door.userdata = &a;
    r = start (&a, err);
    *label = a.door.container.id[0] ? container_label (&a.door.container) : state->id;
    client_close (&a.client);
    free (a.text);
    if (a.doc.root)
        document_finish (&a.doc);
    return r;
}
