/* The grammar of what dri.* keys may say. Pure: a text in, a field of the request out.  */
#ifndef DRI_REQUEST_VALUE_H
#define DRI_REQUEST_VALUE_H

#include "request.h"

/* value is cut up while it is read. Errors say what is wrong with it, and what would be right, but not which
 * key it is; the request is of no use then.  */
int request_value_parse (struct request *req, enum request_key key, char *value, struct error *err);

#endif
