#include "text.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../oci/cleanup.h"

void
text_finish (struct text *text)
{
    free (text->data);
    *text = (struct text){0};
}

bool
text_same (const struct text *a, const struct text *b)
{
    if (!a->data || !b->data)
        return a->data == b->data;
    return a->len == b->len && memcmp (a->data, b->data, a->len) == 0;
}

int
text_copy (const struct text *from, struct text *to, struct error *err)
{
    struct text copy = {0};

    if (from->data) {
        /* One more than needed: malloc (0) may be NULL, which means "no file" here.  */
        copy.data = malloc (from->len + 1);
        if (!copy.data)
            return error_set (err, ENOMEM, "a copy of a text");
        memcpy (copy.data, from->data, from->len);
        copy.data[from->len] = '\0';
        copy.len = from->len;
    }
    *to = copy;
    return 0;
}
