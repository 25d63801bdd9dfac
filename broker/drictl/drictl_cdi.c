#include "drictl_cdi.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../oci/cdi.h"
#include "../../oci/cdi_schema.h"
#include "../../oci/cdi_spec.h"
#include "../../oci/cleanup.h"
#include "../../oci/config.h"
#include "../../oci/file.h"
#include "../../oci/program.h"
#include "../install/place.h"

enum { SPEC_MAX = 4 << 20 };

int
cdi_text (const json_t *gpus, char **text, struct error *err)
{
    _cleanup_json_ json_t *spec = NULL;
    _cleanup_free_ char *dump = NULL;
    char hook[PATH_MAX];

    if (program_beside ("dri-hook", hook, sizeof hook, err) < 0)
        return -1;
    spec = cdi_spec (gpus, hook, config_socket ());
    dump = spec ? json_dumps (spec, JSON_INDENT (2)) : NULL;
    return !dump || asprintf (text, "%s\n", dump) < 0 ? error_set (err, ENOMEM, "the CDI spec") : 0;
}

int
cdi_generate (const json_t *gpus, const char *path, bool *changed, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    const char *suffix = strrchr (path, '.');

    /* What is called otherwise no engine reads.  */
    if (!suffix || strcmp (suffix, ".json") != 0)
        return error_set (err, 0, "%s does not end in .json, and no engine would read it", path);
    if (cdi_text (gpus, &text, err) < 0)
        return -1;
    *changed = !place_holds (path, text);
    return *changed ? place_file (path, text, err) : 0;
}

static void
check_hooks (const json_t *edits, json_t *problems)
{
    size_t i;
    json_t *hook;

    json_array_foreach (json_object_get (edits, "hooks"), i, hook) {
        const char *path = json_string_value (json_object_get (hook, "path"));
        _cleanup_json_ json_t *problem = NULL;
        size_t j;
        json_t *known;

        if (!path || access (path, X_OK) == 0)
            continue;
        problem = json_sprintf ("%s: %s, so no container with a device of it starts; drictl cdi generate "
                                "writes it anew",
                                path, strerror (errno));
        json_array_foreach (problems, j, known) {
            if (json_equal (known, problem))
                break;
        }
        if (j == json_array_size (problems))
            (void) json_array_append (problems, problem);
    }
}

static void
check_all_hooks (const json_t *spec, json_t *problems)
{
    size_t i;
    json_t *device;

    check_hooks (json_object_get (spec, "containerEdits"), problems);
    json_array_foreach (json_object_get (spec, "devices"), i, device) {
        check_hooks (json_object_get (device, "containerEdits"), problems);
    }
}

int
cdi_validate (const char *path, json_t **problems, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_json_ json_t *spec = NULL;
    const char *kind;
    json_error_t where;
    size_t len;

    if (file_read (path, SPEC_MAX, &text, &len, err) < 0)
        return -1;
    spec = json_loadb (text, len, JSON_REJECT_DUPLICATES, &where);
    if (!spec)
        return error_set (err, 0, "%s: no JSON at line %d, column %d: %s (a spec in YAML cannot be checked)",
                          path, where.line, where.column, where.text);
    *problems = cdi_problems (spec);
    kind = json_string_value (json_object_get (spec, "kind"));
    if (kind && strcmp (kind, CDI_KIND) == 0)
        check_all_hooks (spec, *problems);
    return 0;
}
