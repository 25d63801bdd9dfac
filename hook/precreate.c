#include "precreate.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "../broker/client.h"
#include "../oci/cleanup.h"
#include "../oci/document.h"
#include "../oci/door.h"
#include "../oci/file.h"
#include "../oci/podman.h"
#include "../oci/spec.h"
#include "ask.h"

enum { CONFIG_JSON_MAX = 16 << 20 };

static int
read_all (int fd, char **text, size_t *len, struct error *err)
{
    size_t room = 64 << 10, used = 0;
    _cleanup_free_ char *buffer = malloc (room);

    while (buffer) {
        ssize_t n = read (fd, buffer + used, room - used);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set (err, errno, "config.json on stdin");
        if (n == 0) {
            *len = used;
            *text = steal_ptr (&buffer);
            return 0;
        }
        used += (size_t) n;
        if (used == room) {
            char *bigger = room < CONFIG_JSON_MAX ? realloc (buffer, 2 * room) : NULL;

            if (!bigger)
                return error_set (err, EFBIG, "config.json on stdin");
            buffer = bigger;
            room *= 2;
        }
    }
    return error_set (err, ENOMEM, "config.json on stdin");
}

/* Nobody hears it: the broker has logged it, or drictl explain shows it.  */
static void
warn (void *userdata, const char *text)
{
    (void) userdata;
    (void) text;
}

/* crun throws away what a hook says, unless it is told where to put it (crun(1), run.oci.hooks.stderr). Its
 * own stderr is what the engine reads.  */
static void
let_crun_hear (json_t *spec)
{
    json_t *annotations = json_object_get (spec, "annotations");

    if (!json_object_get (annotations, "run.oci.hooks.stderr"))
        (void) json_object_set_new (annotations, "run.oci.hooks.stderr", json_string ("/dev/stderr"));
}

static void
release (const struct door *d)
{
    struct error ignored;

    if (d->grant.lease[0])
        (void) ask_broker (NULL, "Release", json_pack ("{s:s}", "lease", d->grant.lease), DOOR_BROKER_MS,
                           NULL, &ignored);
}

static int
edit (struct door *d, const struct config *config, const struct error *config_error, const char *id,
      struct error *err)
{
    struct error reason = *config_error;
    bool read = door_read (d, id, config, &reason) == 0;

    if (read && !d->req.enable)
        return 0;
    let_crun_hear (d->spec);
    if (!read || config_error->message[0])
        door_tell (d, &reason);
    else if (door_acquire (d, &reason) == 0 && door_edit (d, &reason) == 0)
        return 1;
    release (d);
    return door_edit_refused (d, reason.message, err) < 0 ? -1 : 1;
}

/* buildah runs the hooks too, for steps of a build, whose annotations are the base image's: they pass. A
 * container of Podman's own has its bundle for working directory, but for versions that are too old.  */
static int
refuse_libpod (struct door *d, struct error *err)
{
    const char *manager = json_string_value (spec_get (d->spec, "annotations", "io.container.manager", NULL));

    if (!manager || strcmp (manager, "libpod") != 0)
        return 0;
    let_crun_hear (d->spec);
    return door_edit_refused (
               d,
               "this Podman does not run its precreate hooks where the container is, and so its request "
               "cannot be told from the image's: a newer Podman is needed (5.4 is known to do)",
               err) < 0
               ? -1
               : 1;
}

static int
filter (const char *text, size_t len, struct error *err)
{
    static struct door door = {.detached = true, .ask = ask_broker, .warn = warn}; /* large */
    struct error config_error = {0};
    _cleanup_free_ char *edited = NULL;
    char bundle[PATH_MAX];
    struct podman podman;
    struct config config;
    struct document doc;
    int changed;

    if (document_load_members (&doc, text, len, spec_members, err) < 0)
        return error_wrap (err, "config.json on stdin");
    door.spec = doc.root;
    door.bundle = bundle;
    (void) config_load (&config, &config_error);
    if (getcwd (bundle, sizeof bundle) && podman_find (bundle, &podman))
        changed = edit (&door, &config, &config_error, podman.id, err);
    else
        changed = refuse_libpod (&door, err);
    if (changed > 0 && document_dump (&doc, JSON_COMPACT, &edited, &len, err) < 0)
        changed = -1;
    if (changed >= 0 && write_all (STDOUT_FILENO, edited ? edited : text, len) < 0)
        changed = error_set (err, errno, "config.json on stdout");
    if (changed < 0)
        release (&door);
    document_finish (&doc);
    return changed < 0 ? -1 : 0;
}

int
precreate (void)
{
    _cleanup_free_ char *text = NULL;
    struct error err = {0};
    size_t len;

    if (read_all (STDIN_FILENO, &text, &len, &err) < 0 || filter (text, len, &err) < 0) {
        (void) fprintf (stderr, "dri-hook: precreate: %s\n", err.message);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
