/* drictl: what a person asks and tells dri-broker.  */
#include "drictl.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "drictl_complete.h"
#include "print.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

static const struct verb verbs[] = {
    {"status", "[--watch] [--all] [--json]", "GPUs, leases, and who waits", run_status,
     "  --json             what the broker answers, as JSON; with --watch, lines of it\n"
     "  --all              as root: also who uses a GPU without a lease\n"
     "  --watch            again every second, until q or Ctrl-C: as drictl top\n"},
    {"top", "[--all] [--json]", "the same, live", run_top,
     "  --all              as root: also who uses a GPU without a lease\n"
     "  --json             an object on a line, every second\n"},
    {"devices", "[--json]", "GPUs and their device nodes", run_devices,
     "  --json             what the broker answers, as JSON\n"},
    {"explain", "CONTAINER|SERVICE [--json]", "what it asked for and got, and why", run_explain,
     "  --json             what the broker answers, as JSON\n"
     "  --lxc              instead, its nodes as lines for Proxmox VE\n"},
    {"release", "CONTAINER|LEASE [--force]", "end a lease", run_release,
     "  --force            also while the container runs: its GPU is revoked\n"},
    {"probe", "[GPU|CONTAINER] [--json]", "ask anew what it can do", run_probe,
     "  --json             what was found, as JSON\n"},
    {"doctor", "[COMPOSE-FILE] [--host]", "what is wrong, and what to do", run_doctor,
     "  COMPOSE-FILE       what it takes of a GPU past dri-broker, with a patch\n"
     "  --host             the checks of a Proxmox VE host, not those of a guest\n"
     "  --root DIR         of a copied tree, not of this machine\n"
     "  --json             the findings as JSON\n"},
    {"iommu", "[--root DIR] [--json]", "the IOMMU groups of a host", run_iommu,
     "  --root DIR         of a copied tree, not of this machine\n"
     "  --json             the groups as JSON\n"},
    {"events", "[--last N]", "what happens to leases, as it happens", run_events,
     "  --last N           begin with the last N events; all: with what is remembered\n"
     "  --no-follow        end after these, all without --last\n"
     "  --json             a JSON object on each line\n"},
    {"attach", "CONTAINER [KEY=VALUE]...", "give a running container a GPU", run_attach,
     "  KEY=VALUE          as its labels would say it: dri.gpu=igpu, dri.share=40%\n"},
    {"detach", "CONTAINER", "and take it away again", run_detach, ""},
    {"metrics", "[--output FILE]", "GPUs and leases for Prometheus", run_metrics,
     "  --output FILE      write it there, for node_exporter's textfile collector\n"
     "  --openmetrics      in the format OpenMetrics\n"},
    {"cdi", "generate|validate [FILE]", "the CDI spec of the GPUs", run_cdi,
     "  generate           prints a spec of the GPUs that there are\n"
     "  validate [FILE]...  checks specs; without a FILE, ours\n"
     "  --output FILE      generate: write it there, where it changed\n"},
    {"install", "ENGINE [OPTION]...", "make dri-broker known to it", run_install,
     "  docker             adds the runtime dri to daemon.json\n"
     "  podman             adds hooks for containers with an annotation dri.*\n"
     "  containerd         adds the runtime dri to config.toml, for Kubernetes\n"
     "  crio               adds the runtime dri to crio.conf.d, for Kubernetes\n"
     "  lxc NAME [KEY=VALUE]...  gives this container a GPU at each start\n"
     "  --dry-run          show the change only\n"
     "  --config PATH      not /etc/docker/daemon.json, /etc/containers, …\n"
     "  --default-runtime  docker: also for containers that name no runtime\n"
     "  --swarm            docker: the same, and tell Swarm of the GPUs\n"
     "  --runtime PATH     not the dri-runtime beside drictl\n"},
    {"uninstall", "ENGINE [OPTION]...", "undo what install did", run_uninstall,
     "  docker             takes the runtime out, and restores the default\n"
     "  podman             takes the hooks away\n"
     "  containerd         takes the runtime out of config.toml\n"
     "  crio               takes the runtime away\n"
     "  lxc NAME           takes the hook of this container away\n"
     "  --dry-run          show the change only\n"
     "  --config PATH      not /etc/docker/daemon.json, /etc/containers, …\n"
     "  --check            name what still needs dri-broker, and what undoes it\n"
     "  --root DIR         of a copied tree, not of this machine\n"},
};

static const char exit_status[] = "Exit status: 0 good, 1 not good, 2 usage, 3 the broker cannot be reached.";

static int
print_help (void)
{
    (void) puts ("Usage: drictl COMMAND [ARGUMENT]...\n"
                 "Shows and ends the GPU leases of containers, see drictl(1).\n");
    for (size_t i = 0; i < countof (verbs); i++)
        (void) printf ("  %-9s %-26s %s\n", verbs[i].name, verbs[i].arguments, verbs[i].summary);
    (void) printf ("\n"
                   "  COMMAND --help     its options\n"
                   "  --help, --version\n"
                   "\n"
                   "%s\n",
                   exit_status);
    return EXIT_GOOD;
}

/* drictl_complete.c reads the options, too.  */
static int
print_verb_help (const struct verb *verb)
{
    (void) printf ("Usage: drictl %s %s\n"
                   "%c%s. See drictl(1).\n"
                   "\n"
                   "%s"
                   "  --help\n"
                   "\n"
                   "%s\n",
                   verb->name, verb->arguments, toupper ((unsigned char) verb->summary[0]), verb->summary + 1,
                   verb->options, exit_status);
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
    if (strcmp (name, "--complete") == 0) {
        complete_words (verbs, countof (verbs), argv + 2, argc - 2, stdout);
        return EXIT_GOOD;
    }
    if (strcmp (name, "--version") == 0) {
        (void) puts ("drictl " VERSION);
        return EXIT_GOOD;
    }
    for (size_t i = 0; i < countof (verbs); i++) {
        if (strcmp (name, verbs[i].name) == 0) {
            for (int j = 2; j < argc; j++)
                if (strcmp (argv[j], "--help") == 0)
                    return print_verb_help (&verbs[i]);
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

    (void) setlocale (LC_CTYPE, ""); /* of numbers and of messages there is one form */
    if (argc > 0)
        argv[0] = program;
    code = run (argc, argv);
    if (fflush (stdout) != 0 || ferror (stdout)) {
        print_line (stderr, "drictl: standard output: %s", strerror (errno));
        return code == EXIT_GOOD ? EXIT_BAD : code;
    }
    return code;
}
