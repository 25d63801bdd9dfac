#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "../drictl/progress.h"

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

void
doctor_next (struct doctor *doctor, const char *format, ...)
{
    const json_t *last = json_array_get (doctor->findings, json_array_size (doctor->findings) - 1);
    _cleanup_free_ char *line = NULL;
    va_list args;

    va_start (args, format);
    line = format_clean (format, args);
    va_end (args);
    if (line)
        (void) json_array_append_new (json_object_get (last, "next"), json_string (line));
}

bool
doctor_is_plain (const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+:@-";

    return *text && *text != '-' && text[strspn (text, plain)] == '\0';
}

json_t *
doctor_report_json (const struct doctor *doctor)
{
    return json_pack ("{s:O s:i s:i s:i}", "findings", doctor->findings, "good", (int) doctor->good, "bad",
                      (int) doctor->bad, "none", (int) doctor->none);
}
