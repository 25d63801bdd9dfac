/* drictl doctor: what it looks at, and what it finds.
 *
 * The machine is "/" or a copied tree (--root DIR), and everything of it is read below that root: links in
 * it, absolute ones too, lead nowhere else (openat2(2), RESOLVE_IN_ROOT); nothing but regular files is
 * opened; sizes and numbers have bounds. What only a running machine can tell (an ioctl, the broker's word)
 * is asked where doctor->live; else the check says doctor_none() with DOCTOR_COPY.
 *
 * A check is a function that takes the doctor and adds findings, good ones as well: a person wants to see
 * what was looked at. It prints nothing.  */
#ifndef DRI_DOCTOR_H
#define DRI_DOCTOR_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "../../oci/error.h"

struct progress;

struct doctor {
    int root;                  /* O_PATH */
    bool live;                 /* the root is "/" */
    const char *area;          /* of findings that follow: "GPU"; static text */
    json_t *findings;          /* owned; see doctor_report_json() */
    unsigned good, bad, none;  /* how many of each */
    struct progress *progress; /* NULL: nobody waits for it */
};

#define DOCTOR_COPY "a copied tree does not tell"

/* root: a folder. Errors: it is none, or cannot be opened.  */
int doctor_init (struct doctor *doctor, const char *root, struct error *err);
void doctor_finish (struct doctor *doctor);

/* What follows belongs under this heading, and is what the progress line names. A literal.  */
void doctor_area (struct doctor *doctor, const char *area);

/* --- findings --- */

/* id: a stable name for scripts and tests, "gpu.driver". A finding is a sentence without a full stop at its
 * end; one of a thing (a GPU, a container) names it. None: not looked at or not judged, and why.  */
void doctor_good (struct doctor *doctor, const char *id, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));
void doctor_bad (struct doctor *doctor, const char *id, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));
void doctor_none (struct doctor *doctor, const char *id, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

#define DOCTOR_NO_COMMAND "# no command here: a name that it needs has characters that a shell could act on"

/* A line below the last finding: the exact command to run, or line to write and (after two spaces and "#")
 * where. Each bad finding has one at least. The tree may be anybody's, and its names end in a root shell:
 * where not every argument is safe there (next_line.h), the line is DOCTOR_NO_COMMAND.  */
void doctor_next (struct doctor *doctor, const char *format, ...) __attribute__ ((format (printf, 2, 3)));

/* More of that line: "  # " and this. A literal.  */
#define doctor_next_comment(doctor, literal) doctor_next_more ((doctor), "  # " literal)
void doctor_next_more (struct doctor *doctor, const char *text);

/* --- files below the root; paths are absolute or relative to it, which is the same --- */

enum { DOCTOR_FILE_MAX = 4 << 20, DOCTOR_NAMES_MAX = 8192 };

/* The text of a regular file without line ends at its end, NUL-terminated, and the caller's to free. NULL and
 * errno: as of open(2) and read(2); EINVAL for what is not a regular file; EFBIG beyond DOCTOR_FILE_MAX. The
 * text may have NUL bytes within: *len, where len is not NULL, counts them.  */
char *doctor_read_file (const struct doctor *doctor, size_t *len, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

/* As JSON; the reference is the caller's. NULL and errno: as above, EILSEQ for what is no JSON.  */
json_t *doctor_read_json (const struct doctor *doctor, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

/* A number in a file, of strtoull's base 0 (0x… or decimal). False: no such file, or none in it.  */
bool doctor_read_number (const struct doctor *doctor, unsigned long long *number, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

/* Where the link points, as it stands there; the caller's to free. NULL and errno: as readlink(2).  */
char *doctor_read_link (const struct doctor *doctor, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

/* The last part of that into name: "i915" of …/driver. False, and "": there is no link, or the name is too
 * long.
 */
bool doctor_link_name (const struct doctor *doctor, char *name, size_t size, const char *format, ...)
    __attribute__ ((format (printf, 4, 5)));

/* Links are followed. False and errno: as stat(2).  */
bool doctor_stat (const struct doctor *doctor, struct stat *st, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));
bool doctor_exists (const struct doctor *doctor, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

struct doctor_names {
    char **list; /* sorted by strverscmp(3): card2 before card10; without . and .. */
    size_t n;
};

/* Of a folder that is not there: none, and false with errno. Beyond DOCTOR_NAMES_MAX names the rest is left
 * out. */
bool doctor_list_dir (const struct doctor *doctor, struct doctor_names *names, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));
void doctor_names_finish (struct doctor_names *names);

#define _cleanup_names_ __attribute__ ((cleanup (doctor_names_finish)))

/* --- the report --- */

/* {"findings": [{"id", "area", "outcome": "good"|"bad"|"none", "finding", "next": [line, …]}, …],
 *  "good": N, "bad": N, "none": N}; the reference is the caller's.  */
json_t *doctor_report_json (const struct doctor *doctor);

/* To standard output: in colours and cut to the width of the terminal where it is one.  */
void doctor_report_print (const struct doctor *doctor);

#endif
