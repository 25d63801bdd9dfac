/* varlink's framing (varlink.org/Method-Call): JSON objects, each ended by a NUL byte.  */
#ifndef DRI_MESSAGE_H
#define DRI_MESSAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "../oci/error.h"

enum { MESSAGE_BYTES_MAX = 64 * 1024 };

/* The first whole message in data: its length without the NUL, or -1 where none is complete yet.  */
long message_length (const char *data, size_t len);

struct message_call {
    json_t *parameters; /* owned; an object, empty where the message has none */
    const char *text;   /* the same as they came, in the message that was parsed; NULL: not told */
    size_t text_len;
    char method[128];
    bool oneway, more;
};

/* Takes one call apart. Errors for what is no varlink call: not JSON, no method, parameters that are no
 * object.  */
int message_parse_call (struct message_call *call, const char *text, size_t len, struct error *err);
void message_call_finish (struct message_call *call);

/* The call's parameters as JSON on one line, the caller's to free.  */
char *message_parameters_line (const struct message_call *call);

/* A message with its NUL, the caller's to free. error_name NULL: a reply; parameters is stolen, may be NULL.
 */
char *message_format_reply (const char *error_name, json_t *parameters, size_t *len);
char *message_format_call (const char *method, json_t *parameters, size_t *len);

#endif
