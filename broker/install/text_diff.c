/* A unified diff: the longest common subsequence of lines, after what is the same at both ends is set aside.
 * Format: POSIX.1-2024, diff, "Diff -u Output Format"; "\ No newline" is GNU's, and what patch(1) and
 * git-apply(1) read.  */
#include "text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../oci/cleanup.h"

/* Beyond so many pairs of lines the middle is shown as replaced as a whole: right still, only longer.  */
enum { PAIRS_MAX = 1 << 24 };

static const size_t context = 3; /* lines */

struct line {
    const char *text;
    size_t len; /* with its newline */
};

struct lines {
    struct line *list;
    size_t n;
};

struct diff {
    struct lines before, after;
    bool *removed, *added; /* for each line of before, of after */
};

static void
diff_finish (struct diff *diff)
{
    free (diff->before.list);
    free (diff->after.list);
    free (diff->removed);
    free (diff->added);
}

static int
split (const struct text *text, struct lines *lines)
{
    const char *p = text->data, *end = p ? p + text->len : NULL;

    lines->n = 0;
    for (const char *q = p; q && q < end; lines->n++) {
        const char *newline = memchr (q, '\n', (size_t) (end - q));

        q = newline ? newline + 1 : end;
    }
    lines->list = calloc (lines->n + 1, sizeof *lines->list);
    if (!lines->list)
        return -1;
    for (size_t i = 0; i < lines->n; i++) {
        const char *newline = memchr (p, '\n', (size_t) (end - p));
        size_t len = newline ? (size_t) (newline + 1 - p) : (size_t) (end - p);

        lines->list[i] = (struct line){p, len};
        p += len;
    }
    return 0;
}

static bool
same (const struct line *a, const struct line *b)
{
    return a->len == b->len && memcmp (a->text, b->text, a->len) == 0;
}

/* Marks what is not common between the lines from first on, na and nb of them.  */
static int
compare (struct diff *diff, size_t first, size_t na, size_t nb)
{
    const struct line *a = diff->before.list + first, *b = diff->after.list + first;
    _cleanup_free_ uint32_t *common = NULL; /* [i][j]: how many of a from i on and of b from j on */
    size_t width = nb + 1, i = 0, j = 0;
    bool aligned = (na + 1) * width <= PAIRS_MAX;

    common = calloc (aligned ? (na + 1) * width : 1, sizeof *common);
    if (!common)
        return -1;
    for (size_t x = aligned ? na : 0; x-- > 0;)
        for (size_t y = nb; y-- > 0;) {
            uint32_t down = common[(x + 1) * width + y], right = common[x * width + y + 1];

            common[x * width + y] = same (&a[x], &b[y]) ? common[(x + 1) * width + y + 1] + 1
                                    : down > right      ? down
                                                        : right;
        }
    while (i < na || j < nb) {
        if (aligned && i < na && j < nb && same (&a[i], &b[j])) {
            i++;
            j++;
        } else if (i < na
                   && (!aligned || j == nb || common[(i + 1) * width + j] >= common[i * width + j + 1])) {
            diff->removed[first + i++] = true;
        } else {
            diff->added[first + j++] = true;
        }
    }
    return 0;
}

static int
diff_make (struct diff *diff, const struct text *before, const struct text *after)
{
    size_t first = 0, na, nb;

    if (split (before, &diff->before) < 0 || split (after, &diff->after) < 0)
        return -1;
    na = diff->before.n;
    nb = diff->after.n;
    diff->removed = calloc (na + 1, sizeof *diff->removed);
    diff->added = calloc (nb + 1, sizeof *diff->added);
    if (!diff->removed || !diff->added)
        return -1;
    while (first < na && first < nb && same (&diff->before.list[first], &diff->after.list[first]))
        first++;
    while (na > first && nb > first && same (&diff->before.list[na - 1], &diff->after.list[nb - 1])) {
        na--;
        nb--;
    }
    return compare (diff, first, na - first, nb - first);
}

static void
print_one (FILE *out, char mark, const struct line *line)
{
    (void) fputc (mark, out);
    (void) fwrite (line->text, 1, line->len, out);
    if (line->text[line->len - 1] != '\n')
        (void) fputs ("\n\\ No newline at end of file\n", out);
}

/* Where a hunk that begins with line i of before and j of after ends: as many unchanged lines between two
 * changes as would be shown anyway keep them together.  */
static void
find_end (const struct diff *diff, size_t i, size_t j, size_t *end_i, size_t *end_j)
{
    size_t quiet = 0;

    while (i < diff->before.n || j < diff->after.n) {
        bool removed = i < diff->before.n && diff->removed[i], added = j < diff->after.n && diff->added[j];

        if (!removed && !added && ++quiet > 2 * context)
            break;
        if (removed || added)
            quiet = 0;
        i += removed || !added;
        j += !removed;
    }
    if (quiet > context) {
        size_t back = quiet > 2 * context ? context : quiet - context;

        i -= back;
        j -= back;
    }
    *end_i = i;
    *end_j = j;
}

static void
print_hunk (FILE *out, const struct diff *diff, size_t i, size_t j, size_t end_i, size_t end_j)
{
    /* Of no lines the number is that of the line before.  */
    (void) fprintf (out, "@@ -%zu,%zu +%zu,%zu @@\n", end_i > i ? i + 1 : i, end_i - i, end_j > j ? j + 1 : j,
                    end_j - j);
    while (i < end_i || j < end_j) {
        if (i < end_i && diff->removed[i]) {
            print_one (out, '-', &diff->before.list[i++]);
        } else if (j < end_j && diff->added[j]) {
            print_one (out, '+', &diff->after.list[j++]);
        } else {
            print_one (out, ' ', &diff->before.list[i++]);
            j++;
        }
    }
}

static void
print_hunks (FILE *out, const struct diff *diff)
{
    size_t i = 0, j = 0;

    while (i < diff->before.n || j < diff->after.n) {
        size_t back = 0, end_i, end_j;

        if (!(i < diff->before.n && diff->removed[i]) && !(j < diff->after.n && diff->added[j])) {
            i++;
            j++;
            continue;
        }
        while (back < context && back < i && back < j && !diff->removed[i - back - 1]
               && !diff->added[j - back - 1])
            back++;
        find_end (diff, i - back, j - back, &end_i, &end_j);
        print_hunk (out, diff, i - back, j - back, end_i, end_j);
        i = end_i;
        j = end_j;
    }
}

char *
text_diff (const struct text *before, const struct text *after, const char *path)
{
    __attribute__ ((cleanup (diff_finish))) struct diff diff = {0};
    _cleanup_free_ char *said = NULL;
    size_t size;
    FILE *out;

    if (text_same (before, after))
        return strdup ("");
    if (diff_make (&diff, before, after) < 0)
        return NULL;
    out = open_memstream (&said, &size);
    if (!out)
        return NULL;
    (void) fprintf (out, "--- %s\n+++ %s\n", before->data ? path : "/dev/null",
                    after->data ? path : "/dev/null");
    print_hunks (out, &diff);
    /* It may move the text.  */
    if (fclose (out) != 0)
        return NULL;
    return steal_ptr (&said);
}
