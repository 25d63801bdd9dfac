#include "cmdline.h"

#include <stddef.h>
#include <string.h>

#include "cleanup.h"

/* Options of runc and crun that take their value from the next argument. One that is missing here does harm
 * only where its value is the name of a verb or stands last.  */
static const char *const global_values[] = {
    "--root", "--log", "--log-format", "--log-level", "--criu", "--rootless", "--cgroup-manager", NULL,
};
static const char *const verb_values[] = {
    "--bundle",
    "-b",
    "--console-socket",
    "--pid-file",
    "--preserve-fds",
    "--config",
    "-f",
    "--process",
    "-p",
    "--cwd",
    "--env",
    "-e",
    "--user",
    "-u",
    "--additional-gids",
    "-g",
    "--process-label",
    "--apparmor",
    "--cap",
    "-c",
    "--cgroup",
    "--pidfd-socket",
    NULL,
};

/* Without its dashes: Go's flag packages take "-root" for "--root".  */
static const char *
bare (const char *option)
{
    return option + (strncmp (option, "--", 2) == 0 ? 2 : 1);
}

static bool
is_one_of (const char *text, const char *const *names)
{
    for (; *names; names++)
        if (strcmp (bare (text), bare (*names)) == 0)
            return true;
    return false;
}

/* "--name VALUE" or "--name=VALUE". NULL where argv[i] is another.  */
static const char *
value_of (char **argv, int i, const char *name)
{
    const char *arg = bare (argv[i]);
    size_t len = strlen (bare (name));

    if (strncmp (arg, bare (name), len) != 0)
        return NULL;
    if (arg[len] == '=')
        return arg + len + 1;
    return arg[len] == '\0' ? argv[i + 1] : NULL;
}

static void
take (const char **out, const char *value)
{
    if (value)
        *out = value;
}

static enum verb
find_verb (const char *arg)
{
    return strcmp (arg, "create") == 0 ? VERB_CREATE
           : strcmp (arg, "run") == 0  ? VERB_RUN
           : strcmp (arg, "exec") == 0 ? VERB_EXEC
                                       : VERB_OTHER;
}

/* Drops n arguments at argv[i].  */
static void
drop (int *argc, char **argv, int i, int n)
{
    if (n > *argc - i)
        n = *argc - i;
    memmove (argv + i, argv + i + n, (size_t) (*argc - i - n + 1) * sizeof *argv);
    *argc -= n;
}

/* Returns the index of the verb, or argc. Ours is a global option only: what follows a verb may be the
 * command of an exec, and is not for us to read.  */
static int
parse_globals (struct cmdline *cmd, int *argc, char **argv)
{
    int i = 1;

    while (i < *argc && argv[i][0] == '-') {
        const char *ours = value_of (argv, i, "--dri-oci-runtime");
        const char *format = value_of (argv, i, "--log-format");

        if (ours) {
            cmd->runtime = ours;
            drop (argc, argv, i, ours == argv[i + 1] ? 2 : 1);
            continue;
        }
        take (&cmd->root, value_of (argv, i, "--root"));
        take (&cmd->log, value_of (argv, i, "--log"));
        if (format)
            cmd->log_json = strcmp (format, "json") == 0;
        i += is_one_of (argv[i], global_values) ? 2 : 1;
    }
    return i < *argc ? i : *argc;
}

static void
parse_verb (struct cmdline *cmd, int argc, char **argv, int verb)
{
    for (int i = verb + 1; i < argc; i++) {
        if (argv[i][0] != '-') {
            /* exec's command follows its container.  */
            if (!cmd->id)
                cmd->id = argv[i];
            if (cmd->verb == VERB_EXEC)
                return;
            continue;
        }
        take (&cmd->bundle, value_of (argv, i, "--bundle"));
        take (&cmd->bundle, value_of (argv, i, "-b"));
        take (&cmd->config, value_of (argv, i, "--config"));
        take (&cmd->config, value_of (argv, i, "-f"));
        take (&cmd->process, value_of (argv, i, "--process"));
        take (&cmd->process, value_of (argv, i, "-p"));
        if (is_one_of (argv[i], verb_values))
            i++;
    }
}

void
cmdline_parse (struct cmdline *cmd, int *argc, char **argv)
{
    int verb;

    *cmd = (struct cmdline){0};
    verb = parse_globals (cmd, argc, argv);
    if (verb == *argc)
        return;
    cmd->verb = find_verb (argv[verb]);
    if (cmd->verb == VERB_OTHER)
        cmd->words = argv + verb + 1;
    else
        parse_verb (cmd, *argc, argv, verb);
}
