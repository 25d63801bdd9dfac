#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "../client.h"
#include "drictl.h"
#include "metrics.h"
#include "../install/place.h"

/* Status looks at what containers have of their GPUs, for which the broker waits a second.  */
enum { CALL_MS = 10000 };

/* What containers are called is for root and a group.  */
enum { FILE_MODE = 0640 };

/* EXIT_NO_BROKER only where there is none: who may not ask it has not found out.  */
static int
ask_status (json_t **status, struct error *err)
{
    struct client client = {.fd = -1};
    enum client_result result = client_connect (&client, err);

    if (result == CLIENT_OK) {
        result = client_call (&client, "Status", NULL, CALL_MS, status, err);
        client_close (&client);
    }
    if (result == CLIENT_OK)
        return EXIT_GOOD;
    return result == CLIENT_REFUSED || err->status == EACCES || err->status == EPERM ? EXIT_BAD
                                                                                     : EXIT_NO_BROKER;
}

/* The collector reads no file of another name.  */
static int
write_metrics (const char *path, const char *text)
{
    const char *suffix = strrchr (path, '.');
    struct error err = {0};

    if (!suffix || strcmp (suffix, ".prom") != 0) {
        (void) error_set (&err, 0, "%s does not end in .prom, and node_exporter would not read it", path);
        return fail (EXIT_BAD, &err);
    }
    return place_in_folder (path, text, FILE_MODE, &err) < 0 ? file_error (&err) : EXIT_GOOD;
}

/* That there is no broker is a metric, too. Into a file it is all that is to be said.  */
static int
give_metrics (const char *output, enum metrics_format format)
{
    _cleanup_json_ json_t *status = NULL;
    _cleanup_free_ char *text = NULL;
    struct error err = {0};
    int code = ask_status (&status, &err);

    if (code == EXIT_BAD)
        return fail (code, &err);
    text = metrics_text (status, format);
    if (!text) {
        (void) error_set (&err, ENOMEM, "the metrics");
        return fail (EXIT_BAD, &err);
    }
    if (output)
        return write_metrics (output, text);
    (void) fputs (text, stdout);
    return code == EXIT_GOOD ? code : fail (code, &err);
}

int
run_metrics (const struct verb *verb, int argc, char **argv)
{
    static const struct option options[] = {
        {"output", required_argument, NULL, 1}, {"openmetrics", no_argument, NULL, 2}, {0}};
    enum metrics_format format = METRICS_TEXT;
    const char *output = NULL;
    int code, c;

    while ((c = getopt_long (argc, argv, "", options, NULL)) != -1) {
        if (c == 1)
            output = optarg;
        else if (c == 2)
            format = METRICS_OPENMETRICS;
        else
            return usage_error ("the usage is: drictl %s %s", verb->name, verb->arguments);
    }
    code = check_arguments (verb, argc - optind, 0);
    if (code == EXIT_GOOD && output && format == METRICS_OPENMETRICS)
        return usage_error (
            "metrics: node_exporter reads no OpenMetrics from a file; leave out one of the two");
    return code == EXIT_GOOD ? give_metrics (output, format) : code;
}
