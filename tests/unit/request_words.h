/* Requests in a few words, as labels have them.  */
#ifndef DRI_REQUEST_WORDS_H
#define DRI_REQUEST_WORDS_H

#include "tests/unit/testing.h"

#include "oci/request.h"

/* "gpu=arc,any access=exclusive slots=2"; selectors as in dri.gpu.  */
static struct request
request (const char *text)
{
    struct request req;
    struct error err = {0};
    char copy[256], name[32], *save = NULL;

    request_init (&req);
    (void) snprintf (copy, sizeof copy, "%s", text);
    for (char *word = strtok_r (copy, " ", &save); word; word = strtok_r (NULL, " ", &save)) {
        char *equals = strchr (word, '=');

        (void) snprintf (name, sizeof name, "dri.%.*s", (int) (equals - word), word);
        assert_ok (request_set (&req, SOURCE_LABEL, name, equals + 1, &err));
    }
    return req;
}

#endif
