#include "nearest.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Edit distance with adjacent transpositions counted as one ("exculsive" is one slip, not two), and capital
 * letters in a as none.  */
static unsigned
distance (const char *a, const char *b)
{
    enum { MAX = 40 };
    unsigned rows[3][MAX + 1];
    size_t la = strlen (a), lb = strlen (b);

    if (la > MAX || lb > MAX)
        return UINT_MAX;
    for (size_t j = 0; j <= lb; j++)
        rows[0][j] = (unsigned) j;
    for (size_t i = 1; i <= la; i++) {
        unsigned *now = rows[i % 3], *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];

        now[0] = (unsigned) i;
        for (size_t j = 1; j <= lb; j++) {
            unsigned cost = tolower ((unsigned char) a[i - 1]) == b[j - 1] ? 0 : 1,
                     best = before[j - 1] + cost;

            if (before[j] + 1 < best)
                best = before[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && earlier[j - 2] + 1 < best)
                best = earlier[j - 2] + 1;
            now[j] = best;
        }
    }
    return rows[la % 3][lb];
}

/* The nearest of the names; NULL where a third of the longer word would have to be another for all of them.
 */
static const char *
nearest (const char *text, const char *const *names)
{
    const char *best = NULL;
    unsigned least = UINT_MAX;

    for (; *names; names++) {
        size_t len = strlen (text), longer = strlen (*names) > len ? strlen (*names) : len;
        unsigned d = distance (text, *names);

        if (d < least && d <= longer / 3) {
            least = d;
            best = *names;
        }
    }
    return best;
}

void
nearest_advise (const char *text, const char *const *names, const char *quote, char *out, size_t size)
{
    const char *near = nearest (text, names);
    size_t used;

    if (near) {
        (void) snprintf (out, size, "did you mean %s%s%s?", quote, near, quote);
        return;
    }
    used = (size_t) snprintf (out, size, "valid are");
    for (size_t i = 0; names[i] && used < size; i++)
        used += (size_t) snprintf (out + used, size - used, "%s %s%s%s", i > 0 ? "," : "", quote, names[i],
                                   quote);
}
