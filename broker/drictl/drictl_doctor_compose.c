#include "drictl_doctor_compose.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../oci/cleanup.h"
#include "../install/config_file.h"
#include "../doctor/doctor.h"
#include "../doctor/doctor_compose.h"
#include "../doctor/next_line.h"
#include "drictl.h"
#include "print.h"

/* A program that reads it gets it byte for byte; a terminal, safe lines, with white space for tabs.  */
static void
print_patch (char *patch)
{
    char *save = NULL;

    if (!isatty (STDOUT_FILENO)) {
        (void) fputs (patch, stdout);
        return;
    }
    for (char *p = patch; *p; p++)
        if (*p == '\t' || *p == '\r')
            *p = ' ';
    for (char *line = strtok_r (patch, "\n", &save); line; line = strtok_r (NULL, "\n", &save))
        print_line (stdout, "%s", line);
}

static void
print_json_report (const struct doctor *doctor, const char *patch)
{
    _cleanup_json_ json_t *report = doctor_report_json (doctor);

    (void) json_object_set_new (report, "patch", *patch ? json_string (patch) : json_null ());
    print_json (report);
}

static void
print_report (const struct doctor *doctor, const char *path, char *patch)
{
    doctor_report_print (doctor);
    if (!*patch)
        return;
    (void) putchar ('\n');
    if (next_line_is_plain (path))
        print_line (stdout, "The patch, nothing is changed yet. To apply it: drictl doctor %s | patch %s",
                    path, path);
    else
        print_line (stdout,
                    "The patch, nothing is changed yet. To apply it: drictl doctor FILE | patch FILE");
    print_line (stdout, "Then: drictl install docker, where that was not done; docker compose up -d");
    (void) putchar ('\n');
    print_patch (patch);
}

static int
examine (struct doctor *doctor, const char *path, bool json, struct error *err)
{
    _cleanup_text_ struct text before = {0};
    _cleanup_text_ struct text after = {0};
    _cleanup_free_ char *patch = NULL;

    if (config_file_read (path, &before, err) < 0)
        return -1;
    if (!before.data)
        return error_set (err, 0, "no compose file %s", path);
    if (doctor_compose (doctor, path, &before, &after, err) < 0)
        return -1;
    patch = text_diff (&before, &after, path);
    if (!patch)
        return error_set (err, 0, "%s: out of memory", path);
    if (json)
        print_json_report (doctor, patch);
    else
        print_report (doctor, path, patch);
    return 0;
}

int
examine_compose_file (const char *path, const char *root, bool json)
{
    struct error err = {0};
    struct doctor doctor;
    int code;

    if (doctor_init (&doctor, root, &err) < 0)
        return fail (EXIT_BAD, &err);
    code = examine (&doctor, path, json, &err) < 0 ? file_error (&err)
           : doctor.bad > 0                        ? EXIT_BAD
                                                   : EXIT_GOOD;
    doctor_finish (&doctor);
    return code;
}
