#include "drictl_attach.h"

#include <stdio.h>
#include <string.h>

#include "../../hook/attach.h"
#include "../../hook/inject.h"
#include "../../oci/cleanup.h"
#include "../../oci/document.h"
#include "../../oci/door.h"
#include "../../oci/file.h"
#include "../../oci/spec.h"
#include "../../oci/words.h"
#include "../client.h"
#include "engines.h"
#include "print.h"

enum { CONFIG_JSON_MAX = 16 << 20 };

static int
ask (void *userdata, const char *method, json_t *parameters, unsigned timeout_ms, json_t **reply,
     struct error *err)
{
    struct client *client = userdata;

    if (client->fd < 0 && client_connect (client, err) != CLIENT_OK) {
        json_decref (parameters);
        return -1;
    }
    return client_call (client, method, parameters, timeout_ms, reply, err) == CLIENT_OK ? 0 : -1;
}

static void
warn (void *userdata, const char *text)
{
    (void) userdata;
    print_line (stderr, "drictl: %s", text);
}

/* What the labels say counts at a start; here it is the command line.  */
static int
take_words (struct request *req, char *const *words, int n, struct error *err)
{
    if (words_take (req, words, n, err) < 0)
        return -1;
    return req->source[KEY_ON_FAILURE] == SOURCE_DEFAULT
               ? 0
               : error_set (err, 0, "%s says what happens to a start, and this container runs",
                            request_key_name (KEY_ON_FAILURE));
}

/* The lease of a container; NULL with err->message "" where it has none.  */
static json_t *
find_lease (struct client *client, const char *id, struct error *err)
{
    _cleanup_json_ json_t *status = NULL;
    json_t *lease;
    size_t i;

    if (ask (client, "Status", NULL, DOOR_BROKER_MS, &status, err) < 0)
        return NULL;
    json_array_foreach (json_object_get (status, "leases"), i, lease) {
        const char *its = json_string_value (json_object_get (json_object_get (lease, "container"), "id"));

        if (its && strcmp (its, id) == 0)
            return json_incref (lease);
    }
    err->message[0] = '\0';
    return NULL;
}

static int
check_no_lease (struct client *client, const struct running_container *c, struct error *err)
{
    _cleanup_json_ json_t *lease = find_lease (client, c->id, err);

    if (lease)
        return error_set (err, 0, "it has a lease already: drictl detach it first");
    return err->message[0] ? -1 : 0;
}

static int
give (struct door *d, const struct running_container *c, struct error *err)
{
    _cleanup_close_ int directory = -1;
    struct error ignored;

    if (door_acquire (d, err) < 0)
        return -1;
    if (d->grant.n_nodes == 0)
        return error_set (err, 0, "%s", d->grant.reason);
    directory = inject_open (d->grant.directory, &ignored);
    if (attach (d, c->pid, c->start, NULL, err) == 0)
        return 0;
    (void) d->ask (d->userdata, "Release",
                   json_pack ("{s:s s:b s:b}", "lease", d->grant.lease, "force", 1, "detach", 1),
                   DOOR_BROKER_MS, NULL, &ignored);
    (void) inject_undo (directory, c->pid, c->start, &ignored);
    return -1;
}

static int
attach_running (const struct running_container *c, const struct config *config, struct client *client,
                char **words, int n, char gpus[128], struct error *err)
{
    static struct door door; /* large */
    _cleanup_free_ char *text = NULL;
    char path[PATH_MAX + 16];
    struct document doc;
    struct error ignored;
    size_t len;
    int r;

    (void) snprintf (path, sizeof path, "%s/config.json", c->bundle);
    if (file_read (path, CONFIG_JSON_MAX, &text, &len, err) < 0
        || document_load_members (&doc, text, len, spec_members, err) < 0)
        return -1;
    door = (struct door){.spec = doc.root, .bundle = c->bundle, .ask = ask, .warn = warn, .userdata = client};
    /* For who the container is; what it asks for itself, well or badly, does not matter now.  */
    (void) door_read (&door, c->id, config, &ignored);
    r = take_words (&door.req, words, n, err);
    if (r == 0)
        r = give (&door, c, err);
    document_finish (&doc);
    (void) snprintf (gpus, 128, "%s", door.grant.gpus);
    return r;
}

static int
find_running (const char *name, struct config *config, struct running_container *found, struct error *err)
{
    return config_load (config, err) < 0 ? -1 : engines_find (name, config, found, err);
}

static int
finish (struct client *client, const char *name, int r, struct error *err)
{
    client_close (client);
    return r < 0 ? error_wrap (err, "container %s", name) : 0;
}

int
attach_container (const char *name, char **words, int n, char gpus[128], struct error *err)
{
    struct client client = {.fd = -1};
    struct running_container found;
    struct config config;
    int r = find_running (name, &config, &found, err);

    if (r == 0)
        r = check_no_lease (&client, &found, err);
    if (r == 0)
        r = attach_running (&found, &config, &client, words, n, gpus, err);
    return finish (&client, name, r, err);
}

static int
take_away (struct client *client, const struct running_container *c, struct error *err)
{
    _cleanup_json_ json_t *lease = find_lease (client, c->id, err);
    _cleanup_json_ json_t *explained = NULL;
    _cleanup_close_ int fd = -1;
    const char *id, *directory;

    if (!lease)
        return err->message[0] ? -1 : error_set (err, 0, "it has no lease (drictl status)");
    id = json_string_value (json_object_get (lease, "id"));
    if (ask (client, "Explain", json_pack ("{s:s}", "container", c->id), DOOR_BROKER_MS, &explained, err) < 0)
        return -1;
    directory = json_string_value (json_object_get (explained, "directory"));
    if (!id || !directory)
        return error_set (err, 0, "only root may take its GPU away");
    fd = inject_open (directory, err);
    if (fd < 0)
        return -1;
    /* First what the container cannot hinder. Its mount is empty then, and only tidiness.  */
    if (ask (client, "Release", json_pack ("{s:s s:b s:b}", "lease", id, "force", 1, "detach", 1),
             DOOR_BROKER_MS, NULL, err)
        < 0)
        return -1;
    return inject_undo (fd, c->pid, c->start, err) < 0 ? error_wrap (err, "its GPU is taken away, but") : 0;
}

int
detach_container (const char *name, struct error *err)
{
    struct client client = {.fd = -1};
    struct running_container found;
    struct config config;
    int r = find_running (name, &config, &found, err);

    if (r == 0)
        r = take_away (&client, &found, err);
    return finish (&client, name, r, err);
}
