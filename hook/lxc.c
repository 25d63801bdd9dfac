#include "lxc.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../oci/cleanup.h"
#include "../oci/door.h"
#include "../oci/file.h"
#include "../oci/words.h"
#include "ask.h"
#include "attach.h"
#include "tell.h"

enum { MAP_BYTES_MAX = 1 << 16 };

static void
warn (void *userdata, const char *text)
{
    const struct door *d = userdata;

    (void) fprintf (stderr, "dri-broker: container %s: %s\n", container_label (&d->container), text);
}

/* A map of the container's user namespace, to ids as we see them, in the words of an OCI spec (proc(5),
 * user_namespaces(7)).  */
static json_t *
read_map (pid_t pid, const char *name, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    json_t *lines = json_array ();
    unsigned inside, outside, size;
    char path[40];
    size_t len;
    int used;

    (void) snprintf (path, sizeof path, "/proc/%d/%s", (int) pid, name);
    if (file_read (path, MAP_BYTES_MAX, &text, &len, err) < 0) {
        json_decref (lines);
        return NULL;
    }
    for (const char *p = text; sscanf (p, "%u %u %u%n", &inside, &outside, &size, &used) == 3; p += used)
        (void) json_array_append_new (lines,
                                      json_pack ("{s:I s:I s:I}", "containerID", (json_int_t) inside,
                                                 "hostID", (json_int_t) outside, "size", (json_int_t) size));
    return lines;
}

static bool
is_identity (const json_t *map)
{
    const json_t *line = json_array_get (map, 0);

    return json_array_size (map) == 1 && json_integer_value (json_object_get (line, "hostID")) == 0
           && json_integer_value (json_object_get (line, "size")) == UINT32_MAX;
}

/* What an OCI spec would say of it. All of it is the container's root's.  */
static json_t *
make_spec (pid_t pid, struct error *err)
{
    json_t *uids = read_map (pid, "uid_map", err), *gids = uids ? read_map (pid, "gid_map", err) : NULL;
    json_t *spec;

    if (!gids) {
        json_decref (uids);
        return NULL;
    }
    spec = json_pack ("{s:{s:{s:i s:i} s:{s:[s]}}}", "process", "user", "uid", 0, "gid", 0, "capabilities",
                      "effective", "CAP_DAC_OVERRIDE");
    if (is_identity (uids)) {
        json_decref (uids);
        json_decref (gids);
    } else {
        (void) json_object_set_new (spec, "linux",
                                    json_pack ("{s:[{s:s}] s:o s:o}", "namespaces", "type", "user",
                                               "uidMappings", uids, "gidMappings", gids));
    }
    return spec;
}

static int
read_request (struct door *d, const char *name, char *const *words, int n, struct error *err)
{
    if (n >= 3 && strcmp (words[n - 3], name) == 0 && strcmp (words[n - 1], "start-host") == 0)
        n -= 3;
    if (words_take (&d->req, words, n, err) < 0)
        return -1;
    if (d->req.on_failure == FAILURE_DEFER)
        return error_set (err, 0, "%s=defer is for Docker: nobody starts an LXC container later",
                          request_key_name (KEY_ON_FAILURE));
    return 0;
}

static int
give (struct door *d, pid_t pid, char *const *words, int n, struct error *err)
{
    struct config config;

    if (config_load (&config, err) < 0 || read_request (d, d->container.name, words, n, err) < 0) {
        door_tell (d, err);
        return -1;
    }
    if (d->req.wait_ms > config.max_wait_ms)
        d->req.wait_ms = config.max_wait_ms;
    if (door_acquire (d, err) < 0)
        return -1;
    if (!d->grant.lease[0] || attach (d, pid, 0, NULL, err) == 0)
        return 0;
    attach_give_back (d);
    return -1;
}

static int
start (struct door *d, char *const *words, int n, struct error *err)
{
    const char *name = getenv ("LXC_NAME"), *pid_text = getenv ("LXC_PID");
    pid_t pid = pid_text ? (pid_t) strtol (pid_text, NULL, 10) : 0;
    int r;

    if (!name || pid <= 0)
        return error_set (err, 0,
                          "it is no hook of LXC (lxc.hook.start-host): LXC_NAME or LXC_PID is not set");
    (void) snprintf (d->container.id, sizeof d->container.id, "%s", name);
    (void) snprintf (d->container.name, sizeof d->container.name, "%s", name);
    (void) snprintf (d->container.engine, sizeof d->container.engine, "lxc");
    if (geteuid () != 0)
        return error_set (err, EPERM, "only a container that root starts gets a GPU");
    d->spec = make_spec (pid, err);
    if (!d->spec)
        return -1;
    r = give (d, pid, words, n, err);
    json_decref (d->spec);
    return r;
}

int
lxc_start_host (char *const *words, int n)
{
    static struct door door = {.bundle = "", .detached = true, .ask = ask_broker, .warn = warn}; /* large */
    struct error err = {0};

    door.userdata = &door;
    if (start (&door, words, n, &err) == 0)
        return EXIT_SUCCESS;
    tell_lxc (container_label (&door.container), err.message);
    return EXIT_FAILURE;
}
