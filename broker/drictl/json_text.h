#ifndef DRI_JSON_TEXT_H
#define DRI_JSON_TEXT_H

#include <jansson.h>

/* The string of this key, and "" for everything else: no object, no such key, no string. It lives as long as
 * the object. */
const char *json_text (const json_t *object, const char *key);

#endif
