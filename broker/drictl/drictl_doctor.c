/* What is wrong with the GPUs of a machine, and what to do about it.  */
#include <getopt.h>

#include "../../oci/cleanup.h"
#include "../doctor/doctor.h"
#include "../doctor/doctor_guest.h"
#include "../doctor/doctor_host.h"
#include "drictl.h"
#include "drictl_doctor_compose.h"
#include "progress.h"

struct doctor_options {
    const char *root;
    bool json, host;
};

static int
read_options (const struct verb *verb, int argc, char **argv, struct doctor_options *options)
{
    static const struct option names[] = {{"json", no_argument, NULL, 1},
                                          {"root", required_argument, NULL, 2},
                                          {"host", no_argument, NULL, 3},
                                          {0}};
    int c;

    *options = (struct doctor_options){.root = "/"};
    while ((c = getopt_long (argc, argv, "", names, NULL)) != -1) {
        switch (c) {
        case 1:
            options->json = true;
            break;
        case 2:
            options->root = optarg;
            break;
        case 3:
            options->host = true;
            break;
        default:
            return usage_error ("the usage is: drictl %s %s", verb->name, verb->arguments);
        }
    }
    return EXIT_GOOD;
}

static void
examine (struct doctor *doctor, bool host)
{
    if (host)
        doctor_host (doctor);
    else
        doctor_guest (doctor);
}

int
run_doctor (const struct verb *verb, int argc, char **argv)
{
    struct doctor_options options;
    struct progress progress;
    struct error err = {0};
    struct doctor doctor;
    int code = read_options (verb, argc, argv, &options);

    if (code == EXIT_GOOD && argc - optind == 1 && !options.host)
        return examine_compose_file (argv[optind], options.root, options.json);
    if (code == EXIT_GOOD)
        code = check_arguments (verb, argc - optind, 0);
    if (code != EXIT_GOOD)
        return code;
    if (doctor_init (&doctor, options.root, &err) < 0)
        return fail (EXIT_BAD, &err);
    progress_start (&progress, "drictl doctor");
    doctor.progress = &progress;
    examine (&doctor, options.host);
    progress_stop (&progress);
    if (options.json) {
        _cleanup_json_ json_t *report = doctor_report_json (&doctor);

        print_json (report);
    } else {
        doctor_report_print (&doctor);
    }
    code = doctor.bad > 0 ? EXIT_BAD : EXIT_GOOD;
    doctor_finish (&doctor);
    return code;
}
