/* The command line of an OCI runtime, as far as a wrapper has to understand it: which verb, which bundle,
 * which container. Everything else is passed on unread. (runc(8), crun(1); containerd calls
 * `--root R --log F --log-format json [--systemd-cgroup] create --bundle B --pid-file P ID`.)  */
#ifndef DRI_CMDLINE_H
#define DRI_CMDLINE_H

#include <stdbool.h>

enum verb { VERB_OTHER, VERB_CREATE, VERB_RUN, VERB_EXEC };

/* All strings are borrowed from argv, NULL where not given.  */
struct cmdline {
    enum verb verb;
    const char *runtime; /* --dri-oci-runtime, ours: taken out of argv */
    const char *root;
    const char *log;
    bool log_json;
    const char *bundle;  /* create, run */
    const char *config;  /* crun's --config of create and run */
    const char *process; /* exec */
    const char *id;      /* create, run, exec */
    char **words;        /* what follows any other verb; ends with NULL */
};

/* Removes --dri-oci-runtime from argv (which stays NULL-terminated) and reads the rest.  */
void cmdline_parse (struct cmdline *cmd, int *argc, char **argv);

#endif
