#include "tell.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../oci/cleanup.h"
#include "../oci/cmdline.h"
#include "../oci/file.h"
#include "../oci/log.h"

enum { ARGUMENTS_MAX = 64, CMDLINE_BYTES_MAX = 64 << 10, TEXT_MAX = 1400 };

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
    return true;
}

/* What our parent says its caller reads: conmon, or a person.  */
static void
tell_its_caller (const char *message)
{
    _cleanup_close_ int fd = -1;
    char path[40], line[TEXT_MAX + 2];
    int len;

    (void) snprintf (path, sizeof path, "/proc/%d/fd/2", (int) getppid ());
    fd = open (path, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    len = snprintf (line, sizeof line, "%s\n", message);
    if (fd >= 0)
        (void) write_all (fd, line, (size_t) len);
}

/* crun gives its hooks /dev/null, unless an annotation says otherwise (crun(1), run.oci.hooks.stderr).  */
static bool
is_mute (void)
{
    struct stat st;

    return fstat (STDERR_FILENO, &st) == 0 && S_ISCHR (st.st_mode) && st.st_rdev == makedev (1, 3);
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
    if (file_read (path, CMDLINE_BYTES_MAX, &text, &len, &ignored) < 0 || !read_crun (text, len, argv, &cmd))
        return;
    if (cmd.log_json)
        (void) log_append (&cmd, "error", message);
    if (is_mute ())
        tell_its_caller (message);
}

static void
say (char text[TEXT_MAX], const char *container, const char *message)
{
    (void) snprintf (text, TEXT_MAX, "dri-broker: container %s: %s", container ? container : "?", message);
    (void) fprintf (stderr, "%s\n", text);
}

void
tell (const char *container, const char *message)
{
    char text[TEXT_MAX];

    say (text, container, message);
    tell_crun (text);
}

void
tell_lxc (const char *container, const char *message)
{
    char text[TEXT_MAX];

    say (text, container, message);
    tell_its_caller (text);
}
