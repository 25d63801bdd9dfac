#include <stdio.h>
#include <string.h>

#include "../oci/cleanup.h"
#include "../oci/nearest.h"
#include "policy.h"

/* The longest wait of who does not say dri.wait: no door waits for longer then.  */
enum { DEFAULT_WAIT_MAX_MS = 10000 };

static int
unknown (const char *where, const char *key, const char *const *names, struct error *err)
{
    char advice[160];

    nearest_advise (key, names, "\"", advice, sizeof advice);
    return error_set (err, 0, "unknown key \"%.60s\"%s%s; %s", key, *where ? " in " : "", where, advice);
}

static int
find (const char *const *names, const char *key)
{
    for (int i = 0; names[i]; i++)
        if (strcmp (names[i], key) == 0)
            return i;
    return -1;
}

/* One value stands for a list of one. False: it is no list, or one of too many.  */
static bool
list_of (const json_t *value, size_t *n)
{
    *n = json_is_array (value) ? json_array_size (value) : 1;
    return *n >= 1 && *n <= POLICY_WORDS_MAX;
}

static json_t *
item_of (json_t *value, size_t i)
{
    return json_is_array (value) ? json_array_get (value, i) : value;
}

/* --- "who" --- */

static int
take_patterns (struct policy_patterns *out, json_t *value, const char *key, struct error *err)
{
    size_t n;

    if (!list_of (value, &n))
        return error_set (err, 0, "\"who\": \"%s\" wants a text, or a list of 1 to %d", key,
                          POLICY_WORDS_MAX);
    for (size_t i = 0; i < n; i++) {
        const char *text = json_string_value (item_of (value, i));

        if (!text || !*text || strlen (text) >= sizeof out->text[0])
            return error_set (err, 0, "\"who\": \"%s\" wants texts of 1 to %zu characters", key,
                              sizeof out->text[0] - 1);
        (void) snprintf (out->text[i], sizeof out->text[i], "%s", text);
    }
    out->n = (unsigned) n;
    return 0;
}

static int
take_users (struct policy_rule *rule, json_t *value, struct error *err)
{
    size_t n;

    if (!list_of (value, &n))
        return error_set (err, 0, "\"who\": \"user\" wants a uid, or a list of 1 to %d", POLICY_WORDS_MAX);
    for (size_t i = 0; i < n; i++) {
        const json_t *item = item_of (value, i);
        json_int_t uid = json_integer_value (item);

        if (!json_is_integer (item) || uid < 0 || uid >= UINT32_MAX)
            return error_set (err, 0, "\"who\": \"user\" wants numbers (id -u NAME tells them)");
        rule->users[i] = (uid_t) uid;
    }
    rule->n_users = (unsigned) n;
    return 0;
}

static const char *const traits[] = {
    [TRAIT_CONTAINER] = "container", [TRAIT_IMAGE] = "image",   [TRAIT_PROJECT] = "project",
    [TRAIT_SERVICE] = "service",     [TRAIT_ENGINE] = "engine", [TRAIT_ROLE] = "role",
    [TRAIT_COUNT] = "user",          [TRAIT_COUNT + 1] = NULL};

static int
take_who (struct policy_rule *rule, json_t *who, struct error *err)
{
    const char *key;
    json_t *value;

    if (!json_is_object (who))
        return error_set (err, 0, "\"who\" wants an object");
    json_object_foreach (who, key, value) {
        int trait = find (traits, key);

        if (trait < 0)
            return unknown ("\"who\"", key, traits, err);
        if ((trait == TRAIT_COUNT ? take_users (rule, value, err)
                                  : take_patterns (&rule->who[trait], value, key, err))
            < 0)
            return -1;
    }
    return 0;
}

/* --- "allow", "default", "max" --- */

/* What key and word mean, as a request has it. A number stands for its digits.  */
static int
understand (struct request *req, const char *key, const json_t *word, struct error *err)
{
    char name[64], number[32];

    (void) snprintf (name, sizeof name, "dri.%.40s", key);
    (void) snprintf (number, sizeof number, "%lld", (long long) json_integer_value (word));
    if (!json_is_string (word) && !json_is_integer (word))
        return error_set (err, 0, "%s wants a text", name);
    return request_set (req, SOURCE_POLICY, name, json_is_string (word) ? json_string_value (word) : number,
                        err);
}

static int
allow_gpu (struct policy_rule *rule, const struct request *req, struct error *err)
{
    if (req->n_selectors > 1)
        return error_set (err, 0, "dri.gpu: \"%.60s\" is several; write them as a list", req->text[KEY_GPU]);
    rule->gpus[rule->n_gpus++] = req->selectors[0];
    return 0;
}

static int
allow_word (struct policy_rule *rule, enum request_key key, const char *name, const json_t *word,
            struct error *err)
{
    struct request req;
    const char *text = json_string_value (word);

    if (key == KEY_OWNER && text && strcmp (text, "UID:GID") == 0) {
        rule->allowed[key] |= 1U << OWNER_IDS;
        return 0;
    }
    request_init (&req);
    if (understand (&req, name, word, err) < 0)
        return -1;
    if (key == KEY_GPU)
        return allow_gpu (rule, &req, err);
    if (key == KEY_OWNER && req.owner.kind == OWNER_IDS)
        return error_set (err, 0, "dri.owner: \"UID:GID\", in these letters, stands for all ids");
    rule->allowed[key] |= 1U << policy_value (&req, key);
    return 0;
}

static int
allow_words (struct policy_rule *rule, enum request_key key, const char *name, json_t *value,
             struct error *err)
{
    size_t n;

    if (!list_of (value, &n))
        return error_set (err, 0, "\"%s\" wants a text, or a list of 1 to %d", name, POLICY_WORDS_MAX);
    for (size_t i = 0; i < n; i++)
        if (allow_word (rule, key, name, item_of (value, i), err) < 0)
            return -1;
    return 0;
}

static int
take_allow (struct policy_rule *rule, json_t *allow, struct error *err)
{
    static const char *const names[] = {"gpu",   "nodes",      "access", "class",
                                        "ready", "on-failure", "owner",  NULL};
    static const enum request_key keys[] = {KEY_GPU,   KEY_NODES,      KEY_ACCESS, KEY_CLASS,
                                            KEY_READY, KEY_ON_FAILURE, KEY_OWNER};
    const char *name;
    json_t *value;

    rule->nothing = json_is_false (allow);
    if (json_is_boolean (allow))
        return 0;
    if (!json_is_object (allow))
        return error_set (err, 0, "\"allow\" is true, false or an object");
    json_object_foreach (allow, name, value) {
        int i = find (names, name);

        if (i < 0)
            return unknown ("\"allow\"", name, names, err);
        if (allow_words (rule, keys[i], name, value, err) < 0)
            return error_wrap (err, "\"allow\"");
    }
    return 0;
}

static int
take_defaults (struct policy_rule *rule, json_t *defaults, struct error *err)
{
    static const char *const names[] = {"gpu",     "nodes", "access", "class", "slots",      "share",
                                        "require", "ready", "wait",   "owner", "on-failure", NULL};
    const char *name;
    json_t *value;

    if (!json_is_object (defaults))
        return error_set (err, 0, "\"default\" wants an object");
    json_object_foreach (defaults, name, value) {
        if (find (names, name) < 0)
            return unknown ("\"default\"", name, names, err);
        if (understand (&rule->defaults, name, value, err) < 0)
            return error_wrap (err, "\"default\"");
    }
    return rule->defaults.wait_ms <= DEFAULT_WAIT_MAX_MS
               ? 0
               : error_set (err, 0, "\"default\": dri.wait is 10s at most for who does not ask for it");
}

static int
take_max (struct policy_rule *rule, json_t *max, struct error *err)
{
    static const char *const names[] = {"slots", "share", "wait", NULL};
    struct request req;
    const char *name;
    json_t *value;

    if (!json_is_object (max))
        return error_set (err, 0, "\"max\" wants an object");
    request_init (&req);
    json_object_foreach (max, name, value) {
        if (find (names, name) < 0)
            return unknown ("\"max\"", name, names, err);
        if (understand (&req, name, value, err) < 0)
            return error_wrap (err, "\"max\"");
    }
    rule->max_share = req.share;
    rule->max_slots = req.source[KEY_SLOTS] == SOURCE_POLICY ? req.slots : 0;
    rule->max_wait_ms = req.source[KEY_WAIT] == SOURCE_POLICY ? req.wait_ms : REQUEST_WAIT_MAX_MS;
    return 0;
}

/* --- rules --- */

/* What to call a rule: its name, or whom it means.  */
static void
entitle (struct policy_rule *rule, size_t number, const char *name)
{
    char whom[POLICY_TITLE_MAX] = "everybody else";

    if (rule->n_users > 0)
        (void) snprintf (whom, sizeof whom, "user %u", (unsigned) rule->users[0]);
    for (int i = TRAIT_COUNT; i-- > 0;)
        if (rule->who[i].n > 0)
            (void) snprintf (whom, sizeof whom, "%s %.60s", traits[i], rule->who[i].text[0]);
    (void) snprintf (rule->title, sizeof rule->title, "rule %zu (%.70s)", number, name ? name : whom);
    text_clean (rule->title);
}

static int
take_member (struct policy_rule *rule, const char *key, json_t *value, struct error *err)
{
    static const char *const names[] = {"name", "who", "allow", "default", "max", NULL};

    if (strcmp (key, "who") == 0)
        return take_who (rule, value, err);
    if (strcmp (key, "allow") == 0)
        return take_allow (rule, value, err);
    if (strcmp (key, "default") == 0)
        return take_defaults (rule, value, err);
    if (strcmp (key, "max") == 0)
        return take_max (rule, value, err);
    if (strcmp (key, "name") != 0)
        return unknown ("", key, names, err);
    return json_is_string (value) ? 0 : error_set (err, 0, "\"name\" wants a text");
}

/* What a container gets that says nothing has to be something that it may have.  */
static int
check_rule (const struct policy_rule *rule, struct error *err)
{
    if (rule->nothing || policy_check (rule, &rule->defaults, err) == 0)
        return 0;
    return error_wrap (err, "a container that does not say otherwise would be refused (put into \"default\" "
                            "what it gets): it");
}

static int
take_rule (struct policy_rule *rule, size_t number, json_t *json, struct error *err)
{
    const char *key;
    json_t *value;

    *rule = (struct policy_rule){.max_wait_ms = REQUEST_WAIT_MAX_MS};
    request_init (&rule->defaults);
    if (!json_is_object (json))
        return error_set (err, 0, "wants an object");
    json_object_foreach (json, key, value) {
        if (take_member (rule, key, value, err) < 0)
            return -1;
    }
    entitle (rule, number, json_string_value (json_object_get (json, "name")));
    return check_rule (rule, err);
}

int
policy_parse (void *userdata, json_t *list, struct error *err)
{
    struct policy *policy = userdata;
    size_t i;
    json_t *rule;

    policy->n = 0;
    if (!json_is_array (list) || json_array_size (list) > POLICY_RULES_MAX)
        return error_set (err, 0, "\"policy\" wants a list of at most %d rules", POLICY_RULES_MAX);
    json_array_foreach (list, i, rule) {
        if (take_rule (&policy->rules[i], i + 1, rule, err) < 0)
            return error_wrap (err, "\"policy\", rule %zu", i + 1);
    }
    policy->n = (unsigned) json_array_size (list);
    return 0;
}
