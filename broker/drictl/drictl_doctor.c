/* What is wrong with the GPUs of a machine, and what to do about it.  */
#include <getopt.h> /* optind */

#include "../../oci/cleanup.h"
#include "../doctor/doctor.h"
#include "../doctor/doctor_guest.h"
#include "../doctor/doctor_host.h"
#include "drictl.h"
#include "drictl_doctor_compose.h"
#include "progress.h"
#include "tree_options.h"

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
    struct tree_options options;
    struct progress progress;
    struct error err = {0};
    struct doctor doctor;
    int code = tree_options_read (verb, argc, argv, true, &options);

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
