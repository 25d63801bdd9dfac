#include "document.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#include "cleanup.h"

struct buffer {
    char *data;
    size_t len, room;
};

static int
buffer_add (struct buffer *b, const char *data, size_t len)
{
    if (len == 0)
        return 0;
    if (!b->data || len > b->room - b->len) {
        size_t room = (b->len + len) * 2 + 1024;
        char *bigger = realloc (b->data, room);

        if (!bigger)
            return -1;
        b->data = bigger;
        b->room = room;
    }
    memcpy (b->data + b->len, data, len);
    b->len += len;
    return 0;
}

static bool
is_digit (char c)
{
    return c >= '0' && c <= '9';
}

static size_t
digits (const char *s, const char *end)
{
    const char *p = s;

    while (p < end && is_digit (*p))
        p++;
    return (size_t) (p - s);
}

/* The length of the number at s by the grammar of RFC 8259 section 6, 0 where there is none (jansson then
 * says what is wrong). *plain: jansson's integers hold it and print it with the same letters.  */
static size_t
number_length (const char *s, const char *end, bool *plain)
{
    const char *p = s;
    size_t n;

    if (p < end && *p == '-')
        p++;
    n = digits (p, end);
    if (n == 0 || (n > 1 && *p == '0'))
        return 0;
    *plain = n <= 18 && !(p != s && *p == '0');
    p += n;
    if (p < end && *p == '.') {
        *plain = false;
        n = digits (p + 1, end);
        if (n == 0)
            return 0;
        p += 1 + n;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        *plain = false;
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        n = digits (p, end);
        if (n == 0)
            return 0;
        p += n;
    }
    return (size_t) (p - s);
}

/* The length of the string literal at s, closing quote included; up to the end where that is missing.  */
static size_t
string_length (const char *s, const char *end)
{
    const char *p = s + 1;

    for (;;) {
        p = memchr (p, '"', (size_t) (end - p));
        if (!p)
            return (size_t) (end - s);
        const char *q = p;

        while (q[-1] == '\\')
            q--;
        p++;
        if ((p - 1 - q) % 2 == 0)
            return (size_t) (p - s);
    }
}

static const char *
skip_space (const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
        p++;
    return p;
}

/* A number in the place of a key must not become one by being tagged.  */
static bool
is_key (const char *after, const char *end)
{
    after = skip_space (after, end);
    return after < end && *after == ':';
}

/* The length of the array or object at s. 0 where it does not end, is nested too deeply for the bits of a
 * word, or has a comment, which some parsers take: then jansson has to see it.  */
static size_t
compound_length (const char *s, const char *end)
{
    uint64_t objects = 0; /* a bit for each bracket that is open */
    unsigned depth = 0;

    for (const char *p = s; p < end; p++) {
        if (*p == '"') {
            p += string_length (p, end) - 1;
        } else if (*p == '{' || *p == '[') {
            if (depth++ == 64)
                return 0;
            objects = objects << 1 | (*p == '{');
        } else if (*p == '}' || *p == ']') {
            if ((objects & 1) != (*p == '}'))
                return 0;
            objects >>= 1;
            if (--depth == 0)
                return (size_t) (p + 1 - s);
        } else if (*p == '/') {
            return 0;
        }
    }
    return 0;
}

/* A name with an escape in it may be any.  */
static bool
is_named (const char *name, size_t len, const char *const *names)
{
    for (; *names; names++)
        if (strlen (*names) == len && memcmp (*names, name, len) == 0)
            return true;
    return memchr (name, '\\', len) != NULL;
}

/* The array or object behind the string at s, where that is a key and none of the names: its length, else 0.
 */
static size_t
unread_member (const char *s, size_t len, const char *end, const char *const *names, const char **value)
{
    const char *p = skip_space (s + len, end);

    if (p == end || *p != ':')
        return 0;
    p = skip_space (p + 1, end);
    if (p == end || (*p != '{' && *p != '[') || is_named (s + 1, len - 2, names))
        return 0;
    *value = p;
    return compound_length (p, end);
}

static int
add_place (const char *tag, size_t offset, size_t len, struct buffer *out)
{
    char place[80];
    int n = snprintf (place, sizeof place, "\"%s@%zu+%zu\"", tag, offset, len);

    return buffer_add (out, place, (size_t) n);
}

/* Copies text to out with tagged strings for what is not to be parsed: "TAGnumber" for every number that is
 * not plain, "TAG@OFFSET+LENGTH" for the members that nobody reads (names NULL: none). out stays empty where
 * there is nothing of the kind: then the text is loaded as it is.  */
static int
tag_text (const char *text, size_t len, const char *const *names, const char *tag, struct buffer *out)
{
    const char *p = text, *copied = text, *end = text + len;

    while (p < end) {
        bool plain = true;
        size_t n, kept;

        if (*p == '"') {
            const char *value = NULL;

            n = string_length (p, end);
            kept = names ? unread_member (p, n, end, names, &value) : 0;
            p += n;
            if (kept > 0) {
                if (buffer_add (out, copied, (size_t) (value - copied)) < 0
                    || add_place (tag, (size_t) (value - text), kept, out) < 0)
                    return -1;
                p = copied = value + kept;
            }
            continue;
        }
        if (*p != '-' && !is_digit (*p)) {
            p++;
            continue;
        }
        n = number_length (p, end, &plain);
        if (!plain && n > 0 && !is_key (p + n, end)) {
            if (buffer_add (out, copied, (size_t) (p - copied)) < 0 || buffer_add (out, "\"", 1) < 0
                || buffer_add (out, tag, strlen (tag)) < 0 || buffer_add (out, p, n) < 0
                || buffer_add (out, "\"", 1) < 0)
                return -1;
            copied = p + n;
        }
        p += n > 0 ? n : 1;
    }
    if (copied != text && buffer_add (out, copied, (size_t) (end - copied)) < 0)
        return -1;
    return 0;
}

/* What a tagged string stands for; value is what follows the tag.  */
static int
add_tagged (const struct document *doc, const char *value, size_t len, struct buffer *out)
{
    size_t offset, length;

    if (*value != '@')
        return buffer_add (out, value, len);
    if (sscanf (value, "@%zu+%zu", &offset, &length) != 2)
        return -1;
    return buffer_add (out, doc->text + offset, length);
}

static int
untag_text (const struct document *doc, const char *text, size_t len, struct buffer *out)
{
    const char *p = text, *end = text + len;
    size_t tag_len = strlen (doc->tag);

    for (;;) {
        const char *found = memmem (p, (size_t) (end - p), doc->tag, tag_len);
        const char *close;

        if (!found)
            return buffer_add (out, p, (size_t) (end - p));
        close = memchr (found, '"', (size_t) (end - found));
        /* found[-1] is the opening quote: the tag stands only where tag_text put it.  */
        if (!close || buffer_add (out, p, (size_t) (found - 1 - p)) < 0
            || add_tagged (doc, found + tag_len, (size_t) (close - found) - tag_len, out) < 0)
            return -1;
        p = close + 1;
    }
}

int
document_load_members (struct document *doc, const char *text, size_t len, const char *const *names,
                       struct error *err)
{
    struct document loaded = {.text = text};
    struct buffer tagged = {0};
    json_error_t where;
    uint64_t random;

    if (getrandom (&random, sizeof random, 0) != (ssize_t) sizeof random)
        return error_set (err, errno, "getrandom");
    /* Also the seed of jansson's hash tables: they would open /dev/urandom for one.  */
    json_object_seed ((size_t) (random | 1));
    (void) snprintf (loaded.tag, sizeof loaded.tag, "#%016" PRIx64, random);
    if (tag_text (text, len, names, loaded.tag, &tagged) < 0) {
        free (tagged.data);
        return error_set (err, ENOMEM, "JSON");
    }
    loaded.root =
        json_loadb (tagged.data ? tagged.data : text, tagged.data ? tagged.len : len, JSON_ALLOW_NUL, &where);
    free (tagged.data);
    /* Of the whole text, so that the line and the column are those of the file.  */
    if (!loaded.root && names)
        return document_load (doc, text, len, err);
    if (!loaded.root)
        return error_set (err, 0, "invalid JSON at line %d, column %d: %s", where.line, where.column,
                          where.text);
    if (!json_is_object (loaded.root)) {
        json_decref (loaded.root);
        return error_set (err, 0, "invalid JSON: not an object");
    }
    *doc = loaded;
    return 0;
}

int
document_load (struct document *doc, const char *text, size_t len, struct error *err)
{
    return document_load_members (doc, text, len, NULL, err);
}

static int
dump_to_buffer (const char *data, size_t len, void *buffer)
{
    return buffer_add (buffer, data, len);
}

int
document_dump (const struct document *doc, size_t flags, char **text, size_t *len, struct error *err)
{
    struct buffer tagged = {0}, out = {0};

    if (json_dump_callback (doc->root, dump_to_buffer, &tagged, flags) < 0
        || untag_text (doc, tagged.data, tagged.len, &out) < 0) {
        free (tagged.data);
        free (out.data);
        return error_set (err, ENOMEM, "JSON");
    }
    free (tagged.data);
    *text = out.data;
    *len = out.len;
    return 0;
}

void
document_finish (struct document *doc)
{
    json_decref (doc->root);
    doc->root = NULL;
}
