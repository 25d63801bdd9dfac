/* drictl events: what happens to leases, as it happens.  */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "../client.h"
#include "drictl.h"
#include "events_print.h"
#include "print.h"

enum { LAST_MAX = 1000000 };

struct wish {
    bool json, past_only;
    int last; /* -1: as the broker thinks best */
};

static int
read_last (const char *text, int *last)
{
    char *end;
    long n;

    errno = 0;
    n = strtol (text, &end, 10);
    *last = strcmp (text, "all") == 0 ? LAST_MAX : (int) (n < LAST_MAX ? n : LAST_MAX);
    if (*last == LAST_MAX || (errno == 0 && end != text && *end == '\0' && n >= 0))
        return EXIT_GOOD;
    return usage_error ("--last takes a number or all, not \"%s\"", text);
}

static int
read_wish (const struct verb *verb, int argc, char **argv, struct wish *wish)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 1},
        {"last", required_argument, NULL, 2},
        {"no-follow", no_argument, NULL, 3},
        {0},
    };
    int c, code = EXIT_GOOD;

    while (code == EXIT_GOOD && (c = getopt_long (argc, argv, "", options, NULL)) != -1) {
        if (c == 1)
            wish->json = true;
        else if (c == 2)
            code = read_last (optarg, &wish->last);
        else if (c == 3)
            wish->past_only = true;
        else
            code = usage_error ("the usage is: drictl %s %s", verb->name, verb->arguments);
    }
    return code == EXIT_GOOD ? check_arguments (verb, argc - optind, 0) : code;
}

/* Line by line, for whoever reads on: false where nobody does any more.  */
static bool
print_events (const json_t *reply, bool json)
{
    const json_t *event;
    size_t i;

    json_array_foreach (json_object_get (reply, "events"), i, event) {
        if (json)
            event_print_json (event, stdout);
        else
            event_print (event, stdout);
    }
    return fflush (stdout) == 0;
}

static json_t *
parameters_of (const struct wish *wish)
{
    return wish->last >= 0 ? json_pack ("{s:i}", "last", wish->last) : json_object ();
}

static int
print_past (const struct wish *wish)
{
    _cleanup_json_ json_t *reply = NULL;
    int code = ask ("Watch", parameters_of (wish), &reply);

    if (code == EXIT_GOOD)
        (void) print_events (reply, wish->json);
    return code;
}

static int
follow (struct client *client, const struct wish *wish)
{
    struct client_stream stream;
    struct error err = {0};
    enum client_result result = client_stream_begin (&stream, client, "Watch", parameters_of (wish), &err);

    while (result == CLIENT_OK) {
        _cleanup_json_ json_t *reply = NULL;

        result = client_stream_next (&stream, &reply, &err);
        if (result == CLIENT_OK && !print_events (reply, wish->json))
            break;
    }
    client_stream_end (&stream);
    if (result == CLIENT_OK)
        return EXIT_BAD;
    if (result == CLIENT_UNREACHABLE && err.status == ECONNRESET)
        print_line (stderr,
                    "drictl: the broker has ended or cut the connection: what happens now is not told; "
                    "drictl events again (systemctl status dri-broker)");
    else
        print_line (stderr, "drictl: %s", err.message);
    return result == CLIENT_REFUSED ? EXIT_BAD : EXIT_NO_BROKER;
}

int
run_events (const struct verb *verb, int argc, char **argv)
{
    struct wish wish = {.last = -1};
    struct client client = {.fd = -1};
    struct error err = {0};
    int code = read_wish (verb, argc, argv, &wish);

    if (code != EXIT_GOOD)
        return code;
    if (wish.past_only)
        return print_past (&wish);
    if (client_connect (&client, &err) != CLIENT_OK)
        return fail (EXIT_NO_BROKER, &err);
    code = follow (&client, &wish);
    client_close (&client);
    return code;
}
