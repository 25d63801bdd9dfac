#include "log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "file.h"

/* A JSON string is a good quoting for the text form too: no message can break its line.  */
static char *
format_line (bool as_json, const char *level, const char *message)
{
    _cleanup_json_ json_t *json = json_string (message);
    _cleanup_free_ char *quoted = json_dumps (json, JSON_ENCODE_ANY);
    char when[32], *out;
    time_t now = time (NULL);
    struct tm utc;

    if (!quoted || !gmtime_r (&now, &utc) || strftime (when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0
        || asprintf (&out,
                     as_json ? "{\"level\":\"%2$s\",\"msg\":%3$s,\"time\":\"%1$s\"}\n"
                             : "time=\"%s\" level=%s msg=%s\n",
                     when, level, quoted)
               < 0)
        return NULL;
    return out;
}

/* crun takes a file as "file:PATH" too, and "journald:" and "syslog:", which are none.  */
static const char *
log_path (const struct cmdline *cmd)
{
    if (!cmd->log || strncmp (cmd->log, "journald:", 9) == 0 || strncmp (cmd->log, "syslog:", 7) == 0)
        return NULL;
    return strncmp (cmd->log, "file:", 5) == 0 ? cmd->log + 5 : cmd->log;
}

bool
log_append (const struct cmdline *cmd, const char *level, const char *message)
{
    _cleanup_free_ char *line = format_line (cmd->log_json, level, message);
    const char *path = log_path (cmd);
    _cleanup_close_ int fd = -1;

    if (!line || !path)
        return false;
    fd = open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
    return fd >= 0 && write_all (fd, line, strlen (line)) == 0;
}

void
log_line (const struct cmdline *cmd, const char *level, const char *message)
{
    if (!log_append (cmd, level, message) || strcmp (level, "error") == 0)
        (void) fprintf (stderr, "dri-runtime: %s\n", message);
}
