/* The bytes of a config.json, through everything that dri-runtime does with them. Whatever it says: applied
 * twice is applied once, what comes out is JSON again, and what is not ours is as it was.  */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "oci/apply.h"
#include "oci/cleanup.h"
#include "oci/document.h"
#include "oci/spec.h"

static const struct grant grant = {
    .lease = "0123456789abcdef0123456789abcdef",
    .directory = "/run/leases/0123456789abcdef0123456789abcdef",
    .nodes = {{"renderD129", 226, 129, true}, {"stand1", 10, 229, false}, {"renderD128", 226, 129, true}},
    .n_nodes = 3,
    .gids = {44, 992},
    .n_gids = 2,
};

static char *
dump (const struct document *doc, size_t *len)
{
    struct error err;
    char *text;

    must (document_dump (doc, JSON_COMPACT, &text, len, &err) == 0);
    return text;
}

static bool
apply (struct document *doc, const struct workload *w)
{
    static const struct apply_hook hook = {"/usr/bin/dri-hook", "/run/broker.sock", "/b", "web"};
    struct request req;
    struct error err;

    request_init (&req);
    return apply_grant (doc->root, &grant, &req, w, &hook, &err) == 0;
}

/* Takes out of a document the members that apply may touch; what is left has to be the same before and after.
 */
static char *
rest (struct document *doc, size_t *len)
{
    static const char *const ours[][3] = {
        {"mounts"},
        {"linux", "devices"},
        {"linux", "resources", "devices"},
        {"process", "user", "additionalGids"},
        {"annotations", APPLY_LEASE_ANNOTATION},
        {"annotations", APPLY_GIDS_ANNOTATION},
        {"hooks", "createRuntime"},
        {"hooks", "poststop"},
    };
    static const char *const made[][2] = {
        {"linux", "resources"}, {"process", "user"}, {"linux"}, {"process"}, {"annotations"}, {"hooks"}};

    for (size_t i = 0; i < countof (ours); i++) {
        json_t *parent = doc->root;
        unsigned last = 0;

        while (last < 2 && ours[i][last + 1])
            parent = json_object_get (parent, ours[i][last++]);
        (void) json_object_del (parent, ours[i][last]);
    }
    /* Objects that were made for our members, or were null.  */
    for (size_t i = 0; i < countof (made); i++) {
        json_t *parent = made[i][1] ? json_object_get (doc->root, made[i][0]) : doc->root;
        const char *name = made[i][1] ? made[i][1] : made[i][0];
        const json_t *value = json_object_get (parent, name);

        if (json_is_null (value) || (json_is_object (value) && json_object_size (value) == 0))
            (void) json_object_del (parent, name);
    }
    return dump (doc, len);
}

static void
must_be_same (const char *a, size_t a_len, const char *b, size_t b_len)
{
    must (a_len == b_len && memcmp (a, b, a_len) == 0);
}

static void
edit (struct document *doc, struct document *untouched, const struct workload *w)
{
    _cleanup_free_ char *once = NULL;
    _cleanup_free_ char *twice = NULL;
    _cleanup_free_ char *before = NULL;
    _cleanup_free_ char *after = NULL;
    size_t once_len, twice_len, before_len, after_len;
    struct document again;
    struct error err;

    once = dump (doc, &once_len);
    must (document_load (&again, once, once_len, &err) == 0);
    must (apply (&again, w));
    twice = dump (&again, &twice_len);
    must_be_same (once, once_len, twice, twice_len);
    before = rest (untouched, &before_len);
    after = rest (&again, &after_len);
    must_be_same (before, before_len, after, after_len);
    document_finish (&again);
}

/* Through the parser and back, so that spaces and escapes do not count.  */
static char *
plain (const struct document *doc, size_t *len)
{
    _cleanup_free_ char *text = dump (doc, len);
    struct document again;
    struct error err;
    char *out;

    must (document_load (&again, text, *len, &err) == 0);
    out = dump (&again, len);
    document_finish (&again);
    return out;
}

/* What is not read makes no difference to what is edited: no name is missing from spec_members.  */
static void
must_be_the_same_unread (const struct document *edited, bool applied, const struct workload *w,
                         const uint8_t *data, size_t size)
{
    _cleanup_free_ char *whole = NULL;
    _cleanup_free_ char *part = NULL;
    size_t whole_len, part_len;
    struct document doc;
    struct workload own;
    struct error err;

    must (document_load_members (&doc, (const char *) data, size, spec_members, &err) == 0);
    must (spec_workload (doc.root, &own, &err) == 0 && memcmp (&own, w, sizeof own) == 0);
    must (apply (&doc, &own) == applied);
    if (applied) {
        whole = plain (edited, &whole_len);
        part = plain (&doc, &part_len);
        must_be_same (whole, whole_len, part, part_len);
    }
    document_finish (&doc);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    struct document doc, untouched;
    struct workload w;
    struct error err;
    bool applied;

    if (document_load (&doc, (const char *) data, size, &err) < 0) {
        must (err.message[0]);
        return 0;
    }
    must (document_load (&untouched, (const char *) data, size, &err) == 0);
    json_decref (apply_notes (doc.root));
    if (spec_workload (doc.root, &w, &err) == 0) {
        applied = apply (&doc, &w);
        must_be_the_same_unread (&doc, applied, &w, data, size);
        if (applied)
            edit (&doc, &untouched, &w);
    }
    document_finish (&doc);
    document_finish (&untouched);
    return 0;
}
