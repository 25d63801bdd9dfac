#include "origin.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../oci/cleanup.h"

enum { ID_LENGTH = 64 };

struct component {
    const char *text;
    int len;
};

static bool
starts_with (const struct component *c, const char *prefix)
{
    return c->len > (int) strlen (prefix) && strncmp (c->text, prefix, strlen (prefix)) == 0;
}

static bool
is (const struct component *c, const char *word)
{
    return c->len == (int) strlen (word) && strncmp (c->text, word, (size_t) c->len) == 0;
}

static void
set (struct origin *origin, const char *engine, const char *id, int len)
{
    (void) snprintf (origin->engine, sizeof origin->engine, "%s", engine);
    (void) snprintf (origin->id, sizeof origin->id, "%.*s", len, id);
}

/* An id, or one with .scope behind it.  */
static bool
take_id (struct origin *origin, const char *engine, const char *text, int len)
{
    if (len < ID_LENGTH || strspn (text, "0123456789abcdef") != ID_LENGTH
        || (len > ID_LENGTH && strncmp (text + ID_LENGTH, ".scope", (size_t) (len - ID_LENGTH)) != 0))
        return false;
    set (origin, engine, text, ID_LENGTH);
    return true;
}

static bool
take_component (struct origin *origin, const struct component *before, const struct component *c)
{
    static const struct {
        const char *prefix, *engine;
    } prefixes[] = {{"docker-", "docker"},
                    {"libpod-", "podman"},
                    {"crio-", "cri-o"},
                    {"cri-containerd-", "containerd"},
                    {"nerdctl-", "containerd"}};

    for (size_t i = 0; i < countof (prefixes); i++) {
        int len = (int) strlen (prefixes[i].prefix);

        if (starts_with (c, prefixes[i].prefix)
            && take_id (origin, prefixes[i].engine, c->text + len, c->len - len))
            return true;
    }
    if (starts_with (c, "lxc.payload.")) {
        set (origin, "lxc", c->text + strlen ("lxc.payload."), c->len - (int) strlen ("lxc.payload."));
        return true;
    }
    if (is (before, "lxc") || is (before, "lxc.payload")) {
        set (origin, "lxc", c->text, c->len);
        return true;
    }
    return take_id (origin,
                    is (before, "docker")         ? "docker"
                    : starts_with (before, "pod") ? "containerd"
                                                  : "",
                    c->text, c->len);
}

/* user.slice/user-UID.slice.  */
static bool
take_owner (struct origin *origin, const struct component *before, const struct component *c)
{
    static const char prefix[] = "user-", suffix[] = ".slice";
    unsigned long uid;
    char *end;

    if (!is (before, "user.slice") || !starts_with (c, prefix)
        || !isdigit ((unsigned char) c->text[sizeof prefix - 1]))
        return false;
    errno = 0;
    uid = strtoul (c->text + sizeof prefix - 1, &end, 10);
    if (errno != 0 || uid >= (uid_t) -1 || strncmp (end, suffix, sizeof suffix - 1) != 0
        || end + sizeof suffix - 1 != c->text + c->len)
        return false;
    origin->owner = (uid_t) uid;
    return true;
}

bool
origin_of (const char *cgroup, struct origin *origin)
{
    struct component before = {"", 0};
    bool owned = false;

    *origin = (struct origin){.owner = 0};
    while (*cgroup) {
        struct component c;

        cgroup += strspn (cgroup, "/");
        c = (struct component){cgroup, (int) strcspn (cgroup, "/")};
        if (c.len > 0 && take_component (origin, &before, &c))
            return true;
        /* What a user has below his own slice says nothing of another's.  */
        owned = owned || take_owner (origin, &before, &c);
        before = c;
        cgroup += c.len;
    }
    return false;
}
