#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "../drictl/progress.h"
#include "next_line.h"

int
doctor_init (struct doctor *doctor, const char *root, struct error *err)
{
    struct stat st, own;

    *doctor = (struct doctor){.root = open (root, O_PATH | O_DIRECTORY | O_CLOEXEC), .area = ""};
    if (doctor->root < 0)
        return error_set (err, errno, "open %s", root);
    doctor->live = fstat (doctor->root, &st) == 0 && stat ("/", &own) == 0 && st.st_dev == own.st_dev
                   && st.st_ino == own.st_ino;
    doctor->findings = json_array ();
    return doctor->findings ? 0 : error_set (err, ENOMEM, "findings");
}

void
doctor_finish (struct doctor *doctor)
{
    cleanup_close (&doctor->root);
    doctor->root = -1;
    json_decref (doctor->findings);
    doctor->findings = NULL;
}

void
doctor_area (struct doctor *doctor, const char *area)
{
    doctor->area = area;
    if (doctor->progress)
        progress_say (doctor->progress, area);
}

/* --- findings --- */

static char *format_clean (const char *format, va_list args) __attribute__ ((format (printf, 1, 0)));

/* What it quotes is other people's, and has to go into JSON.  */
static char *
format_clean (const char *format, va_list args)
{
    char *text;

    if (vasprintf (&text, format, args) < 0)
        return NULL;
    text_clean (text);
    return text;
}

static void
add (struct doctor *doctor, const char *id, const char *outcome, unsigned *count, char *finding)
{
    json_t *json = json_pack ("{s:s s:s s:s s:s s:[]}", "id", id, "area", doctor->area, "outcome", outcome,
                              "finding", finding ? finding : "(out of memory)", "next");

    free (finding);
    (void) json_array_append_new (doctor->findings, json);
    (*count)++;
}

void
doctor_good (struct doctor *doctor, const char *id, const char *format, ...)
{
    va_list args;

    va_start (args, format);
    add (doctor, id, "good", &doctor->good, format_clean (format, args));
    va_end (args);
}

void
doctor_bad (struct doctor *doctor, const char *id, const char *format, ...)
{
    va_list args;

    va_start (args, format);
    add (doctor, id, "bad", &doctor->bad, format_clean (format, args));
    va_end (args);
}

void
doctor_none (struct doctor *doctor, const char *id, const char *format, ...)
{
    va_list args;

    va_start (args, format);
    add (doctor, id, "none", &doctor->none, format_clean (format, args));
    va_end (args);
}

static json_t *
last_next (const struct doctor *doctor)
{
    const json_t *last = json_array_get (doctor->findings, json_array_size (doctor->findings) - 1);

    return json_object_get (last, "next");
}

void
doctor_next (struct doctor *doctor, const char *format, ...)
{
    _cleanup_free_ char *line = NULL;
    va_list args;

    va_start (args, format);
    line = next_line_is_safe (format, args) ? format_clean (format, args) : strdup (DOCTOR_NO_COMMAND);
    va_end (args);
    if (line)
        (void) json_array_append_new (last_next (doctor), json_string (line));
}

void
doctor_next_more (struct doctor *doctor, const char *text)
{
    json_t *lines = last_next (doctor);
    size_t last = json_array_size (lines) - 1;

    (void) json_array_set_new (lines, last,
                               json_sprintf ("%s%s", json_string_value (json_array_get (lines, last)), text));
}

json_t *
doctor_report_json (const struct doctor *doctor)
{
    return json_pack ("{s:O s:i s:i s:i}", "findings", doctor->findings, "good", (int) doctor->good, "bad",
                      (int) doctor->bad, "none", (int) doctor->none);
}
