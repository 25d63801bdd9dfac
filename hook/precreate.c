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
    if (!read || config_error->message[0])
        door_tell (d, &reason);
    else if (door_acquire (d, &reason) == 0 && door_edit (d, &reason) == 0)
        return 1;
    release (d);
    return door_edit_refused (d, reason.message, err) < 0 ? -1 : 1;
}

/* buildah runs the hooks too, for steps of a build, whose annotations are the base image's: they pass.  */
static bool
is_libpods (const json_t *spec)
{
    const char *manager = json_string_value (spec_get (spec, "annotations", "io.container.manager", NULL));

    return manager && strcmp (manager, "libpod") == 0;
}

/* A container of Podman's has its bundle for working directory. With versions that run the hook in Podman's
 * own (4.3, of Debian 12) its root file system tells.  */
static bool
find_container (const json_t *spec, char *bundle, size_t size, struct podman *podman)
{
    if (getcwd (bundle, size) && podman_find (bundle, podman))
        return true;
    return is_libpods (spec)
           && podman_bundle_of (json_string_value (spec_get (spec, "root", "path", NULL)), bundle, size)
           && podman_find (bundle, podman);
}

static int
refuse (struct door *d, struct error *err)
{
    return door_edit_refused (
               d,
               "this Podman does not run its precreate hooks where the container is, and so its request "
               "cannot be told from the image's: use an image, and storage of driver overlay or vfs, "
               "or a newer Podman (5.4 is known to do)",
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
    if (find_container (doc.root, bundle, sizeof bundle, &podman))
        changed = edit (&door, &config, &config_error, podman.id, err);
    else
        changed = is_libpods (doc.root) ? refuse (&door, err) : 0;
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
