#include "glance.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "engine_docker.h"
#include "file.h"

bool
glance_names_us (const char *text, size_t len)
{
    const char *end = text + len, *p = text;

    if (memmem (text, len, "dri.", 4) || memmem (text, len, "DRI_", 4))
        return true;
    /* Nobody escapes letters, a full stop or an underscore, but JSON lets them.  */
    for (;;) {
        p = memmem (p, (size_t) (end - p), "\\u00", 4);
        if (!p || end - p < 6)
            return false;
        if ((p[4] >= '4' && p[4] <= '7') || (p[4] == '2' && (p[5] == 'e' || p[5] == 'E')))
            return true;
        p += 4;
    }
}

/* A path of the engine's in the text, "<root>/containers/…", gives away the root. */
static bool
find_root (const char *text, size_t len, char *root, size_t size)
{
    const char *mark = memmem (text, len, "/containers/", strlen ("/containers/"));
    const char *quote = mark ? memrchr (text, '"', (size_t) (mark - text)) : NULL;

    if (!quote || quote[1] != '/' || memchr (quote, '\\', (size_t) (mark - quote)))
        return false;
    return snprintf (root, size, "%.*s", (int) (mark - quote - 1), quote + 1) < (int) size;
}

bool
glance_is_silent (const char *text, size_t len, const char *id)
{
    _cleanup_free_ char *record = NULL;
    char root[PATH_MAX], path[PATH_MAX], own[96];
    struct error ignored;
    size_t record_len;
    int n;

    if (glance_names_us (text, len))
        return false;
    if (!engine_may_be_docker (id))
        return true;
    if (!find_root (text, len, root, sizeof root))
        return false;
    n = snprintf (path, sizeof path, ENGINE_DOCKER_RECORD, (int) strlen (root), root, id);
    if (n < 0 || (size_t) n >= sizeof path
        || file_read_trusted (path, ENGINE_RECORD_BYTES_MAX, &record, &record_len, &ignored) < 0)
        return false;
    (void) snprintf (own, sizeof own, "\"ID\":\"%s\"", id);
    return memmem (record, record_len, own, strlen (own)) && !glance_names_us (record, record_len);
}
