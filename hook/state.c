#include "state.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "../oci/cleanup.h"

enum { STATE_BYTES_MAX = 1 << 20 };

int
state_parse (struct state *state, const char *text, size_t len, struct error *err)
{
    _cleanup_json_ json_t *root = NULL;
    struct state parsed = {.pid = 0};
    const json_t *pid;
    const char *id, *bundle;
    json_error_t where;

    root = json_loadb (text, len, 0, &where);
    if (!json_is_object (root))
        return error_set (err, 0, "the container's state on stdin is not a JSON object: %s",
                          root ? "" : where.text);
    id = json_string_value (json_object_get (root, "id"));
    bundle = json_string_value (json_object_get (root, "bundle"));
    pid = json_object_get (root, "pid");
    if (bundle && strlen (bundle) < sizeof parsed.bundle)
        (void) snprintf (parsed.bundle, sizeof parsed.bundle, "%s", bundle);
    if (id)
        (void) snprintf (parsed.id, sizeof parsed.id, "%s", id);
    if (json_is_integer (pid)) {
        if (json_integer_value (pid) < 0 || json_integer_value (pid) > INT_MAX)
            return error_set (err, 0, "the container's state on stdin has no valid pid");
        parsed.pid = (pid_t) json_integer_value (pid);
    }
    *state = parsed;
    return 0;
}

int
state_read (struct state *state, int fd, struct error *err)
{
    static char text[STATE_BYTES_MAX];
    size_t len = 0;

    for (;;) {
        ssize_t n = read (fd, text + len, STATE_BYTES_MAX - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set (err, errno, "the container's state on stdin");
        if (n == 0)
            return state_parse (state, text, len, err);
        len += (size_t) n;
        if (len == STATE_BYTES_MAX)
            return error_set (err, EFBIG, "the container's state on stdin");
    }
}
