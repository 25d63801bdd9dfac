/* drictl status: once, or on and on.  */
#include "drictl_status.h"

#include <getopt.h>
#include <time.h>
#include <unistd.h>

#include "../../oci/cleanup.h"
#include "../client.h"
#include "drictl.h"
#include "print.h"
#include "status.h"

/* The broker answers at once, or after a second where a driver does not.  */
enum { CALL_MS = 5000 };

int
status_reader_init (struct status_reader *reader, bool all)
{
    struct error ignored;

    reader->unmanaged = NULL;
    if (!all)
        return EXIT_GOOD;
    if (geteuid () != 0) {
        print_line (stderr,
                    "drictl: --all looks into the processes of all users, which only root may: run it as "
                    "root, with sudo");
        return EXIT_BAD;
    }
    (void) config_load (&reader->config, &ignored); /* of use for where Docker is, no more */
    reader->unmanaged = unmanaged_create (&reader->config);
    if (reader->unmanaged)
        return EXIT_GOOD;
    print_line (stderr, "drictl: out of memory");
    return EXIT_BAD;
}

void
status_reader_finish (struct status_reader *reader)
{
    unmanaged_destroy (reader->unmanaged);
}

int
status_reader_read (struct status_reader *reader, json_t **reply, struct error *err)
{
    struct client client = {.fd = -1};
    enum client_result result = client_connect (&client, err);

    if (result == CLIENT_OK) {
        result = client_call (&client, "Status", NULL, CALL_MS, reply, err);
        client_close (&client);
    }
    if (result != CLIENT_OK)
        return result == CLIENT_REFUSED ? EXIT_BAD : EXIT_NO_BROKER;
    if (!reader->unmanaged)
        return EXIT_GOOD;
    if (unmanaged_look (reader->unmanaged, *reply, err) < 0) {
        json_decref (*reply);
        return EXIT_BAD;
    }
    unmanaged_put (reader->unmanaged, *reply);
    return EXIT_GOOD;
}

/* Rates are differences: what has no lease is looked at twice.  */
static int
read_once (struct status_reader *reader, json_t **reply, struct error *err)
{
    static const struct timespec half_a_second = {.tv_nsec = 500000000};
    int code = status_reader_read (reader, reply, err);

    if (code != EXIT_GOOD || !reader->unmanaged)
        return code;
    json_decref (*reply);
    (void) nanosleep (&half_a_second, NULL);
    return status_reader_read (reader, reply, err);
}

static int
print_once (struct status_reader *reader, const struct status_options *options)
{
    _cleanup_json_ json_t *reply = NULL;
    struct error err = {0};
    int code = read_once (reader, &reply, &err);

    if (code != EXIT_GOOD)
        return fail (code, &err);
    if (options->json)
        print_json (reply);
    else
        status_print (reply, time (NULL), stdout);
    return EXIT_GOOD;
}

static int
run (const struct verb *verb, int argc, char **argv, struct status_options options)
{
    static const struct option known[] = {
        {"json", no_argument, NULL, 1}, {"all", no_argument, NULL, 2}, {"watch", no_argument, NULL, 3}, {0}};
    struct status_reader reader;
    int code, c;

    while ((c = getopt_long (argc, argv, "", known, NULL)) != -1) {
        if (c < 1 || c > 3)
            return usage_error ("the usage is: drictl %s %s", verb->name, verb->arguments);
        *(c == 1 ? &options.json : c == 2 ? &options.all : &options.watch) = true;
    }
    code = check_arguments (verb, argc - optind, 0);
    if (code == EXIT_GOOD)
        code = status_reader_init (&reader, options.all);
    if (code != EXIT_GOOD)
        return code;
    code = options.watch ? status_watch (&reader, &options) : print_once (&reader, &options);
    status_reader_finish (&reader);
    return code;
}

int
run_status (const struct verb *verb, int argc, char **argv)
{
    return run (verb, argc, argv, (struct status_options){.watch = false});
}

int
run_top (const struct verb *verb, int argc, char **argv)
{
    return run (verb, argc, argv, (struct status_options){.watch = true});
}
