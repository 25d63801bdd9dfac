#include "expect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "../broker/codecs.h"
#include "../oci/cleanup.h"
#include "../oci/file.h"

/* 0 for what is on no PCI bus.  */
static uint16_t
read_id (const struct grant_node *node, const char *what)
{
    _cleanup_free_ char *text = NULL;
    struct error ignored;
    unsigned long id;
    char path[80];
    size_t len;

    (void) snprintf (path, sizeof path, "/sys/dev/char/%u:%u/device/%s", node->major, node->minor, what);
    if (file_read (path, 4096, &text, &len, &ignored) < 0)
        return 0;
    errno = 0;
    id = strtoul (text, NULL, 16);
    return errno == 0 && id <= UINT16_MAX ? (uint16_t) id : 0;
}

void
expect_explain (const struct grant_node *node, const json_t *report, const char *require, const char *place,
                char *out, size_t size)
{
    const json_t *vaapi = json_object_get (report, "vaapi"), *profiles = json_object_get (vaapi, "profiles");
    const char *driver = json_string_value (json_object_get (vaapi, "vendor"));
    struct generation generation;
    struct abilities listed;
    struct require wanted;
    struct error ignored;

    out[0] = '\0';
    if (!json_is_array (profiles) || require_parse (&wanted, require, &ignored) < 0
        || !codecs_find (read_id (node, "vendor"), read_id (node, "device"), &generation))
        return;
    abilities_read (&listed, profiles);
    codecs_explain (&generation, &listed, driver ? driver : "", place, wanted.n > 0 ? &wanted : NULL, out,
                    size);
}
