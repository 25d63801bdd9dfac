#include "words.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

int
words_take (struct request *req, char *const *words, int n, struct error *err)
{
    char name[64];

    request_init (req);
    if (request_set (req, SOURCE_LABEL, request_key_name (KEY_ENABLE), "true", err) < 0)
        return -1;
    for (int i = 0; i < n; i++) {
        const char *equals = strchr (words[i], '=');

        if (!equals || equals - words[i] >= (ptrdiff_t) sizeof name || !request_owns_label (words[i]))
            return error_set (err, 0, "%.100s is no request, as dri.gpu=any is", words[i]);
        (void) snprintf (name, sizeof name, "%.*s", (int) (equals - words[i]), words[i]);
        if (request_set (req, SOURCE_LABEL, name, equals + 1, err) < 0)
            return -1;
    }
    return 0;
}
