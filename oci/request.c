#include "request.h"

#include <stdio.h>
#include <string.h>

#include "nearest.h"
#include "request_value.h"

static const char *const key_names[KEY_COUNT + 1] = {
    [KEY_ENABLE] = "dri.enable",
    [KEY_GPU] = "dri.gpu",
    [KEY_NODES] = "dri.nodes",
    [KEY_ACCESS] = "dri.access",
    [KEY_CLASS] = "dri.class",
    [KEY_SLOTS] = "dri.slots",
    [KEY_SHARE] = "dri.share",
    [KEY_REQUIRE] = "dri.require",
    [KEY_READY] = "dri.ready",
    [KEY_WAIT] = "dri.wait",
    [KEY_ON_FAILURE] = "dri.on-failure",
    [KEY_OWNER] = "dri.owner",
    [KEY_ROLE] = "dri.role",
};

const char *
request_key_name (enum request_key key)
{
    return key_names[key];
}

const char *
request_source_name (enum request_source source)
{
    static const char *const names[] = {"default", "reservation", "environment", "annotation",
                                        "label",   "device",      "policy"};

    return names[source];
}

void
request_init (struct request *req)
{
    *req = (struct request){.n_selectors = 1, .slots = 1, .wait_ms = 10000};
    req->selectors[0] = (struct selector){.kind = SELECT_ANY, .text = "any"};
}

/* DRI_ON_FAILURE becomes dri.on-failure; a label is taken as it is.  */
static void
canonical_name (enum request_source source, const char *name, char *out, size_t size)
{
    (void) snprintf (out, size, "%s", name);
    if (source != SOURCE_ENV)
        return;
    for (char *p = out; *p; p++)
        if (*p == '_')
            *p = '-';
        else if (*p >= 'A' && *p <= 'Z')
            *p = (char) (*p - 'A' + 'a');
    out[3] = '.';
}

static int
find_key (const char *name)
{
    for (int i = 0; i < KEY_COUNT; i++)
        if (strcmp (name, key_names[i]) == 0)
            return i;
    return -1;
}

static bool
has_prefix (const char *s, const char *prefix)
{
    return strncmp (s, prefix, strlen (prefix)) == 0;
}

bool
request_owns_label (const char *name)
{
    return has_prefix (name, "dri.");
}

bool
request_owns_env (const char *name)
{
    char canonical[48];

    if (!has_prefix (name, "DRI_") || strlen (name) >= sizeof canonical)
        return false;
    canonical_name (SOURCE_ENV, name, canonical, sizeof canonical);
    return find_key (canonical) >= 0;
}

int
request_set (struct request *req, enum request_source source, const char *name, const char *value,
             struct error *err)
{
    char canonical[48], copy[REQUEST_TEXT_MAX], advice[256];
    struct request changed;
    int key;

    canonical_name (source, name, canonical, sizeof canonical);
    key = find_key (canonical);
    if (key < 0 || (source != SOURCE_ENV && strcmp (name, canonical) != 0)) {
        nearest_advise (canonical, key_names, "", advice, sizeof advice);
        return error_set (err, 0, "unknown %s %.60s; %s", request_source_name (source), name, advice);
    }
    if (strlen (value) >= sizeof copy)
        return error_set (err, 0, "%s has a value of %zu characters, at most %zu are taken", name,
                          strlen (value), sizeof copy - 1);
    changed = *req;
    memcpy (copy, value, strlen (value) + 1);
    if (request_value_parse (&changed, (enum request_key) key, copy, err) < 0)
        return error_wrap (err, "%s", name);
    if (source < req->source[key])
        return 0;
    (void) snprintf (changed.text[key], sizeof changed.text[key], "%s", value);
    changed.source[key] = source;
    *req = changed;
    return 0;
}

/* "gpu" of "dri.gpu".  */
static const char *
plain_name (int key)
{
    return key_names[key] + strlen ("dri.");
}

json_t *
request_to_json (const struct request *req)
{
    json_t *json = json_object ();

    for (int i = 0; i < KEY_COUNT; i++)
        if (req->source[i] != SOURCE_DEFAULT)
            (void) json_object_set_new (json, plain_name (i), json_string (req->text[i]));
    return json;
}

json_t *
request_sources_to_json (const struct request *req)
{
    json_t *json = json_object ();

    for (int i = 0; i < KEY_COUNT; i++)
        if (req->source[i] != SOURCE_DEFAULT)
            (void) json_object_set_new (json, plain_name (i),
                                        json_string (request_source_name (req->source[i])));
    return json;
}

int
request_from_json (struct request *req, const json_t *json, struct error *err)
{
    struct request parsed;
    const char *name;
    json_t *value;

    request_init (&parsed);
    json_object_foreach ((json_t *) json, name, value) {
        char label[64];

        (void) snprintf (label, sizeof label, "dri.%s", name);
        if (!json_is_string (value))
            return error_set (err, 0, "%s is not a string", label);
        if (request_set (&parsed, SOURCE_LABEL, label, json_string_value (value), err) < 0)
            return -1;
    }
    *req = parsed;
    return 0;
}
