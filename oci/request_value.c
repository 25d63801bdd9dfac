#include "request_value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "nearest.h"
#include "require.h"

/* The values of enum-like keys stand in the order of their enums.  */
static const char *const booleans[] = {"false", "true", NULL};
static const char *const nodes[] = {"render", "render,card", NULL};
static const char *const accesses[] = {"shared", "exclusive", "monitor", NULL};
static const char *const classes[] = {"interactive", "realtime", "batch", NULL};
static const char *const readies[] = {"auto", "off", "node", "driver", "vaapi", NULL};
static const char *const failures[] = {"fail", "start-without", "defer", NULL};
static const char *const selectors[] = {
    "any", "all", "pci:0000:00:02.0", "driver:i915", "vendor:intel", NULL,
};
static const char *const vendors[] = {"intel", "amd", "nvidia", NULL};
static const char *const drivers[] = {"i915", "xe", "amdgpu", NULL};
static const char *const owners[] = {"auto", "host", "UID:GID[:MODE]", NULL};

static const char word_characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

static int
no_value (const char *value, const char *const *names, struct error *err)
{
    char advice[256];

    nearest_advise (value, names, "\"", advice, sizeof advice);
    return error_set (err, 0, "no value \"%.60s\"; %s", value, advice);
}

static int
pick (const char *value, const char *const *names, struct error *err)
{
    for (int i = 0; names[i]; i++)
        if (strcmp (value, names[i]) == 0)
            return i;
    return no_value (value, names, err);
}

/* A whole decimal (or octal, base 8) number, no sign, no space.  */
static int
parse_number (const char *text, int base, unsigned long max, unsigned long *out)
{
    char *end;
    unsigned long n;

    if (*text < '0' || *text > '9')
        return -1;
    errno = 0;
    n = strtoul (text, &end, base);
    if (errno != 0 || *end != '\0' || n > max)
        return -1;
    *out = n;
    return 0;
}

static bool
is_hex (const char *s, size_t n)
{
    return strspn (s, "0123456789abcdefABCDEF") >= n;
}

/* Domain:bus:device.function, as in sysfs: 0000:00:02.0; behind Intel's VMD the domain has five digits.  */
static bool
is_pci_address (const char *s)
{
    size_t domain = strspn (s, "0123456789abcdefABCDEF");

    if (domain < 4 || domain > 8 || strlen (s) != domain + 8)
        return false;
    s += domain;
    return s[0] == ':' && is_hex (s + 1, 2) && s[3] == ':' && is_hex (s + 4, 2) && s[6] == '.' && s[7] >= '0'
           && s[7] <= '7';
}

static bool
is_one_of (const char *s, const char *const *names)
{
    for (; *names; names++)
        if (strcasecmp (s, *names) == 0)
            return true;
    return false;
}

/* A name that we know, or the number in hex, as "8086" or "0x8086".  */
static bool
is_vendor (const char *s)
{
    if (is_one_of (s, vendors))
        return true;
    s += strncmp (s, "0x", 2) == 0 ? 2 : 0;
    return strlen (s) == 4 && is_hex (s, 4);
}

static bool
is_name (const char *s)
{
    size_t n = strspn (s, word_characters);

    return n > 0 && s[n] == '\0';
}

static bool
has_prefix (const char *s, const char *prefix)
{
    return strncmp (s, prefix, strlen (prefix)) == 0;
}

static int
parse_selector (const char *word, struct selector *sel, struct error *err)
{
    static const struct {
        const char *prefix;
        enum selector_kind kind;
        bool (*valid) (const char *text);
    } prefixed[] = {
        {"pci:", SELECT_PCI, is_pci_address},
        {"driver:", SELECT_DRIVER, is_name},
        {"vendor:", SELECT_VENDOR, is_vendor},
    };
    bool vendor = is_one_of (word, vendors);

    *sel = (struct selector){.kind = SELECT_ANY};
    (void) snprintf (sel->text, sizeof sel->text, "%s", word);
    for (size_t i = 0; i < countof (prefixed); i++) {
        const char *rest = word + strlen (prefixed[i].prefix);

        if (!has_prefix (word, prefixed[i].prefix))
            continue;
        sel->kind = prefixed[i].kind;
        sel->prefix = (unsigned) (rest - word);
        return prefixed[i].valid (rest) ? 0 : no_value (word, selectors, err);
    }
    if (strlen (word) == 9 && is_hex (word, 4) && word[4] == ':' && is_hex (word + 5, 4)) {
        sel->kind = SELECT_ID;
        sel->vendor = (uint16_t) strtoul (word, NULL, 16);
        sel->device = (uint16_t) strtoul (word + 5, NULL, 16);
        return 0;
    }
    /* Taken for the name of a GPU, they would wait for one that nobody has.  */
    if (vendor || is_one_of (word, drivers))
        return error_set (err, 0, "no value \"%s\"; did you mean \"%s:%s\"?", word,
                          vendor ? "vendor" : "driver", word);
    if (!is_name (word))
        return no_value (word, selectors, err);
    sel->kind = strcmp (word, "any") == 0      ? SELECT_ANY
                : strcmp (word, "all") == 0    ? SELECT_ALL
                : has_prefix (word, "renderD") ? SELECT_NODE
                                               : SELECT_NAME;
    return 0;
}

static int
parse_gpu (struct request *req, char *value, struct error *err)
{
    char *save = NULL;

    req->n_selectors = 0;
    for (char *word = strtok_r (value, ", ", &save); word; word = strtok_r (NULL, ", ", &save)) {
        if (req->n_selectors == REQUEST_SELECTORS_MAX)
            return error_set (err, 0, "more than %d GPUs are listed", REQUEST_SELECTORS_MAX);
        if (strlen (word) >= sizeof req->selectors[0].text)
            return error_set (err, 0, "a word of more than %zu characters",
                              sizeof req->selectors[0].text - 1);
        if (parse_selector (word, &req->selectors[req->n_selectors], err) < 0)
            return -1;
        req->n_selectors++;
    }
    if (req->n_selectors == 0)
        return error_set (err, 0, "empty; did you mean \"any\"?");
    return 0;
}

static int
parse_slots (struct request *req, char *value, struct error *err)
{
    unsigned long n;

    if (parse_number (value, 10, 1000, &n) < 0 || n == 0)
        return error_set (err, 0, "no value \"%.60s\"; wants a number from 1 to 1000", value);
    req->slots = (unsigned) n;
    return 0;
}

static int
parse_share (struct request *req, char *value, struct error *err)
{
    size_t len = strlen (value);
    unsigned long n;

    if (len > 0 && value[len - 1] == '%') {
        value[len - 1] = '\0';
        if (parse_number (value, 10, 100, &n) == 0 && n > 0) {
            req->share = (unsigned) n;
            return 0;
        }
    }
    return error_set (err, 0, "wants a percentage from 1%% to 100%%, as in \"40%%\"");
}

static int
parse_wait (struct request *req, char *value, struct error *err)
{
    size_t len = strlen (value);
    bool ms = len > 2 && strcmp (value + len - 2, "ms") == 0;
    unsigned long n;

    if (len > 1 && value[len - 1] == 's') {
        value[len - (ms ? 2 : 1)] = '\0';
        if (parse_number (value, 10, ms ? REQUEST_WAIT_MAX_MS : REQUEST_WAIT_MAX_MS / 1000, &n) == 0) {
            req->wait_ms = (unsigned) (ms ? n : n * 1000);
            return 0;
        }
    }
    return error_set (err, 0, "wants a time of at most 60s, as in \"10s\"");
}

static int
parse_owner (struct request *req, char *value, struct error *err)
{
    struct owner owner = {.kind = OWNER_IDS, .mode = 0660};
    char *gid, *mode;
    unsigned long u, g, m = 0660;

    if (strcmp (value, "auto") == 0 || strcmp (value, "host") == 0) {
        req->owner = (struct owner){.kind = value[0] == 'a' ? OWNER_AUTO : OWNER_HOST};
        return 0;
    }
    gid = strchr (value, ':');
    if (!gid)
        return no_value (value, owners, err);
    *gid++ = '\0';
    mode = strchr (gid, ':');
    if (mode)
        *mode++ = '\0';
    /* 0777 at most: no set-id bits on a device node. (uid_t) -1 means "leave it" to chown.  */
    if (parse_number (value, 10, UINT32_MAX - 1, &u) < 0 || parse_number (gid, 10, UINT32_MAX - 1, &g) < 0
        || (mode && parse_number (mode, 8, 0777, &m) < 0))
        return error_set (err, 0, "wants UID:GID[:MODE] in numbers, as in \"1000:1000:0660\"");
    owner.uid = (uid_t) u;
    owner.gid = (gid_t) g;
    owner.mode = (mode_t) m;
    req->owner = owner;
    return 0;
}

static int
parse_require (struct request *req, char *value, struct error *err)
{
    struct require require;

    (void) req;
    return require_parse (&require, value, err);
}

static int
parse_word (struct request *req, enum request_key key, const char *const *words, const char *value,
            struct error *err)
{
    int i = pick (value, words, err);

    if (i < 0)
        return -1;
    switch (key) {
    case KEY_ENABLE:
        req->enable = i == 1;
        break;
    case KEY_NODES:
        req->card = i == 1;
        break;
    case KEY_ACCESS:
        req->access = (enum request_access) i;
        break;
    case KEY_CLASS:
        req->class = (enum request_class) i;
        break;
    case KEY_READY:
        req->ready = (enum request_ready) i;
        break;
    default:
        req->on_failure = (enum request_failure) i;
        break;
    }
    return 0;
}

/* A word that the administrator's policy knows.  */
static int
parse_role (struct request *req, char *value, struct error *err)
{
    (void) req;
    if (value[strspn (value, word_characters)] != '\0' || strlen (value) > ROLE_MAX)
        return error_set (err, 0,
                          "valid is one word of letters, digits, \".\", \"_\" and \"-\", as \"camera\"");
    return 0;
}

/* Either one word of a list, or a text with a grammar of its own.  */
static const struct {
    const char *const *words;
    int (*parse) (struct request *req, char *value, struct error *err);
} grammars[KEY_COUNT] = {
    [KEY_ENABLE] = {booleans, NULL},     [KEY_GPU] = {NULL, parse_gpu},
    [KEY_NODES] = {nodes, NULL},         [KEY_ACCESS] = {accesses, NULL},
    [KEY_CLASS] = {classes, NULL},       [KEY_SLOTS] = {NULL, parse_slots},
    [KEY_SHARE] = {NULL, parse_share},   [KEY_REQUIRE] = {NULL, parse_require},
    [KEY_READY] = {readies, NULL},       [KEY_WAIT] = {NULL, parse_wait},
    [KEY_ON_FAILURE] = {failures, NULL}, [KEY_OWNER] = {NULL, parse_owner},
    [KEY_ROLE] = {NULL, parse_role},
};

const char *const *
request_words (enum request_key key)
{
    return grammars[key].words;
}

const char *
access_name (enum request_access access)
{
    return accesses[access];
}

const char *class_name (enum request_class class)
{
    return classes[class];
}

const char *
ready_name (enum request_ready ready)
{
    return readies[ready];
}

int
request_value_parse (struct request *req, enum request_key key, char *value, struct error *err)
{
    const char *const *words = grammars[key].words;

    return words ? parse_word (req, key, words, value, err) : grammars[key].parse (req, value, err);
}
