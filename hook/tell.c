#include "tell.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../oci/cleanup.h"
#include "../oci/cmdline.h"
#include "../oci/file.h"
#include "../oci/log.h"

enum { ARGUMENTS_MAX = 64, CMDLINE_BYTES_MAX = 64 << 10 };

static bool
is_crun (const char *path)
{
    const char *slash = strrchr (path, '/');

    return strcmp (slash ? slash + 1 : path, "crun") == 0;
}

/* The command line of the runtime, our parent; text is to live as long. False where it is not crun.  */
static bool
read_crun (char *text, size_t len, char **argv, struct cmdline *cmd)
{
    int argc = 0;

    for (char *p = text; p < text + len && argc < ARGUMENTS_MAX; p += strlen (p) + 1)
        argv[argc++] = p;
    argv[argc] = NULL;
    if (argc == 0 || !is_crun (argv[0]))
        return false;
    cmdline_parse (cmd, &argc, argv);
    return cmd->log_json;
}

static void
tell_crun (const char *message)
{
    char *argv[ARGUMENTS_MAX + 1], path[40];
    _cleanup_free_ char *text = NULL;
    struct error ignored;
    struct cmdline cmd;
    size_t len;

    (void) snprintf (path, sizeof path, "/proc/%d/cmdline", (int) getppid ());
    if (file_read (path, CMDLINE_BYTES_MAX, &text, &len, &ignored) == 0 && read_crun (text, len, argv, &cmd))
        (void) log_append (&cmd, "error", message);
}

void
tell (const char *container, const char *message)
{
    char text[1400];

    (void) snprintf (text, sizeof text, "dri-broker: container %s: %s", container ? container : "?", message);
    (void) fprintf (stderr, "%s\n", text);
    tell_crun (text);
}
