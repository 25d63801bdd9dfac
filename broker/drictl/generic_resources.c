#include "generic_resources.h"

#include <stdbool.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "../../oci/request.h"

static const char key[] = "node-generic-resources", prefix[] = "dri=";

static bool
is_configured (const struct config *config, const char *name)
{
    for (unsigned i = 0; i < config->n_gpus; i++)
        if (strcmp (config->gpus[i].name, name) == 0)
            return true;
    return false;
}

static bool
is_number (const char *text)
{
    return text[strspn (text, "0123456789")] == '\0';
}

/* Swarm would take a number for a count, and a comma or equals sign stands between its own words.  */
static bool
is_selector (const char *word)
{
    struct error ignored;
    struct request req;

    request_init (&req);
    return !is_number (word) && !strpbrk (word, ",= ")
           && request_set (&req, SOURCE_LABEL, "dri.gpu", word, &ignored) == 0;
}

static json_t *
entry_of (const json_t *gpu, const struct config *config)
{
    const char *name = json_string_value (json_object_get (gpu, "name"));
    const char *pci = json_string_value (json_object_get (gpu, "pci"));

    if (name && is_selector (name) && (!pci || is_configured (config, name)))
        return json_sprintf ("%s%s", prefix, name);
    return pci ? json_sprintf ("%spci:%s", prefix, pci) : NULL;
}

json_t *
generic_resources_of (const json_t *gpus, const struct config *config, struct error *err)
{
    _cleanup_json_ json_t *entries = json_array ();
    size_t i;
    json_t *gpu;

    json_array_foreach ((json_t *) gpus, i, gpu) {
        const char *state = json_string_value (json_object_get (gpu, "state"));

        if (state && strcmp (state, "present") == 0)
            (void) json_array_append_new (entries, entry_of (gpu, config));
    }
    if (json_array_size (entries) > 0)
        return steal_ptr (&entries);
    error_set (err, 0, "the broker has no GPU that Swarm could be told of; see drictl devices");
    return NULL;
}

static bool
has (const json_t *list, const json_t *entry)
{
    size_t i;
    json_t *item;

    json_array_foreach ((json_t *) list, i, item) {
        if (json_equal (item, entry))
            return true;
    }
    return false;
}

/* of_others: the rest instead.  */
static json_t *
pick (const json_t *root, const json_t *was, bool of_others)
{
    const json_t *list = json_object_get (root, key), *before = json_object_get (was, key);
    json_t *picked = json_array (), *item;
    size_t i;

    json_array_foreach ((json_t *) list, i, item) {
        const char *text = json_string_value (item);
        bool ours = text && strncmp (text, prefix, strlen (prefix)) == 0 && !has (before, item);

        if (ours != of_others)
            (void) json_array_append (picked, item);
    }
    return picked;
}

json_t *
generic_resources_ours (const json_t *root, const json_t *was)
{
    return pick (root, was, false);
}

static int
check_kind (const json_t *list, struct error *err)
{
    size_t i;
    json_t *item;

    json_array_foreach ((json_t *) list, i, item) {
        const char *text = json_string_value (item);

        if (text && strncmp (text, prefix, strlen (prefix)) == 0 && is_number (text + strlen (prefix)))
            return error_set (err, 0,
                              "\"%s\" has \"%s\", and Swarm takes no names beside a number: take it out, or "
                              "leave --swarm away",
                              key, text);
    }
    return 0;
}

int
generic_resources_set (json_t *root, const json_t *was, const json_t *wanted, struct error *err)
{
    const json_t *list = json_object_get (root, key);
    _cleanup_json_ json_t *changed = NULL;
    size_t i;
    json_t *entry;

    if (list && !json_is_null (list) && !json_is_array (list))
        return error_set (err, 0, "\"%s\" is not a list", key);
    changed = pick (root, was, true);
    if (json_array_size (wanted) > 0 && check_kind (changed, err) < 0)
        return -1;
    json_array_foreach ((json_t *) wanted, i, entry) {
        if (!has (changed, entry))
            (void) json_array_append (changed, entry);
    }
    if (json_equal (list, changed) || (!json_is_array (list) && json_array_size (changed) == 0))
        return 0;
    if (json_array_size (changed) == 0 && !json_object_get (was, key))
        return json_object_del (root, key) == 0;
    /* null, as it was, is no array.  */
    if (json_array_size (changed) == 0 && json_is_null (json_object_get (was, key)))
        return json_object_set (root, key, json_object_get (was, key)) == 0;
    return json_object_set (root, key, changed) == 0;
}
