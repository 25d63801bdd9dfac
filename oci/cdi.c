#include "cdi.h"

#include <string.h>

static const char *
device_of (const json_t *entry)
{
    const json_t *args = json_object_get (entry, "args");
    const char *name = json_string_value (json_array_get (args, 0));
    const char *word = json_string_value (json_array_get (args, 2));

    return name && strcmp (name, "dri-hook") == 0 && word && strcmp (word, CDI_OPTION) == 0
               ? json_string_value (json_array_get (args, 3))
               : NULL;
}

int
cdi_asked (const json_t *hooks, const char **device, struct error *err)
{
    const char *found = NULL;
    size_t i;
    json_t *entry;

    json_array_foreach (json_object_get (hooks, "createRuntime"), i, entry) {
        const char *name = device_of (entry);

        if (name && found)
            return error_set (err, 0,
                              "the devices " CDI_KIND "=%.60s and " CDI_KIND
                              "=%.60s: a container gets one GPU, "
                              "or " CDI_KIND "=all",
                              found, name);
        if (name)
            found = name;
    }
    *device = found;
    return 0;
}
