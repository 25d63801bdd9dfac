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
#include "cmdline.h"
#include "config.h"
#include "document.h"
#include "door.h"
#include "file.h"
#include "glance.h"
#include "log.h"
#include "program.h"
#include "running.h"
#include "spec.h"
#include "supervise.h"

enum { CONFIG_JSON_MAX = 16 << 20 };

/* A container on its way.  */
struct start {
    const struct cmdline *cmd;
    char config_path[PATH_MAX], bundle[PATH_MAX];
    char *text; /* of config.json; doc refers to it */
    struct document doc;
    struct door door;
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

/* The first question opens the connection, which the grant lives with.  */
static int
ask (void *userdata, const char *method, json_t *parameters, unsigned timeout_ms, json_t **reply,
     struct error *err)
{
    struct start *s = userdata;

    if (s->client.fd < 0 && client_connect (&s->client, err) != CLIENT_OK) {
        json_decref (parameters);
        return -1;
    }
    return client_call (&s->client, method, parameters, timeout_ms, reply, err) == CLIENT_OK ? 0 : -1;
}

static void
warn (void *userdata, const char *text)
{
    const struct start *s = userdata;

    log_line (s->cmd, "warning", text);
}

/* The lease, and config.json as it has to be with it.  */
static int
obtain (struct start *s, struct error *err)
{
    if (door_acquire (&s->door, err) < 0 || door_edit (&s->door, err) < 0)
        return -1;
    return store_spec (s, err);
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
                     json_pack ("{s:s s:b}", "lease", s->door.grant.lease, "force", created), DOOR_BROKER_MS,
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

    (void) snprintf (message, sizeof message, "dri-broker: container %s: %s",
                     container_label (&s->door.container), err->message);
    log_line (s->cmd, "error", message);
    return EXIT_FAILURE;
}

static int
tell_and_refuse (struct start *s, const struct error *reason)
{
    door_tell (&s->door, reason);
    client_close (&s->client);
    return refuse (s, reason);
}

static int
start_opted_in (struct start *s, const char *runtime, char **argv)
{
    struct error err = {0};
    int status;

    if (obtain (s, &err) < 0 || supervise (runtime, argv, &status, &err) < 0) {
        struct error ignored;

        if (s->door.grant.lease[0])
            (void) give_back (s, &ignored);
        return refuse (s, &err);
    }
    if (s->door.grant.lease[0] && (!WIFEXITED (status) || WEXITSTATUS (status) != 0) && give_back (s, &err))
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
    s.door = (struct door){.spec = s.doc.root, .bundle = s.bundle, .ask = ask, .warn = warn, .userdata = &s};
    if (door_read (&s.door, cmd->id, config, &err) < 0)
        return tell_and_refuse (&s, &err);
    if (!s.door.req.enable && (s.doc.root || !mentions_opt_in (s.config_path)))
        return -1;
    if (!s.doc.root)
        return refuse (&s, &unreadable);
    if (config_error->message[0])
        return tell_and_refuse (&s, config_error);
    return start_opted_in (&s, runtime, argv);
}

/* `docker exec` builds its process from the container's definition, not from the config.json that we edited.
 */
static void
add_groups_to_exec (const struct cmdline *cmd)
{
    _cleanup_json_ json_t *spec = NULL;
    _cleanup_free_ char *text = NULL;
    _cleanup_free_ char *edited = NULL;
    struct document doc;
    struct error err;
    size_t len;

    if (!cmd->process)
        return;
    spec = running_spec (cmd);
    if (!spec || file_read (cmd->process, CONFIG_JSON_MAX, &text, &len, &err) < 0
        || document_load (&doc, text, len, &err) < 0)
        return;
    if (apply_gids (doc.root, spec)
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
