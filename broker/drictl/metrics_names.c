#include "metrics_names.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char *
text_of (const json_t *object, const char *key)
{
    return json_string_value (json_object_get (object, key));
}

static bool
is_taken (const json_t *names, const char *name)
{
    const json_t *taken;
    size_t i;

    json_array_foreach (names, i, taken) {
        if (json_is_string (taken) && strcmp (json_string_value (taken), name) == 0)
            return true;
    }
    return false;
}

/* What people call it, as in drictl status; a user's with his uid behind it. Two engines may have containers
 * of one name, and a series that is there twice would cost Prometheus the whole file: the later one is
 * "name#2".  */
static json_t *
name_lease (const json_t *names, const json_t *lease)
{
    const json_t *container = json_object_get (lease, "container");
    const char *name = text_of (container, "name"), *id = text_of (container, "id");
    json_int_t owner = json_integer_value (json_object_get (lease, "owner"));
    char first[280], label[sizeof first + 40], at[24] = "";

    if (name && *name)
        (void) snprintf (first, sizeof first, "%s", name);
    else if (text_of (container, "project") && text_of (container, "service"))
        (void) snprintf (first, sizeof first, "%s/%s", text_of (container, "project"),
                         text_of (container, "service"));
    else
        (void) snprintf (first, sizeof first, "%.12s", id ? id : "");
    if (owner != 0)
        (void) snprintf (at, sizeof at, "@%" JSON_INTEGER_FORMAT, owner);
    (void) snprintf (label, sizeof label, "%s%s", first, at);
    for (unsigned n = 2; is_taken (names, label); n++)
        (void) snprintf (label, sizeof label, "%s#%u%s", first, n, at);
    return json_string (label);
}

static void
name_leases_of (json_t *names, const json_t *leases, bool root)
{
    const json_t *lease;
    size_t i;

    json_array_foreach (leases, i, lease) {
        if ((json_integer_value (json_object_get (lease, "owner")) == 0) == root)
            (void) json_array_set_new (names, i, name_lease (names, lease));
    }
}

/* Root's choose first: no user takes a series that is root's, whatever he calls his container.  */
json_t *
metrics_lease_names (const json_t *status)
{
    const json_t *leases = json_object_get (status, "leases");
    json_t *names = json_array ();

    for (size_t i = 0; i < json_array_size (leases); i++)
        (void) json_array_append_new (names, json_null ());
    name_leases_of (names, leases, true);
    name_leases_of (names, leases, false);
    return names;
}
