#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "file.h"
#include "nearest.h"

enum { CONFIG_BYTES_MAX = 1 << 20 };

void
config_init (struct config *config)
{
    *config = (struct config){
        .runtimes = {"runc", "crun"},
        .n_runtimes = 2,
        .slots = 16,
        .activate_timeout_ms = 60000,
        .ageing_ms = 20000,
        .max_wait_ms = 60000,
        .throttle = {.on = true,
                     .parking = true,
                     .period_ms = 100,
                     .slice_ms = 10,
                     .frozen_ms = 2000,
                     .threshold = 90,
                     .target = 97,
                     .interactive_weight = 4,
                     .batch_weight = 1},
        .docker_socket = "/run/docker.sock",
        .docker_root = "/var/lib/docker",
        .containerd_root = "/var/lib/containerd",
    };
}

static int
take_text (char *out, size_t size, const json_t *value, const char *key, struct error *err)
{
    const char *text = json_string_value (value);

    if (!text || !*text || strlen (text) >= size)
        return error_set (err, 0, "\"%s\" wants a text of at most %zu characters", key, size - 1);
    (void) snprintf (out, size, "%s", text);
    return 0;
}

static int
take_number (unsigned *out, unsigned max, const json_t *value, const char *key, struct error *err)
{
    json_int_t n = json_integer_value (value);

    if (!json_is_integer (value) || n < 1 || n > max)
        return error_set (err, 0, "\"%s\" wants a number from 1 to %u", key, max);
    *out = (unsigned) n;
    return 0;
}

static int
take_seconds (unsigned *out_ms, unsigned max, const json_t *value, const char *key, struct error *err)
{
    unsigned seconds;

    if (take_number (&seconds, max, value, key, err) < 0)
        return -1;
    *out_ms = seconds * 1000;
    return 0;
}

static int
take_runtimes (struct config *config, json_t *value, struct error *err)
{
    size_t i, n = json_array_size (value);
    json_t *item;

    if (n < 1 || n > CONFIG_RUNTIMES_MAX)
        return error_set (err, 0, "\"runtimes\" wants a list of 1 to %d names or paths", CONFIG_RUNTIMES_MAX);
    json_array_foreach (value, i, item) {
        if (take_text (config->runtimes[i], sizeof config->runtimes[i], item, "runtimes", err) < 0)
            return -1;
        if (strchr (config->runtimes[i], '/') && config->runtimes[i][0] != '/')
            return error_set (err, 0, "\"runtimes\": \"%s\" is neither a name nor an absolute path",
                              config->runtimes[i]);
    }
    config->n_runtimes = (unsigned) n;
    return 0;
}

static int
take_gpu (struct config_gpu *gpu, json_t *value, struct error *err)
{
    const char *key;
    json_t *item;

    json_object_foreach (value, key, item) {
        int r;

        if (strcmp (key, "match") == 0)
            r = take_text (gpu->match, sizeof gpu->match, item, "gpus.match", err);
        else if (strcmp (key, "name") == 0)
            r = take_text (gpu->name, sizeof gpu->name, item, "gpus.name", err);
        else if (strcmp (key, "slots") == 0)
            r = take_number (&gpu->slots, 1000, item, "gpus.slots", err);
        else
            r = error_set (err, 0, "unknown key \"gpus.%.60s\" (known: match, name, slots)", key);
        if (r < 0)
            return -1;
    }
    if (!gpu->match[0])
        return error_set (err, 0, "an entry of \"gpus\" has no \"match\"");
    return 0;
}

static int
take_gpus (struct config *config, json_t *value, struct error *err)
{
    size_t i;
    json_t *item;

    if (!json_is_array (value) || json_array_size (value) > CONFIG_GPUS_MAX)
        return error_set (err, 0, "\"gpus\" wants a list of at most %d objects", CONFIG_GPUS_MAX);
    json_array_foreach (value, i, item) {
        if (take_gpu (&config->gpus[i], item, err) < 0)
            return -1;
    }
    config->n_gpus = (unsigned) json_array_size (value);
    return 0;
}

static int
take_ids (struct config_ids *out, json_t *value, const char *key, struct error *err)
{
    size_t i;
    json_t *item;

    if (!json_is_array (value) || json_array_size (value) > CONFIG_IDS_MAX)
        return error_set (err, 0, "\"%s\" wants a list of at most %d ids", key, CONFIG_IDS_MAX);
    json_array_foreach (value, i, item) {
        json_int_t id = json_integer_value (item);

        if (!json_is_integer (item) || id < 0 || id >= UINT32_MAX)
            return error_set (err, 0, "\"%s\" wants numbers (id NAME tells them)", key);
        out->ids[i] = (uint32_t) id;
    }
    out->n = (unsigned) json_array_size (value);
    return 0;
}

/* The bounds are those of governor.h.  */
static int
take_throttle (struct config_throttle *out, json_t *value, struct error *err)
{
    const struct {
        const char *key;
        unsigned min, max, *to;
    } keys[] = {
        {"period-ms", 20, 1000, &out->period_ms},
        {"slice-ms", 1, 250, &out->slice_ms},
        {"frozen-ms", 80, 10000, &out->frozen_ms},
        {"threshold", 10, 98, &out->threshold},
        {"target", 11, 99, &out->target},
        {"interactive-weight", 1, 1000, &out->interactive_weight},
        {"batch-weight", 1, 1000, &out->batch_weight},
    };
    const char *key;
    json_t *item;

    out->on = !json_is_false (value);
    if (json_is_boolean (value))
        return 0;
    if (!json_is_object (value))
        return error_set (err, 0, "\"throttle\" is true, false or an object");
    json_object_foreach (value, key, item) {
        size_t i = 0;

        if (strcmp (key, "parking") == 0 && json_is_boolean (item)) {
            out->parking = json_is_true (item);
            continue;
        }

        while (i < countof (keys) && strcmp (keys[i].key, key) != 0)
            i++;
        if (i == countof (keys))
            return error_set (
                err, 0,
                "\"throttle\": unknown key \"%.60s\" (known: parking, period-ms, slice-ms, frozen-ms, "
                "threshold, target, interactive-weight, batch-weight)",
                key);
        if (take_number (keys[i].to, keys[i].max, item, key, err) < 0)
            return -1;
        if (*keys[i].to < keys[i].min)
            return error_set (err, 0, "\"throttle\": \"%s\" wants %u at least", key, keys[i].min);
    }
    if (out->slice_ms * 4 > out->period_ms || out->frozen_ms < out->period_ms * 4
        || out->threshold >= out->target)
        return error_set (err, 0,
                          "\"throttle\" wants slice-ms of at most a quarter of period-ms, frozen-ms of at "
                          "least four times that, and threshold below target");
    return 0;
}

static int
unknown (const char *key, struct error *err)
{
    static const char *const keys[] = {
        "runtimes", "gpus",        "slots",           "users",          "groups",
        "policy",   "docker-root", "containerd-root", "docker-socket",  "activate-timeout",
        "max-wait", "ageing",      "throttle",        "image-requests", NULL};
    char advice[256];

    nearest_advise (key, keys, "\"", advice, sizeof advice);
    return error_set (err, 0, "unknown key \"%.60s\"; %s", key, advice);
}

static int
take_key (struct config *config, const char *key, json_t *value, struct error *err)
{
    if (strcmp (key, "runtimes") == 0)
        return take_runtimes (config, value, err);
    if (strcmp (key, "gpus") == 0)
        return take_gpus (config, value, err);
    if (strcmp (key, "slots") == 0)
        return take_number (&config->slots, 1000, value, key, err);
    if (strcmp (key, "users") == 0)
        return take_ids (&config->users, value, key, err);
    if (strcmp (key, "groups") == 0)
        return take_ids (&config->groups, value, key, err);
    if (strcmp (key, "docker-root") == 0)
        return take_text (config->docker_root, sizeof config->docker_root, value, key, err);
    if (strcmp (key, "containerd-root") == 0)
        return take_text (config->containerd_root, sizeof config->containerd_root, value, key, err);
    if (strcmp (key, "docker-socket") == 0)
        return take_text (config->docker_socket, sizeof config->docker_socket, value, key, err);
    if (strcmp (key, "activate-timeout") == 0)
        return take_seconds (&config->activate_timeout_ms, 3600, value, key, err);
    if (strcmp (key, "max-wait") == 0)
        return take_seconds (&config->max_wait_ms, 60, value, key, err);
    if (strcmp (key, "ageing") == 0)
        return take_seconds (&config->ageing_ms, 3600, value, key, err);
    if (strcmp (key, "throttle") == 0)
        return take_throttle (&config->throttle, value, err);
    if (strcmp (key, "image-requests") == 0) {
        if (!json_is_boolean (value))
            return error_set (err, 0, "\"image-requests\" is true or false");
        config->image_requests = json_is_true (value);
        return 0;
    }
    return unknown (key, err);
}

static int
parse (struct config *config, config_policy_parser *policy, void *userdata, const char *text, size_t len,
       struct error *err)
{
    _cleanup_json_ json_t *root = NULL;
    json_error_t where;
    const char *key;
    json_t *value;

    root = json_loadb (text, len, JSON_REJECT_DUPLICATES, &where);
    if (!root)
        return error_set (err, 0, "invalid JSON at line %d, column %d: %s", where.line, where.column,
                          where.text);
    if (!json_is_object (root))
        return error_set (err, 0, "invalid JSON: not an object");
    json_object_foreach (root, key, value) {
        int r;

        if (strcmp (key, "policy") == 0)
            r = policy ? policy (userdata, value, err) : 0;
        else
            r = take_key (config, key, value, err);
        if (r < 0)
            return -1;
    }
    return 0;
}

int
config_load (struct config *config, struct error *err)
{
    return config_load_policy (config, NULL, NULL, err);
}

int
config_load_policy (struct config *config, config_policy_parser *policy, void *userdata, struct error *err)
{
    const char *path = getenv ("DRI_BROKER_CONFIG");
    _cleanup_free_ char *text = NULL;
    struct config parsed;
    size_t len;

    if (!path)
        path = "/etc/dri-broker/config.json";
    config_init (config);
    if (file_read (path, CONFIG_BYTES_MAX, &text, &len, err) < 0) {
        if (err->status != ENOENT)
            return -1;
        *err = (struct error){0};
        return 0;
    }
    parsed = *config;
    if (parse (&parsed, policy, userdata, text, len, err) < 0)
        return error_wrap (err, "%s", path);
    *config = parsed;
    return 0;
}

const char *
config_socket (void)
{
    const char *path = getenv ("DRI_BROKER_SOCKET");

    return path ? path : "/run/dri-broker/broker.sock";
}

int
config_user_socket (char *path, size_t size, struct error *err)
{
    const char *main_one = config_socket (), *suffix = strrchr (main_one, '.');
    size_t len = suffix && strcmp (suffix, ".sock") == 0 ? (size_t) (suffix - main_one) : strlen (main_one);
    int n = snprintf (path, size, "%.*s-user.sock", (int) len, main_one);

    return n < 0 || (size_t) n >= size ? error_set (err, ENAMETOOLONG, "socket %s", main_one) : 0;
}
