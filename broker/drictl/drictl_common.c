#include "drictl.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <unistd.h>

#include "../client.h"
#include "print.h"

/* The broker answers each of our methods at once.  */
enum { CALL_MS = 10000 };

int
usage_error (const char *format, ...)
{
    char message[512];
    va_list args;

    va_start (args, format);
    (void) vsnprintf (message, sizeof message, format, args);
    va_end (args);
    print_line (stderr, "drictl: %s; see drictl --help", message);
    return EXIT_USAGE;
}

int
fail (int code, const struct error *err)
{
    print_line (stderr, "drictl: %s", err->message);
    return code;
}

int
ask (const char *method, json_t *parameters, json_t **reply)
{
    struct client client = {.fd = -1};
    enum client_result result;
    struct error err = {0};

    result = client_connect (&client, &err);
    if (result == CLIENT_OK) {
        result = client_call (&client, method, parameters, CALL_MS, reply, &err);
        client_close (&client);
    } else {
        json_decref (parameters);
    }
    if (result == CLIENT_OK)
        return EXIT_GOOD;
    if (result == CLIENT_REFUSED)
        return fail (EXIT_BAD, &err);
    (void) fail (EXIT_NO_BROKER, &err);
    return EXIT_NO_BROKER;
}

void
print_json (const json_t *json)
{
    (void) json_dumpf (json, stdout, JSON_INDENT (2) | JSON_ENSURE_ASCII | JSON_REAL_PRECISION (15));
    (void) putchar ('\n');
}

int
check_arguments (const struct verb *verb, int given, int wanted)
{
    if (given == wanted)
        return EXIT_GOOD;
    return usage_error ("%s: too %s arguments, the usage is: drictl %s %s", verb->name,
                        given < wanted ? "few" : "many", verb->name, verb->arguments);
}

int
read_arguments (const struct verb *verb, int argc, char **argv, const char *name, bool *set, int wanted)
{
    const struct option options[] = {{name, no_argument, NULL, 1}, {0}};
    int c;

    while ((c = getopt_long (argc, argv, "", options, NULL)) != -1) {
        if (c != 1)
            return usage_error ("the usage is: drictl %s %s", verb->name, verb->arguments);
        *set = true;
    }
    return check_arguments (verb, argc - optind, wanted);
}

/* What went wrong with a broker that is not there has the system call's number.  */
int
attach_error (const struct error *err)
{
    print_line (stderr, "drictl: %s%s", err->message, geteuid () == 0 ? "" : "; run it as root, with sudo");
    return err->status == ECONNREFUSED || err->status == ENOENT ? EXIT_NO_BROKER : EXIT_BAD;
}

int
file_error (const struct error *err)
{
    bool denied = err->status == EACCES || err->status == EPERM;

    print_line (stderr, "drictl: %s%s", err->message, denied ? "; run it as root, with sudo" : "");
    return EXIT_BAD;
}
