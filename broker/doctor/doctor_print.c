/* The report for people.  */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../../oci/cleanup.h"
#include "doctor.h"
#include "../drictl/print.h"
#include "../drictl/json_text.h"

enum { WIDTH_MIN = 40, WIDTH_MAX = 110 };

struct style {
    bool utf8, colours;
    size_t width; /* 0: lines are not broken */
};

static void
find_style (struct style *style)
{
    struct winsize size;

    style->utf8 = print_in_utf8 ();
    style->colours = print_in_color (stdout);
    style->width = 0;
    if (isatty (STDOUT_FILENO) && ioctl (STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= WIDTH_MIN)
        style->width = size.ws_col < WIDTH_MAX ? size.ws_col : WIDTH_MAX;
}

/* How many columns: characters, since what we write has one each.  */
static size_t
columns (const char *text, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++)
        n += ((unsigned char) text[i] & 0xc0) != 0x80;
    return n;
}

static void
new_line (size_t indent)
{
    (void) printf ("\n%*s", (int) indent, "");
}

/* From a column on, with the following lines as deep.  */
static void
print_wrapped (const struct style *style, const char *text, size_t indent)
{
    size_t at = indent;

    while (*text) {
        size_t spaces = strspn (text, " "), len = strcspn (text + spaces, " "),
               wide = columns (text + spaces, len);

        if (style->width > 0 && at > indent && at + spaces + wide > style->width) {
            new_line (indent);
            at = indent;
        } else {
            (void) printf ("%*s", (int) spaces, "");
            at += spaces;
        }
        (void) fwrite (text + spaces, 1, len, stdout);
        at += wide;
        text += spaces + len;
    }
    (void) putchar ('\n');
}

struct mark {
    const char *outcome, *utf8, *ascii, *colour;
};

static const struct mark *
mark_of (const char *outcome)
{
    static const struct mark marks[] = {
        {"good", "✔", "+", "\033[32m"},
        {"bad", "✖", "x", "\033[1;31m"},
        {"none", "–", "-", "\033[2m"},
    };
    size_t i = 0;

    while (i < countof (marks) - 1 && strcmp (marks[i].outcome, outcome) != 0)
        i++;
    return &marks[i];
}

/* Where the locale is not UTF-8, what our own sentences have beyond ASCII.  */
static char *
to_locale (const struct style *style, const char *text)
{
    char *safe = text_safe (text);

    for (char *p = safe; p && !style->utf8 && *p; p++)
        if ((unsigned char) *p >= 0x80)
            *p = '?';
    return safe;
}

/* A command stays on one line: it is there to be copied.  */
static void
print_next (const struct style *style, const json_t *next)
{
    const json_t *line;
    size_t i;

    json_array_foreach ((json_t *) next, i, line) {
        _cleanup_free_ char *text = to_locale (style, json_string_value (line));

        (void) printf ("      %s%s%s\n", style->colours ? "\033[1m" : "", text ? text : "",
                       style->colours ? "\033[0m" : "");
    }
}

static void
print_finding (const struct style *style, const json_t *finding)
{
    _cleanup_free_ char *text = to_locale (style, json_text (finding, "finding"));
    const struct mark *mark = mark_of (json_text (finding, "outcome"));

    (void) printf ("  %s%s%s ", style->colours ? mark->colour : "", style->utf8 ? mark->utf8 : mark->ascii,
                   style->colours ? "\033[0m" : "");
    print_wrapped (style, text ? text : "(out of memory)", 4);
    print_next (style, json_object_get (finding, "next"));
}

static void
print_sum (const struct doctor *doctor)
{
    (void) putchar ('\n');
    if (doctor->bad == 0)
        (void) printf ("Nothing is wrong: %u checks are good", doctor->good);
    else
        (void) printf ("%u %s wrong, %u good", doctor->bad, doctor->bad == 1 ? "thing is" : "things are",
                       doctor->good);
    (void) printf (doctor->none > 0 ? ", %u not judged.\n" : ".\n", doctor->none);
}

void
doctor_report_print (const struct doctor *doctor)
{
    const char *area = "";
    const json_t *finding;
    struct style style;
    size_t i;

    find_style (&style);
    json_array_foreach (doctor->findings, i, finding) {
        if (strcmp (area, json_text (finding, "area")) != 0) {
            area = json_text (finding, "area");
            (void) printf ("%s%s%s%s\n", i > 0 ? "\n" : "", style.colours ? "\033[1m" : "", area,
                           style.colours ? "\033[0m" : "");
        }
        print_finding (&style, finding);
    }
    print_sum (doctor);
}
