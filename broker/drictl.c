/* drictl: what a person asks and tells dri-broker.  */
#include "drictl.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "../oci/cleanup.h"
#include "print.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

static const struct verb verbs[] = {
    {"status", "[--json]", "GPUs, leases, and who waits", run_status},
    {"devices", "[--json]", "GPUs and their device nodes", run_devices},
    {"explain", "CONTAINER|SERVICE [--json]", "what it asked for and got, and why", run_explain},
    {"release", "CONTAINER|LEASE [--force]", "end a lease", run_release},
    {"probe", "[GPU|CONTAINER] [--json]", "ask anew what it can do", run_probe},
    {"attach", "CONTAINER [KEY=VALUE]...", "give a running container a GPU", run_attach},
    {"detach", "CONTAINER", "and take it away again", run_detach},
    {"cdi", "generate|validate [FILE]", "the CDI spec of the GPUs", run_cdi},
    {"install", "docker|podman|lxc NAME ...", "make dri-broker known to it", run_install},
    {"uninstall", "docker|podman|lxc NAME ...", "undo what install did", run_uninstall},
};

static int
print_help (void)
{
    (void) puts ("Usage: drictl COMMAND [ARGUMENT]...\n"
                 "Shows and ends the GPU leases of containers, see drictl(1).\n");
    for (size_t i = 0; i < countof (verbs); i++)
        (void) printf ("  %-9s %-26s %s\n", verbs[i].name, verbs[i].arguments, verbs[i].summary);
    (void) puts ("\n"
                 "  --json             what the broker answers, as JSON\n"
                 "  --lxc              explain: lines for a configuration of Proxmox VE\n"
                 "  --force            release: also while the container runs\n"
                 "  --dry-run          install, uninstall: show the change only\n"
                 "  --output FILE      cdi generate: not to standard output\n"
                 "  --config PATH      install: not /etc/docker/daemon.json, /etc/containers, …\n"
                 "  --default-runtime  install: also for containers that name no runtime\n"
                 "  --swarm            install: the same, and tell Swarm of the GPUs\n"
                 "  --runtime PATH     install: not the dri-runtime beside drictl\n"
                 "  --help, --version\n"
                 "\n"
                 "Exit status: 0 good, 1 not good, 2 usage, 3 the broker cannot be reached.");
    return EXIT_GOOD;
}

static int
run (int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;

    if (!name)
        return usage_error ("no command");
    if (strcmp (name, "--help") == 0 || strcmp (name, "-h") == 0)
        return print_help ();
    if (strcmp (name, "--version") == 0) {
        (void) puts ("drictl " VERSION);
        return EXIT_GOOD;
    }
    for (size_t i = 0; i < countof (verbs); i++) {
        if (strcmp (name, verbs[i].name) == 0) {
            for (int j = 2; j < argc; j++)
                if (strcmp (argv[j], "--help") == 0)
                    return print_help ();
            argv[1] = argv[0];
            return verbs[i].run (&verbs[i], argc - 1, argv + 1);
        }
    }
    return usage_error ("no command \"%s\"", name);
}

int
main (int argc, char **argv)
{
    static char program[] = "drictl";
    int code;

    (void) setlocale (LC_ALL, "");
    if (argc > 0)
        argv[0] = program;
    code = run (argc, argv);
    if (fflush (stdout) != 0 || ferror (stdout)) {
        print_line (stderr, "drictl: standard output: %s", strerror (errno));
        return code == EXIT_GOOD ? EXIT_BAD : code;
    }
    return code;
}
