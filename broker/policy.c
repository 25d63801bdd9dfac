#include "policy.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../oci/cleanup.h"
#include "lease.h"

#define CONFIG "/etc/dri-broker/config.json"

/* --- whom does a rule mean? --- */

/* Time in proportion to both lengths at most: a user may have written the text.  */
static bool
fits (const char *pattern, size_t len, const char *text, size_t text_len)
{
    size_t p = 0, t = 0, star = SIZE_MAX, from = 0;

    while (t < text_len) {
        if (p < len && pattern[p] == '*') {
            star = p++;
            from = t;
        } else if (p < len && (pattern[p] == '?' || pattern[p] == text[t])) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++from;
        } else {
            return false;
        }
    }
    while (p < len && pattern[p] == '*')
        p++;
    return p == len;
}

/* The length of an image's name without ":tag" and "@digest"; the port of a registry is neither.  */
static size_t
untagged (const char *image)
{
    size_t len = strcspn (image, "@");
    const char *colon = memrchr (image, ':', len), *slash = memrchr (image, '/', len);

    return colon && (!slash || colon > slash) ? (size_t) (colon - image) : len;
}

/* Podman writes out what Docker leaves away.  */
static const char *
short_image (const char *image)
{
    static const char *const hubs[] = {"docker.io/library/", "docker.io/"};

    for (size_t i = 0; i < countof (hubs); i++)
        if (strncmp (image, hubs[i], strlen (hubs[i])) == 0)
            return image + strlen (hubs[i]);
    return image;
}

/* Each name by which people know an image.  */
static bool
image_fits (const char *pattern, const char *image)
{
    const char *const names[] = {image, short_image (image)};
    size_t len = strlen (pattern);

    for (size_t i = 0; i < countof (names); i++)
        if (fits (pattern, len, names[i], strlen (names[i]))
            || fits (pattern, len, names[i], untagged (names[i])))
            return true;
    return false;
}

static bool
trait_fits (enum policy_trait trait, const struct policy_patterns *patterns, const char *text)
{
    for (unsigned i = 0; i < patterns->n && *text; i++)
        if (trait == TRAIT_IMAGE ? image_fits (patterns->text[i], text)
                                 : fits (patterns->text[i], strlen (patterns->text[i]), text, strlen (text)))
            return true;
    return patterns->n == 0;
}

static bool
user_fits (const struct policy_rule *rule, uid_t asker)
{
    for (unsigned i = 0; i < rule->n_users; i++)
        if (rule->users[i] == asker)
            return true;
    return rule->n_users == 0;
}

static bool
rule_fits (const struct policy_rule *rule, uid_t asker, const struct container *c, const char *role)
{
    const char *const texts[TRAIT_COUNT] = {
        [TRAIT_CONTAINER] = c->name,  [TRAIT_IMAGE] = c->image,   [TRAIT_PROJECT] = c->project,
        [TRAIT_SERVICE] = c->service, [TRAIT_ENGINE] = c->engine, [TRAIT_ROLE] = role,
    };

    for (int i = 0; i < TRAIT_COUNT; i++)
        if (!trait_fits ((enum policy_trait) i, &rule->who[i], texts[i]))
            return false;
    return user_fits (rule, asker);
}

static const struct policy_rule *
rule_for (const struct policy *policy, uid_t asker, const struct container *container, const char *role)
{
    for (unsigned i = 0; i < policy->n; i++)
        if (rule_fits (&policy->rules[i], asker, container, role))
            return &policy->rules[i];
    return NULL;
}

/* --- what is allowed? --- */

unsigned
policy_value (const struct request *req, enum request_key key)
{
    switch (key) {
    case KEY_NODES:
        return req->card;
    case KEY_ACCESS:
        return (unsigned) req->access;
    case KEY_CLASS:
        return (unsigned) req->class;
    case KEY_READY:
        return (unsigned) req->ready;
    case KEY_ON_FAILURE:
        return (unsigned) req->on_failure;
    default:
        return (unsigned) req->owner.kind;
    }
}

/* "shared or monitor"  */
static void
allowed_words (const struct policy_rule *rule, enum request_key key, char *out, size_t size)
{
    static const char *const owners[] = {"auto", "host", "UID:GID", NULL};
    const char *const *words = key == KEY_OWNER ? owners : request_words (key);
    size_t len = 0;

    for (unsigned i = 0; words[i] && len < size; i++)
        if (rule->allowed[key] & (1U << i))
            len += (size_t) snprintf (out + len, size - len, "%s%s", len ? " or " : "", words[i]);
}

int
policy_check (const struct policy_rule *rule, const struct request *req, struct error *err)
{
    for (int i = 0; i < KEY_COUNT; i++) {
        const enum request_key key = (enum request_key) i;
        char words[96];

        if (!rule->allowed[key] || (rule->allowed[key] & (1U << policy_value (req, key))))
            continue;
        allowed_words (rule, key, words, sizeof words);
        return error_set (err, 0, "asks for %s=%s; %s of " CONFIG " allows %s only", request_key_name (key),
                          req->text[key], rule->title, words);
    }
    if (rule->max_slots && req->slots > rule->max_slots)
        return error_set (err, 0, "asks for dri.slots=%u; %s of " CONFIG " allows %u at most", req->slots,
                          rule->title, rule->max_slots);
    return 0;
}

/* --- what is changed? --- */

static void note (struct policy_mark *mark, const char *format, ...) __attribute__ ((format (printf, 2, 3)));

static void
note (struct policy_mark *mark, const char *format, ...)
{
    size_t len = strlen (mark->changes);
    va_list args;

    if (len > 0)
        len += (size_t) snprintf (mark->changes + len, sizeof mark->changes - len, "; ");
    if (len >= sizeof mark->changes)
        return;
    va_start (args, format);
    (void) vsnprintf (mark->changes + len, sizeof mark->changes - len, format, args);
    va_end (args);
}

/* The words come from a rule that was checked when it was read.  */
static void
set (struct request *req, enum request_key key, const char *value)
{
    struct error impossible;

    (void) request_set (req, SOURCE_POLICY, request_key_name (key), value, &impossible);
}

static void
take_defaults (const struct policy_rule *rule, struct request *req, struct policy_mark *mark)
{
    for (int i = 0; i < KEY_COUNT; i++) {
        const enum request_key key = (enum request_key) i;

        if (rule->defaults.source[key] != SOURCE_POLICY || req->source[key] != SOURCE_DEFAULT)
            continue;
        set (req, key, rule->defaults.text[key]);
        note (mark, "%s=%s by default", request_key_name (key), rule->defaults.text[key]);
    }
}

static void
lower (const struct policy_rule *rule, struct request *req, struct policy_mark *mark)
{
    char text[32];

    if (rule->max_share && (req->share == 0 || req->share > rule->max_share)) {
        (void) snprintf (text, sizeof text, "%u%%", rule->max_share);
        note (mark, "dri.share=%s, the most it may have", text);
        set (req, KEY_SHARE, text);
    }
    if (req->wait_ms > rule->max_wait_ms) {
        (void) snprintf (text, sizeof text, "%ums", rule->max_wait_ms);
        note (mark, "dri.wait=%s, the most it may have", text);
        set (req, KEY_WAIT, text);
    }
}

static int
refuse (const struct container *container, uid_t asker, struct error *err)
{
    struct error what = *err;

    return error_set (
        err, 0, "container %.60s %s: ask for less, or %s", container_label (container), what.message,
        asker == 0 ? "change the rule, then systemctl reload dri-broker" : "have root change the rule");
}

int
policy_apply (const struct policy *policy, uid_t asker, const struct container *container,
              struct request *req, struct policy_mark *mark, struct error *err)
{
    const struct policy_rule *rule = rule_for (policy, asker, container, req->text[KEY_ROLE]);
    struct policy_mark made = {.n_gpus = 0};
    struct request changed = *req;

    if (rule && rule->nothing) {
        (void) error_set (err, 0, "may have no GPU, says %s of " CONFIG, rule->title);
        return refuse (container, asker, err);
    }
    if (rule) {
        (void) snprintf (made.rule, sizeof made.rule, "%s", rule->title);
        memcpy (made.gpus, rule->gpus, sizeof made.gpus);
        made.n_gpus = rule->n_gpus;
        take_defaults (rule, &changed, &made);
        if (policy_check (rule, &changed, err) < 0)
            return refuse (container, asker, err);
        lower (rule, &changed, &made);
        *req = changed;
    }
    *mark = made;
    return 0;
}

uint32_t
policy_gpus (const struct policy_mark *mark, const struct gpus *gpus)
{
    uint32_t set = 0;

    if (mark->n_gpus == 0)
        return UINT32_MAX;
    for (unsigned gpu = 0; gpu < GPUS_MAX; gpu++)
        for (unsigned i = 0; i < mark->n_gpus; i++)
            if (gpus->table[gpu].state != GPU_ABSENT && gpu_matches (&gpus->table[gpu], &mark->gpus[i]))
                set |= 1U << gpu;
    return set;
}

bool
policy_still_allows (const struct policy *policy, const struct gpus *gpus, const struct lease *lease,
                     struct error *why)
{
    const struct order *order = &lease->order;
    _cleanup_json_ json_t *parameters = json_loads (order->parameters, 0, NULL);
    struct policy_mark mark;
    struct request asked;

    if (request_from_json (&asked, json_object_get (parameters, "request"), why) < 0
        || policy_apply (policy, order->owner, &order->container, &asked, &mark, why) < 0)
        return false;
    if ((lease->gpus & gpus_present (gpus) & ~policy_gpus (&mark, gpus)) == 0)
        return true;
    (void) error_set (why, 0, "has a GPU that %s of " CONFIG " does not allow", mark.rule);
    return refuse (&order->container, order->owner, why) == 0;
}
