#include "status_lines.h"

#include "../../oci/cleanup.h"
#include "print.h"
#include "status_text.h"

static void
print_one (FILE *out, const char *when, const char *what, const char *name, const char *of, json_t *object)
{
    _cleanup_free_ char *engines = text_engines (json_object_get (object, "engines"));
    char memory[FIGURE_SIZE];

    text_bytes (memory, json_object_get (json_object_get (object, "memory"), "resident"));
    print_line (out, "%s %s %s%s%s: engines %s; memory %s; %s", when, what, name, *of ? " on " : "", of,
                engines ? engines : "n/a", memory, text_of (object, "state", "in use"));
}

void
status_print_lines (const json_t *status, time_t now, FILE *out)
{
    char when[32], name[LABEL_SIZE];
    struct tm local;
    json_t *object;
    size_t i;

    (void) strftime (when, sizeof when, "%FT%T%z", localtime_r (&now, &local));
    json_array_foreach (json_object_get (status, "gpus"), i, object)
        print_one (out, when, "gpu", text_of (object, "name", "-"), "", object);
    json_array_foreach (json_object_get (status, "leases"), i, object) {
        text_container (name, json_object_get (object, "container"));
        print_one (out, when, "container", name, text_of (object, "gpu", ""), object);
    }
    json_array_foreach (json_object_get (status, "unmanaged"), i, object) {
        text_user (name, object);
        print_one (out, when, "without a lease", name, text_of (object, "gpu", ""), object);
    }
    json_array_foreach (json_object_get (status, "queue"), i, object) {
        text_container (name, json_object_get (object, "container"));
        print_line (out, "%s waiting %s: position %lld; %s", when, name,
                    (long long) json_integer_value (json_object_get (object, "position")),
                    text_of (object, "reason", "-"));
    }
}
