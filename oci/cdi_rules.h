/* What the values of a CDI spec may be, and how it is said where one is not: the rules behind the table in
 * cdi_schema.c, whose sources hold here too. Pure.  */
#ifndef DRI_CDI_RULES_H
#define DRI_CDI_RULES_H

#include <jansson.h>
#include <stdbool.h>

enum cdi_version { CDI_030, CDI_040, CDI_050, CDI_060, CDI_070, CDI_080, CDI_100, CDI_110, CDI_VERSIONS };

extern const char *const cdi_versions[CDI_VERSIONS];

struct cdi_check {
    json_t *problems;
    enum cdi_version stated; /* what the spec says it is */
    enum cdi_version needed; /* by what it uses */
};

/* Where in the document, from the inside out.  */
struct cdi_place {
    const struct cdi_place *above;
    const char *name; /* NULL: an element of the array above */
    size_t index;
};

void cdi_report (struct cdi_check *c, const struct cdi_place *at, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

/* what is of that version; a problem where the spec says it is older.  */
void cdi_need (struct cdi_check *c, const struct cdi_place *at, enum cdi_version version, const char *what);

/* Of a value that has the type of its field.  */
void cdi_check_device_name (struct cdi_check *c, const struct cdi_place *at, const json_t *value);
void cdi_check_kind (struct cdi_check *c, const struct cdi_place *at, const json_t *value);
void cdi_check_annotations (struct cdi_check *c, const struct cdi_place *at, const json_t *value);
void cdi_check_filled (struct cdi_check *c, const struct cdi_place *at, const json_t *value);
void cdi_check_absolute (struct cdi_check *c, const struct cdi_place *at, const json_t *value);
void cdi_check_env (struct cdi_check *c, const struct cdi_place *at, const json_t *value);
void cdi_check_hook_name (struct cdi_check *c, const struct cdi_place *at, const json_t *value);
void cdi_check_positive (struct cdi_check *c, const struct cdi_place *at, const json_t *value);
void cdi_check_device_number (struct cdi_check *c, const struct cdi_place *at, const json_t *value);
void cdi_check_uint32 (struct cdi_check *c, const struct cdi_place *at, const json_t *value);
void cdi_check_uint32s (struct cdi_check *c, const struct cdi_place *at, const json_t *value);
void cdi_check_node_type (struct cdi_check *c, const struct cdi_place *at, const json_t *value);
void cdi_check_permissions (struct cdi_check *c, const struct cdi_place *at, const json_t *value);
void cdi_check_clos (struct cdi_check *c, const struct cdi_place *at, const json_t *value);

#endif
