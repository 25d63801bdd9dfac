#include "drictl_complete.h"

#include <string.h>

#include "../../oci/cleanup.h"
#include "../client.h"

/* Who presses a key does not wait for a broker that hangs.  */
enum { CALL_MS = 1000 };

/* A line of a verb's options: "  HEAD  what it is". The head's first word is what is written, the rest stands
 * for what follows it.  */
struct entry {
    const char *word, *rest, *what;
    size_t word_len, rest_len, what_len;
};

/* *text is at the entry, and then at the one after it. False at the end.  */
static bool
next_entry (const char **text, struct entry *entry)
{
    const char *head = *text, *end, *what;

    if (*head == '\0')
        return false;
    end = strchrnul (head, '\n');
    head += strspn (head, " ");
    what = strstr (head, "  ");
    if (!what || what > end)
        what = end;
    entry->word = head;
    entry->word_len = strcspn (head, " \n");
    entry->rest = head + entry->word_len;
    entry->rest_len = (size_t) (what - entry->rest);
    entry->what = what + strspn (what, " ");
    entry->what_len = (size_t) (end - entry->what);
    *text = *end ? end + 1 : end;
    return true;
}

static bool
is_word (const struct entry *entry, const char *word)
{
    return strlen (word) == entry->word_len && strncmp (entry->word, word, entry->word_len) == 0;
}

static bool
is_option (const struct entry *entry)
{
    return entry->word[0] == '-';
}

/* What is written as it stands: no placeholder.  */
static bool
is_literal (const struct entry *entry)
{
    return entry->word[0] >= 'a' && entry->word[0] <= 'z';
}

static bool
find_entry (const struct verb *verb, const char *word, struct entry *entry)
{
    const char *text = verb->options;

    while (next_entry (&text, entry))
        if (is_word (entry, word))
            return true;
    return false;
}

static bool
has_literals (const struct verb *verb)
{
    const char *text = verb->options;
    struct entry entry;

    while (next_entry (&text, &entry))
        if (is_literal (&entry))
            return true;
    return false;
}

struct offer {
    const char *current;
    FILE *out;
    unsigned n;
};

static void
offer_part (struct offer *o, const char *word, size_t len, const char *what, size_t what_len)
{
    if (strlen (o->current) > len || strncmp (word, o->current, strlen (o->current)) != 0)
        return;
    (void) fprintf (o->out, "%.*s\t%.*s\n", (int) len, word, (int) what_len, what);
    o->n++;
}

static void
offer_word (struct offer *o, const char *word, const char *what)
{
    offer_part (o, word, strlen (word), what, strlen (what));
}

static void
offer_entries (struct offer *o, const struct verb *verb, bool (*wanted) (const struct entry *entry))
{
    const char *text = verb->options;
    struct entry entry;

    while (next_entry (&text, &entry))
        if (wanted (&entry))
            offer_part (o, entry.word, entry.word_len, entry.what, entry.what_len);
}

/* Names come from containers, and go into a command line: plain ones only.  */
static bool
is_plain (const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

    return name && *name && strchr (letters, *name) && name[strspn (name, plain)] == '\0';
}

static json_t *
ask_status (void)
{
    struct client client = {.fd = -1};
    json_t *status = NULL;
    struct error err;

    if (client_connect (&client, &err) != CLIENT_OK)
        return NULL;
    if (client_call (&client, "Status", NULL, CALL_MS, &status, &err) != CLIENT_OK)
        status = NULL;
    client_close (&client);
    return status;
}

/* Those that have a lease or wait for one.  */
static void
offer_containers (struct offer *o, const json_t *status, const char *list)
{
    const json_t *lease;
    size_t i;

    json_array_foreach (json_object_get (status, list), i, lease) {
        const json_t *container = json_object_get (lease, "container");
        const char *name = json_string_value (json_object_get (container, "name")),
                   *id = json_string_value (json_object_get (container, "id"));

        name = is_plain (name) ? name : id;
        if (is_plain (name))
            offer_word (o, name, "container");
    }
}

static void
offer_gpus (struct offer *o, const json_t *status)
{
    const json_t *gpu;
    size_t i;

    json_array_foreach (json_object_get (status, "gpus"), i, gpu) {
        const char *name = json_string_value (json_object_get (gpu, "name"));

        if (is_plain (name))
            offer_word (o, name, "GPU");
    }
}

static void
offer_keys (struct offer *o)
{
    static const char *const keys[] = {
        "dri.access=",  "dri.class=", "dri.gpu=",   "dri.nodes=", "dri.owner=", "dri.ready=",
        "dri.require=", "dri.role=",  "dri.share=", "dri.slots=", "dri.wait="};

    for (size_t i = 0; i < countof (keys); i++)
        offer_word (o, keys[i], "see dri-broker(7)");
}

/* For the shell to complete.  */
static void
offer_paths (struct offer *o, const char *kind)
{
    (void) fprintf (o->out, "%s\n", kind);
    o->n++;
}

static void
offer_placeholders (struct offer *o, const char *text)
{
    bool containers = strstr (text, "CONTAINER"), gpus = strstr (text, "GPU");
    _cleanup_json_ json_t *status = containers || gpus ? ask_status () : NULL;

    if (containers) {
        offer_containers (o, status, "leases");
        offer_containers (o, status, "queue");
    }
    if (gpus)
        offer_gpus (o, status);
    if (strstr (text, "FILE") || strstr (text, "PATH"))
        offer_paths (o, "/files");
    else if (strstr (text, "DIR") || strstr (text, "FOLDER"))
        offer_paths (o, "/folders");
}

/* What an option takes; alternatives in small letters ("memory|age") are words.  */
static void
offer_value (struct offer *o, const struct entry *option)
{
    _cleanup_free_ char *text = strndup (option->rest, option->rest_len);
    char *word, *rest = NULL;

    if (!text)
        return;
    offer_placeholders (o, text);
    for (word = strtok_r (text, " |", &rest); word; word = strtok_r (NULL, " |", &rest))
        if (*word >= 'a' && *word <= 'z')
            offer_word (o, word, "");
}

/* usage: of a verb, or what follows a literal. Its options, "[--root DIR]", are among the entries.  */
static void
offer_arguments (struct offer *o, const char *usage, size_t len, bool first)
{
    _cleanup_free_ char *text = strndup (usage, len);
    char *option;

    if (!text)
        return;
    for (option = strstr (text, "[-"); option; option = strstr (option, "[-"))
        memset (option, ' ', strcspn (option, "]"));
    if (strstr (text, "KEY=VALUE") && !first)
        offer_keys (o);
    else if (first || strstr (text, "..."))
        offer_placeholders (o, text);
}

static void
complete_verb (struct offer *o, const struct verb *verb, char *const *words, int n)
{
    struct entry entry, literal = {.word = NULL};
    int given = 0;

    for (int i = 0; i < n; i++) {
        bool known = find_entry (verb, words[i], &entry);

        if (known && is_option (&entry) && entry.rest_len > 0) {
            i++;
            if (i == n) {
                offer_value (o, &entry);
                return;
            }
        } else if (words[i][0] != '-') {
            given++;
            if (known && !literal.word)
                literal = entry;
        }
    }
    if (o->current[0] != '-' && literal.word)
        offer_arguments (o, literal.rest, literal.rest_len, given == 1);
    else if (o->current[0] != '-' && has_literals (verb))
        offer_entries (o, verb, is_literal);
    else if (o->current[0] != '-')
        offer_arguments (o, verb->arguments, strlen (verb->arguments), given == 0);
    if (o->n > 0)
        return;
    offer_entries (o, verb, is_option);
    offer_word (o, "--help", "its options");
}

void
complete_words (const struct verb *verbs, size_t n_verbs, char *const *words, int n_words, FILE *out)
{
    struct offer o = {.current = n_words > 0 ? words[n_words - 1] : "", .out = out};

    for (size_t i = 0; i < n_verbs; i++) {
        if (n_words <= 1)
            offer_word (&o, verbs[i].name, verbs[i].summary);
        else if (strcmp (verbs[i].name, words[0]) == 0)
            complete_verb (&o, &verbs[i], words + 1, n_words - 2);
    }
    if (n_words <= 1) {
        offer_word (&o, "--help", "the commands");
        offer_word (&o, "--version", "the version");
    }
}
