/* What the verbs of drictl have in common. They print, and nothing else does: the other files here give text
 * or values. A verb's function returns the exit code.  */
#ifndef DRI_DRICTL_H
#define DRI_DRICTL_H

#include <jansson.h>
#include <stdbool.h>

#include "../../oci/error.h"

enum { EXIT_GOOD, EXIT_BAD, EXIT_USAGE, EXIT_NO_BROKER };

struct verb {
    const char *name, *arguments, *summary;
    int (*run) (const struct verb *verb, int argc, char **argv); /* argv[0] is the program, for getopt */
    /* For drictl VERB --help, and read by drictl_complete.c: lines "  --option FILE  what it is\n"; "" for
     * none.  */
    const char *options;
};

int run_status (const struct verb *verb, int argc, char **argv);
int run_top (const struct verb *verb, int argc, char **argv);
int run_devices (const struct verb *verb, int argc, char **argv);
int run_explain (const struct verb *verb, int argc, char **argv);
int run_release (const struct verb *verb, int argc, char **argv);
int run_probe (const struct verb *verb, int argc, char **argv);
int run_attach (const struct verb *verb, int argc, char **argv);
int run_detach (const struct verb *verb, int argc, char **argv);
int run_metrics (const struct verb *verb, int argc, char **argv);
int run_cdi (const struct verb *verb, int argc, char **argv);
int run_install (const struct verb *verb, int argc, char **argv);
int run_uninstall (const struct verb *verb, int argc, char **argv);
int run_events (const struct verb *verb, int argc, char **argv);
int run_doctor (const struct verb *verb, int argc, char **argv);
int run_iommu (const struct verb *verb, int argc, char **argv);

/* Prints, and returns EXIT_USAGE.  */
int usage_error (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

/* Prints what went wrong, and returns the code.  */
int fail (int code, const struct error *err);
/* The same for files: EXIT_BAD, and a word about sudo where it helps.  */
int file_error (const struct error *err);
/* The same for what asks the broker by itself: EXIT_BAD or EXIT_NO_BROKER.  */
int attach_error (const struct error *err);

/* Calls the method, whose parameters (may be NULL) are stolen. *reply, which may be NULL as in client_call,
 * is the caller's where it is EXIT_GOOD. Prints what went wrong.  */
int ask (const char *method, json_t *parameters, json_t **reply);

/* ASCII only, so that no control character of the upper half is among it. 15 digits print 0.41 as 0.41.  */
void print_json (const json_t *json);

int check_arguments (const struct verb *verb, int given, int wanted);

/* For verbs with one switch and so many arguments, which stand from argv[optind] on then. getopt says itself
 * what it does not know.  */
int read_arguments (const struct verb *verb, int argc, char **argv, const char *name, bool *set, int wanted);

#endif
