#include "message.h"

#include <stdio.h>
#include <string.h>

#include "../oci/cleanup.h"

long
message_length (const char *data, size_t len)
{
    const char *end = memchr (data, '\0', len);

    return end ? (long) (end - data) : -1;
}

/* What follows the string, the white space, the value at p, in JSON that was checked.  */
static const char *
skip_string (const char *p)
{
    for (p++; *p != '"'; p++)
        if (*p == '\\')
            p++;
    return p + 1;
}

static const char *
skip_space (const char *p)
{
    return p + strspn (p, " \t\r\n");
}

static const char *
skip_value (const char *p)
{
    unsigned depth = 0;

    for (;;) {
        if (*p == '"') {
            p = skip_string (p);
            if (depth == 0)
                return p;
            continue;
        }
        if (depth == 0 && strchr (",]} \t\r\n", *p))
            return p;
        if (*p == '[' || *p == '{')
            depth++;
        else if ((*p == ']' || *p == '}') && --depth == 0)
            return p + 1;
        p++;
    }
}

/* Where the parameters stand in the text. A name written with escapes is not found.  */
static void
find_parameters (struct message_call *call, const char *text)
{
    static const char name[] = "\"parameters\"";

    const char *p = skip_space (text);

    do {
        const char *value, *end;
        bool found;

        p = skip_space (p + 1);
        if (*p != '"')
            return;
        found = strncmp (p, name, sizeof name - 1) == 0;
        value = skip_space (skip_space (skip_string (p)) + 1);
        end = skip_value (value);
        if (found) {
            call->text = value;
            call->text_len = (size_t) (end - value);
            return;
        }
        p = skip_space (end);
    } while (*p == ',');
}

int
message_parse_call (struct message_call *call, const char *text, size_t len, struct error *err)
{
    _cleanup_json_ json_t *root = NULL;
    json_t *parameters;
    const char *method;
    json_error_t where;

    root = json_loadb (text, len, JSON_REJECT_DUPLICATES, &where);
    if (!root)
        return error_set (err, 0, "not JSON: %s", where.text);
    method = json_string_value (json_object_get (root, "method"));
    if (!method || strlen (method) >= sizeof call->method)
        return error_set (err, 0, "no varlink call: no method");
    parameters = json_object_get (root, "parameters");
    if (parameters && !json_is_object (parameters) && !json_is_null (parameters))
        return error_set (err, 0, "no varlink call: parameters are no object");
    (void) snprintf (call->method, sizeof call->method, "%s", method);
    call->oneway = json_is_true (json_object_get (root, "oneway"));
    call->more = json_is_true (json_object_get (root, "more"));
    call->parameters = json_is_object (parameters) ? json_incref (parameters) : json_object ();
    call->text = NULL;
    if (json_is_object (parameters))
        find_parameters (call, text);
    return 0;
}

void
message_call_finish (struct message_call *call)
{
    json_decref (call->parameters);
    call->parameters = NULL;
}

char *
message_parameters_line (const struct message_call *call)
{
    char *line;

    if (!call->text)
        return json_dumps (call->parameters, JSON_COMPACT);
    line = strndup (call->text, call->text_len);
    /* In a string there is none: the parser refuses control characters there.  */
    for (char *p = line; p && *p; p++)
        if (*p == '\n' || *p == '\r')
            *p = ' ';
    return line;
}

/* Dumps with the NUL counted in *len; root is stolen.  */
static char *
dump (json_t *root, size_t *len)
{
    char *text = json_dumps (root, JSON_COMPACT);

    json_decref (root);
    if (text)
        *len = strlen (text) + 1;
    return text;
}

char *
message_format_reply (const char *error_name, json_t *parameters, size_t *len)
{
    json_t *root = json_object ();

    if (error_name)
        (void) json_object_set_new (root, "error", json_string (error_name));
    (void) json_object_set_new (root, "parameters", parameters ? parameters : json_object ());
    return dump (root, len);
}

char *
message_format_call (const char *method, json_t *parameters, size_t *len)
{
    json_t *root = json_object ();

    (void) json_object_set_new (root, "method", json_string (method));
    (void) json_object_set_new (root, "parameters", parameters ? parameters : json_object ());
    return dump (root, len);
}
