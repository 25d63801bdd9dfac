#include "cdi_rules.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cdi_schema.h"
#include "cleanup.h"
#include "error.h"

const char *const cdi_versions[CDI_VERSIONS] = {
    "0.3.0", "0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0", "1.0.0", "1.1.0",
};

static size_t
name_place (const struct cdi_place *at, char *out, size_t size)
{
    size_t used = 0;

    if (!at)
        return 0;
    used = name_place (at->above, out, size);
    if (used >= size)
        return used;
    if (!at->name)
        return used + (size_t) snprintf (out + used, size - used, "[%zu]", at->index);
    return used + (size_t) snprintf (out + used, size - used, "%s%.60s", used > 0 ? "." : "", at->name);
}

void
cdi_report (struct cdi_check *c, const struct cdi_place *at, const char *format, ...)
{
    char place[256] = "", text[512];
    va_list args;

    (void) name_place (at, place, sizeof place);
    va_start (args, format);
    (void) vsnprintf (text, sizeof text, format, args);
    va_end (args);
    /* A name of the document may have been cut in the middle of a character.  */
    text_clean (place);
    text_clean (text);
    (void) json_array_append_new (c->problems,
                                  json_sprintf ("%s%s%s", place, place[0] != '\0' ? ": " : "", text));
}

void
cdi_need (struct cdi_check *c, const struct cdi_place *at, enum cdi_version version, const char *what)
{
    if (version > c->needed)
        c->needed = version;
    if (version > c->stated)
        cdi_report (c, at, "%s came with cdiVersion %s, and this spec says %s", what, cdi_versions[version],
                    cdi_versions[c->stated]);
}

/* --- names --- */

static bool
is_letter (char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit (char c)
{
    return c >= '0' && c <= '9';
}

/* Letters and digits, between them also those of others.  */
static bool
is_word (const char *text, size_t len, const char *others)
{
    if (len == 0 || strchr (others, text[0]) || strchr (others, text[len - 1]))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_letter (text[i]) && !is_digit (text[i]) && !strchr (others, text[i]))
            return false;
    return true;
}

bool
cdi_device_name_valid (const char *name)
{
    return is_word (name, strlen (name), "_-.:");
}

void
cdi_check_device_name (struct cdi_check *c, const struct cdi_place *at, const json_t *value)
{
    const char *name = json_string_value (value);

    if (!cdi_device_name_valid (name))
        cdi_report (
            c, at,
            "\"%.60s\" is no name of a device: letters and digits, and between them also _ - . :", name);
    else if (is_digit (name[0]))
        cdi_need (c, at, CDI_050, "a name that begins with a digit");
}

void
cdi_check_kind (struct cdi_check *c, const struct cdi_place *at, const json_t *value)
{
    enum { VENDOR_MAX = 253, CLASS_MAX = 63 };
    const char *kind = json_string_value (value), *slash = strchr (kind, '/');
    size_t vendor = slash ? (size_t) (slash - kind) : 0;
    const char *class = slash ? slash + 1 : "";

    if (vendor > VENDOR_MAX || !is_word (kind, vendor, "_-.") || !is_letter (kind[0])
        || strlen (class) > CLASS_MAX || !is_word (class, strlen (class), "_-.") || !is_letter (class[0]))
        cdi_report (c, at, "\"%.80s\" is no kind such as \"vendor.com/class\"", kind);
    else if (strchr (class, '.'))
        cdi_need (c, at, CDI_060, "a full stop behind the slash");
}

/* Keys as those of Kubernetes: [prefix/]name.  */
void
cdi_check_annotations (struct cdi_check *c, const struct cdi_place *at, const json_t *value)
{
    enum { NAME_MAX_ = 63 };
    const char *key;
    json_t *text;

    json_object_foreach ((json_t *) value, key, text) {
        const struct cdi_place here = {.above = at, .name = key};
        const char *slash = strchr (key, '/'), *name = slash ? slash + 1 : key;

        if (strlen (name) > NAME_MAX_ || !is_word (name, strlen (name), "_-.")
            || (slash && !is_word (key, (size_t) (slash - key), "-.")))
            cdi_report (c, &here, "no key of an annotation");
        if (!json_is_string (text))
            cdi_report (c, &here, "wants a text");
    }
    if (json_object_size (value) > 0)
        cdi_need (c, at, CDI_060, "annotations");
}

/* --- values --- */

void
cdi_check_filled (struct cdi_check *c, const struct cdi_place *at, const json_t *value)
{
    if (json_string_length (value) == 0)
        cdi_report (c, at, "is empty");
}

void
cdi_check_absolute (struct cdi_check *c, const struct cdi_place *at, const json_t *value)
{
    if (json_string_value (value)[0] != '/')
        cdi_report (c, at, "\"%.100s\" is no absolute path", json_string_value (value));
}

void
cdi_check_env (struct cdi_check *c, const struct cdi_place *at, const json_t *value)
{
    size_t i;
    json_t *item;

    json_array_foreach ((json_t *) value, i, item) {
        const struct cdi_place here = {.above = at, .index = i};
        const char *equals = strchr (json_string_value (item), '=');

        if (!equals || equals == json_string_value (item))
            cdi_report (c, &here, "\"%.60s\" is not NAME=VALUE", json_string_value (item));
    }
}

void
cdi_check_hook_name (struct cdi_check *c, const struct cdi_place *at, const json_t *value)
{
    static const char *const names[] = {"prestart",       "createRuntime", "createContainer",
                                        "startContainer", "poststart",     "poststop"};

    for (size_t i = 0; i < countof (names); i++)
        if (strcmp (json_string_value (value), names[i]) == 0)
            return;
    cdi_report (c, at,
                "\"%.40s\" is no hook; those are prestart, createRuntime, createContainer, startContainer, "
                "poststart and poststop",
                json_string_value (value));
}

void
cdi_check_positive (struct cdi_check *c, const struct cdi_place *at, const json_t *value)
{
    if (json_integer_value (value) <= 0)
        cdi_report (c, at, "has to be greater than 0");
}

/* -1 would be a wildcard.  */
void
cdi_check_device_number (struct cdi_check *c, const struct cdi_place *at, const json_t *value)
{
    if (json_integer_value (value) < 0)
        cdi_report (c, at, "is negative");
}

void
cdi_check_uint32 (struct cdi_check *c, const struct cdi_place *at, const json_t *value)
{
    if (json_integer_value (value) < 0 || json_integer_value (value) > UINT32_MAX)
        cdi_report (c, at, "is not from 0 to 4294967295");
}

void
cdi_check_uint32s (struct cdi_check *c, const struct cdi_place *at, const json_t *value)
{
    size_t i;
    json_t *item;

    json_array_foreach ((json_t *) value, i, item) {
        const struct cdi_place here = {.above = at, .index = i};

        cdi_check_uint32 (c, &here, item);
    }
}

void
cdi_check_node_type (struct cdi_check *c, const struct cdi_place *at, const json_t *value)
{
    if (json_string_length (value) > 1 || !strchr ("bcup", json_string_value (value)[0]))
        cdi_report (c, at, "\"%.20s\" is none of b, c, u and p", json_string_value (value));
}

void
cdi_check_permissions (struct cdi_check *c, const struct cdi_place *at, const json_t *value)
{
    const char *text = json_string_value (value);

    if (strcmp (text, "none") != 0 && text[strspn (text, "rwm")] != '\0')
        cdi_report (c, at, "\"%.20s\" is not made of r, w and m", text);
}

/* The name of a folder, or "/" for the root (OCI runtime-spec, config-linux.md#intelrdt).  */
void
cdi_check_clos (struct cdi_check *c, const struct cdi_place *at, const json_t *value)
{
    const char *text = json_string_value (value);

    if (strcmp (text, "/") != 0
        && (strcmp (text, ".") == 0 || strcmp (text, "..") == 0 || strpbrk (text, "/\n")))
        cdi_report (c, at, "\"%.60s\" is no name of a class of service", text);
}
