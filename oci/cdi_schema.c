#include "cdi_schema.h"

#include <string.h>

#include "cdi_rules.h"

/* --- the table --- */

enum type { TEXT, TEXTS, NUMBER, NUMBERS, FLAG, TEXT_MAP, OBJECT, OBJECTS };

struct field {
    const char *name;
    enum type type;
    enum cdi_version since;
    const struct field *members; /* of OBJECT and OBJECTS */
    void (*check) (struct cdi_check *c, const struct cdi_place *at, const json_t *value);
    bool required;
    bool gone; /* in 1.1.0 */
};

static const struct field node_fields[] = {
    {"path", TEXT, CDI_030, NULL, cdi_check_filled, true, false},
    {"hostPath", TEXT, CDI_050, NULL, NULL, false, false},
    {"type", TEXT, CDI_030, NULL, cdi_check_node_type, false, false},
    {"major", NUMBER, CDI_030, NULL, cdi_check_device_number, false, false},
    {"minor", NUMBER, CDI_030, NULL, cdi_check_device_number, false, false},
    {"fileMode", NUMBER, CDI_030, NULL, cdi_check_uint32, false, false},
    {"permissions", TEXT, CDI_030, NULL, cdi_check_permissions, false, false},
    {"uid", NUMBER, CDI_030, NULL, cdi_check_uint32, false, false},
    {"gid", NUMBER, CDI_030, NULL, cdi_check_uint32, false, false},
    {0},
};
static const struct field net_fields[] = {
    {"hostInterfaceName", TEXT, CDI_110, NULL, cdi_check_filled, true, false},
    {"name", TEXT, CDI_110, NULL, cdi_check_filled, true, false},
    {0},
};
static const struct field mount_fields[] = {
    {"hostPath", TEXT, CDI_030, NULL, cdi_check_filled, true, false},
    {"containerPath", TEXT, CDI_030, NULL, cdi_check_filled, true, false},
    {"options", TEXTS, CDI_030, NULL, NULL, false, false},
    {"type", TEXT, CDI_040, NULL, NULL, false, false},
    {0},
};
static const struct field hook_fields[] = {
    {"hookName", TEXT, CDI_030, NULL, cdi_check_hook_name, true, false},
    {"path", TEXT, CDI_030, NULL, cdi_check_absolute, true, false},
    {"args", TEXTS, CDI_030, NULL, NULL, false, false},
    {"env", TEXTS, CDI_030, NULL, cdi_check_env, false, false},
    {"timeout", NUMBER, CDI_030, NULL, cdi_check_positive, false, false},
    {0},
};
static const struct field rdt_fields[] = {
    {"closID", TEXT, CDI_070, NULL, cdi_check_clos, false, false},
    {"l3CacheSchema", TEXT, CDI_070, NULL, NULL, false, false},
    {"memBwSchema", TEXT, CDI_070, NULL, NULL, false, false},
    {"enableCMT", FLAG, CDI_070, NULL, NULL, false, true},
    {"enableMBM", FLAG, CDI_070, NULL, NULL, false, true},
    {"schemata", TEXTS, CDI_110, NULL, NULL, false, false},
    {"enableMonitoring", FLAG, CDI_110, NULL, NULL, false, false},
    {0},
};
static const struct field edit_fields[] = {
    {"env", TEXTS, CDI_030, NULL, cdi_check_env, false, false},
    {"deviceNodes", OBJECTS, CDI_030, node_fields, NULL, false, false},
    {"netDevices", OBJECTS, CDI_110, net_fields, NULL, false, false},
    {"hooks", OBJECTS, CDI_030, hook_fields, NULL, false, false},
    {"mounts", OBJECTS, CDI_030, mount_fields, NULL, false, false},
    {"intelRdt", OBJECT, CDI_070, rdt_fields, NULL, false, false},
    {"additionalGids", NUMBERS, CDI_070, NULL, cdi_check_uint32s, false, false},
    {0},
};

/* The library refuses a device that changes nothing. For the whole spec it may.  */
static void
check_device_edits (struct cdi_check *c, const struct cdi_place *at, const json_t *value)
{
    const char *name;
    json_t *edit;

    json_object_foreach ((json_t *) value, name, edit) {
        if (json_is_object (edit) || json_array_size (edit) > 0)
            return;
    }
    cdi_report (c, at, "changes nothing");
}

static const struct field device_fields[] = {
    {"name", TEXT, CDI_030, NULL, cdi_check_device_name, true, false},
    {"annotations", TEXT_MAP, CDI_030, NULL, cdi_check_annotations, false, false},
    {"containerEdits", OBJECT, CDI_030, edit_fields, check_device_edits, true, false},
    {0},
};

static void
check_devices (struct cdi_check *c, const struct cdi_place *at, const json_t *value)
{
    if (json_array_size (value) == 0)
        cdi_report (c, at, "is empty: a spec has one device at least");
    for (size_t i = 0; i < json_array_size (value); i++)
        for (size_t j = i + 1; j < json_array_size (value); j++) {
            const json_t *name = json_object_get (json_array_get (value, i), "name");

            if (json_is_string (name)
                && json_equal (name, json_object_get (json_array_get (value, j), "name")))
                cdi_report (c, at, "two devices are called \"%.60s\"", json_string_value (name));
        }
}

static const struct field spec_fields[] = {
    {"cdiVersion", TEXT, CDI_030, NULL, NULL, true, false},
    {"kind", TEXT, CDI_030, NULL, cdi_check_kind, true, false},
    {"annotations", TEXT_MAP, CDI_030, NULL, cdi_check_annotations, false, false},
    {"devices", OBJECTS, CDI_030, device_fields, check_devices, true, false},
    {"containerEdits", OBJECT, CDI_030, edit_fields, NULL, false, false},
    {0},
};

/* --- walking it --- */

static bool
all_are (const json_t *array, json_type type)
{
    size_t i;
    json_t *item;

    json_array_foreach ((json_t *) array, i, item) {
        if (json_typeof (item) != type)
            return false;
    }
    return json_is_array (array);
}

static bool
has_type (const json_t *value, enum type type)
{
    switch (type) {
    case TEXT:
        return json_is_string (value);
    case TEXTS:
        return all_are (value, JSON_STRING);
    case NUMBER:
        return json_is_integer (value);
    case NUMBERS:
        return all_are (value, JSON_INTEGER);
    case FLAG:
        return json_is_boolean (value);
    case TEXT_MAP:
    case OBJECT:
        return json_is_object (value);
    case OBJECTS:
        return all_are (value, JSON_OBJECT);
    }
    return false;
}

static const char *const wanted[] = {
    [TEXT] = "a text",           [TEXTS] = "a list of texts",
    [NUMBER] = "a whole number", [NUMBERS] = "a list of whole numbers",
    [FLAG] = "true or false",    [TEXT_MAP] = "an object",
    [OBJECT] = "an object",      [OBJECTS] = "a list of objects",
};

static void check_object (struct cdi_check *c, const struct cdi_place *at, const json_t *object,
                          const struct field *fields);

static void
check_field (struct cdi_check *c, const struct cdi_place *at, const json_t *value, const struct field *field)
{
    size_t i;
    json_t *item;

    if (!has_type (value, field->type)) {
        cdi_report (c, at, "wants %s", wanted[field->type]);
        return;
    }
    cdi_need (c, at, field->since, "this field");
    if (field->gone && c->stated >= CDI_110)
        cdi_report (c, at, "is gone since cdiVersion 1.1.0");
    if (field->type == OBJECT)
        check_object (c, at, value, field->members);
    json_array_foreach ((json_t *) (field->type == OBJECTS ? value : NULL), i, item) {
        const struct cdi_place here = {.above = at, .index = i};

        check_object (c, &here, item, field->members);
    }
    if (field->check)
        field->check (c, at, value);
}

static void
check_object (struct cdi_check *c, const struct cdi_place *at, const json_t *object,
              const struct field *fields)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *) object, key, value) {
        const struct cdi_place here = {.above = at, .name = key};
        const struct field *field = fields;

        while (field->name && strcmp (field->name, key) != 0)
            field++;
        if (field->name)
            check_field (c, &here, value, field);
        else
            cdi_report (c, &here, "is no field that CDI has, and engines refuse the spec for it");
    }
    for (; fields->name; fields++)
        if (fields->required && !json_object_get (object, fields->name))
            cdi_report (c, at, "has no \"%s\"", fields->name);
}

static void
check_version (struct cdi_check *c, const json_t *spec)
{
    const struct cdi_place at = {.name = "cdiVersion"};
    const char *text = json_string_value (json_object_get (spec, "cdiVersion"));

    c->stated = CDI_110;
    for (unsigned i = 0; text && i < CDI_VERSIONS; i++)
        if (strcmp (text, cdi_versions[i]) == 0) {
            c->stated = i;
            return;
        }
    if (text)
        cdi_report (c, &at, "\"%.20s\" is no version that engines read: those from 0.3.0 to 1.1.0", text);
}

json_t *
cdi_problems (const json_t *spec)
{
    struct cdi_check c = {.problems = json_array ()};

    if (!json_is_object (spec)) {
        cdi_report (&c, NULL, "is no JSON object");
        return c.problems;
    }
    check_version (&c, spec);
    check_object (&c, NULL, spec, spec_fields);
    return c.problems;
}

const char *
cdi_least_version (const json_t *spec)
{
    struct cdi_check c = {.problems = json_array (), .stated = CDI_110};

    check_object (&c, NULL, spec, spec_fields);
    json_decref (c.problems);
    return cdi_versions[c.needed];
}
