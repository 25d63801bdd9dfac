/* dri-runtime: an OCI runtime that is another one, except for containers that asked for a GPU.
 *
 * Everything is passed on to the real runtime by exec. Only create and run of a container that opted in are
 * more: lease, edit of config.json, and then the real runtime as a child, so that a failure can be explained.
 * Whatever goes wrong before it is known that a container opted in is no concern of that container.  */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../broker/client.h"
#include "apply.h"
#include "cleanup.h"
#include "clock.h"
#include "cmdline.h"
#include "config.h"
#include "document.h"
#include "engine.h"
#include "file.h"
#include "glance.h"
#include "log.h"
#include "program.h"
#include "running.h"
#include "spec.h"
#include "supervise.h"

enum { CONFIG_JSON_MAX = 16 << 20, BROKER_TIMEOUT_MS = 5000 };

/* A container that opted in, on its way.  */
struct start {
    const struct cmdline *cmd;
    char config_path[PATH_MAX], bundle[PATH_MAX], hook[PATH_MAX];
    char *text; /* of config.json; doc refers to it */
    struct document doc;
    struct container container;
    struct request req;
    struct workload workload;
    struct grant grant; /* lease "" while there is none */
    struct client client;
};

static int
find_paths (struct start *s, struct error *err)
{
    const char *bundle = s->cmd->bundle ? s->cmd->bundle : ".";

    if (!realpath (bundle, s->bundle))
        return error_set (err, errno, "bundle %s", bundle);
    if (s->cmd->config)
        (void) snprintf (s->config_path, sizeof s->config_path, "%s", s->cmd->config);
    else if (snprintf (s->config_path, sizeof s->config_path, "%s/config.json", s->bundle)
             >= (int) sizeof s->config_path)
        return error_set (err, ENAMETOOLONG, "bundle %s", bundle);
    return 0;
}

/* With an unreadable config.json the labels of Docker's record still tell whether the container opted in:
 * then it must not start without its GPU. err is why it could not be read. *silent: there is no need to read
 * it.  */
static int
load_spec (struct start *s, bool *silent, struct error *err)
{
    size_t len;

    if (file_read (s->config_path, CONFIG_JSON_MAX, &s->text, &len, err) < 0)
        return -1;
    *silent = glance_is_silent (s->text, len, s->cmd->id);
    if (*silent)
        return 0;
    if (document_load_members (&s->doc, s->text, len, spec_members, err) < 0)
        return error_wrap (err, "%s", s->config_path);
    return 0;
}

/* Runtimes read what our parser refuses: other sizes, depths and encodings. A container whose config.json
 * speaks of opting in must not start then as if it had not.  */
static bool
mentions_opt_in (const char *path)
{
    static const char *const words[] = {"dri.enable", "DRI_ENABLE"};
    enum { OVERLAP = 16 };
    _cleanup_free_ char *text = malloc (OVERLAP + (1 << 16));
    _cleanup_close_ int fd = -1;
    size_t kept = 0;
    struct stat st;
    ssize_t n;

    if (!text || stat (path, &st) < 0 || !S_ISREG (st.st_mode))
        return false;
    fd = open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    for (n = read (fd, text, 1 << 16); n > 0; n = read (fd, text + kept, 1 << 16)) {
        size_t len = kept + (size_t) n;

        for (size_t i = 0; i < countof (words); i++)
            if (memmem (text, len, words[i], strlen (words[i])))
                return true;
        kept = len < OVERLAP ? len : OVERLAP;
        memmove (text, text + len - kept, kept);
    }
    return false;
}

static int
store_spec (const struct start *s, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    size_t len;

    if (document_dump (&s->doc, JSON_COMPACT, &text, &len, err) < 0)
        return -1;
    return file_replace (s->config_path, text, len, err);
}

static json_t *
acquire_parameters (const struct start *s, json_t *notes)
{
    return json_pack ("{s:o s:o s:o s:o s:o}", "container", container_to_json (&s->container), "workload",
                      workload_to_json (&s->workload), "request", request_to_json (&s->req), "sources",
                      request_sources_to_json (&s->req), "notes", notes);
}

static enum client_result
acquire (struct start *s, struct error *err)
{
    json_t *notes = apply_notes (s->doc.root);
    _cleanup_json_ json_t *reply = NULL;
    enum client_result result;
    int64_t began, took;
    size_t i;
    json_t *note;

    json_array_foreach (notes, i, note)
        log_line (s->cmd, "warning", json_string_value (note));
    result = client_connect (&s->client, err);
    if (result != CLIENT_OK) {
        json_decref (notes);
        return result;
    }
    began = clock_ms ();
    result = client_call (&s->client, "Acquire", acquire_parameters (s, notes),
                          s->req.wait_ms + BROKER_TIMEOUT_MS, &reply, err);
    if (result == CLIENT_OK && grant_from_json (&s->grant, json_object_get (reply, "grant"), err) < 0)
        return CLIENT_UNREACHABLE;
    /* dri.wait is for all waiting: what the queue took, the gate does not have.  */
    took = clock_ms () - began;
    s->req.wait_ms -= took < s->req.wait_ms ? (unsigned) took : s->req.wait_ms;
    return result;
}

static int
edit (struct start *s, struct error *err)
{
    const struct apply_hook hook = {
        .path = s->hook,
        .socket = config_socket (),
        .bundle = s->bundle,
        .label = container_label (&s->container),
    };

    if (program_beside ("dri-hook", s->hook, sizeof s->hook, err) < 0
        || apply_grant (s->doc.root, &s->grant, &s->req, &s->workload, &hook, err) < 0)
        return -1;
    return store_spec (s, err);
}

/* The lease, and config.json as it has to be with it.  */
static int
obtain (struct start *s, struct error *err)
{
    if (spec_workload (s->doc.root, &s->workload, err) < 0)
        return -1;
    if (acquire (s, err) != CLIENT_OK) {
        if (s->req.on_failure != FAILURE_START_WITHOUT)
            return -1;
        log_line (s->cmd, "warning", err->message);
        apply_nothing (s->doc.root);
        return store_spec (s, err);
    }
    return edit (s, err);
}

/* Gives the lease back after a failed start. True where the readiness gate had a reason: then that is what
 * the user has to read, and the runtime's own words (crun knows nothing but "exit status 1") are not.  */
static bool
give_back (struct start *s, struct error *reason)
{
    /* What ends with an error after run is most often the container itself, and may live on if the runtime
     * was killed.  */
    bool created = s->cmd->verb == VERB_CREATE;
    _cleanup_json_ json_t *reply = NULL;
    const char *text;

    /* On a connection of its own: the broker may have closed the idle one when the lease became active.  */
    client_close (&s->client);
    if (client_connect (&s->client, reason) != CLIENT_OK)
        return created;
    if (client_call (&s->client, "Release",
                     json_pack ("{s:s s:b}", "lease", s->grant.lease, "force", created), BROKER_TIMEOUT_MS,
                     &reply, reason)
        != CLIENT_OK)
        return false;
    text = json_string_value (json_object_get (reply, "reason"));
    if (!text || !*text)
        return false;
    error_set (reason, 0, "%s", text);
    return true;
}

static int
refuse (const struct start *s, const struct error *err)
{
    char message[sizeof err->message + 256];

    (void) snprintf (message, sizeof message, "dri-broker: container %s: %s", container_label (&s->container),
                     err->message);
    log_line (s->cmd, "error", message);
    return EXIT_FAILURE;
}

/* For a container that is refused before the broker was asked: drictl explain is to know why. The broker may
 * be gone, which changes nothing.  */
static int
tell_and_refuse (struct start *s, const struct error *reason)
{
    enum { TELL_MS = 1000 };
    struct error ignored;

    if (spec_workload (s->doc.root, &s->workload, &ignored) == 0
        && client_connect (&s->client, &ignored) == CLIENT_OK) {
        json_t *parameters = acquire_parameters (s, json_array ());

        (void) json_object_set_new (parameters, "refused", json_string (reason->message));
        (void) client_call (&s->client, "Acquire", parameters, TELL_MS, NULL, &ignored);
        client_close (&s->client);
    }
    return refuse (s, reason);
}

static int
start_opted_in (struct start *s, const char *runtime, char **argv)
{
    struct error err = {0};
    int status;

    if (obtain (s, &err) < 0 || supervise (runtime, argv, &status, &err) < 0) {
        struct error ignored;

        if (s->grant.lease[0])
            (void) give_back (s, &ignored);
        return refuse (s, &err);
    }
    if (s->grant.lease[0] && (!WIFEXITED (status) || WEXITSTATUS (status) != 0) && give_back (s, &err))
        (void) refuse (s, &err);
    supervise_exit (status);
}

/* Returns the exit code of a container that opted in; for all others it returns -1, and the runtime is to be
 * executed as if we were not here.  */
static int
start_container (const struct cmdline *cmd, const struct config *config, const struct error *config_error,
                 const char *runtime, char **argv)
{
    static struct start s; /* large */
    struct error err = {0}, unreadable = {0};
    bool silent = false;

    s.cmd = cmd;
    s.client.fd = -1;
    if (!cmd->id || find_paths (&s, &err) < 0)
        return -1;
    (void) load_spec (&s, &silent, &unreadable);
    if (silent)
        return -1;
    request_init (&s.req);
    if (engine_request (s.doc.root, s.bundle, cmd->id, config, &s.container, &s.req, &err) < 0)
        return tell_and_refuse (&s, &err);
    if (!s.req.enable && (s.doc.root || !mentions_opt_in (s.config_path)))
        return -1;
    if (!s.doc.root)
        return refuse (&s, &unreadable);
    if (config_error->message[0])
        return tell_and_refuse (&s, config_error);
    if (s.req.wait_ms > config->max_wait_ms)
        s.req.wait_ms = config->max_wait_ms;
    return start_opted_in (&s, runtime, argv);
}

/* `docker exec` builds its process from the container's definition, not from the config.json that we edited.
 */
static void
add_groups_to_exec (const struct cmdline *cmd)
{
    _cleanup_json_ json_t *annotations = NULL;
    _cleanup_free_ char *text = NULL;
    _cleanup_free_ char *edited = NULL;
    struct document doc;
    struct error err;
    size_t len;

    if (!cmd->process)
        return;
    annotations = running_annotations (cmd);
    if (!annotations || file_read (cmd->process, CONFIG_JSON_MAX, &text, &len, &err) < 0
        || document_load (&doc, text, len, &err) < 0)
        return;
    if (apply_gids (doc.root, annotations)
        && (document_dump (&doc, JSON_COMPACT, &edited, &len, &err) < 0
            || file_replace (cmd->process, edited, len, &err) < 0))
        log_line (cmd, "warning", err.message);
    document_finish (&doc);
}

int
main (int argc, char **argv)
{
    struct error err = {0}, config_error = {0};
    static char runtime[PATH_MAX]; /* argv keeps it */
    struct config config;
    struct cmdline cmd;

    cmdline_parse (&cmd, &argc, argv);
    (void) config_load (&config, &config_error);
    if (program_find_runtime (&config, cmd.runtime, running_kind (&cmd), runtime, sizeof runtime, &err) < 0) {
        log_line (&cmd, "error", err.message);
        return EXIT_FAILURE;
    }
    /* runc and crun look at their own name.  */
    argv[0] = runtime;
    if (cmd.verb == VERB_CREATE || cmd.verb == VERB_RUN) {
        int code = start_container (&cmd, &config, &config_error, runtime, argv);

        if (code >= 0)
            return code;
    } else if (cmd.verb == VERB_EXEC) {
        add_groups_to_exec (&cmd);
    }
    (void) execv (runtime, argv);
    error_set (&err, errno, "exec %s", runtime);
    log_line (&cmd, "error", err.message);
    return EXIT_FAILURE;
}
