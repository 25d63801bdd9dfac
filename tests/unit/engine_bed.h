/* What the tests of the engines share: their records in a folder, laid out as Docker 26 and 28 lay them out
 * (read off real ones).  */
#ifndef DRI_ENGINE_BED_H
#define DRI_ENGINE_BED_H

#include "tests/unit/testing.h"

#include "oci/cdi.h"
#include "oci/config.h"
#include "oci/engine.h"

#define ID    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OTHER "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define IMAGE "1111111111111111111111111111111111111111111111111111111111111111"
#define HEX_2 "2222222222222222222222222222222222222222222222222222222222222222"
#define HEX_3 "3333333333333333333333333333333333333333333333333333333333333333"
#define HEX_4 "4444444444444444444444444444444444444444444444444444444444444444"

/* In a spec: the device dri.dev/gpu=any.  */
#define DEVICE_HOOK                                                                                          \
    "'hooks': {'createRuntime': [{'args': ['dri-hook', 'createRuntime', '" CDI_OPTION "', 'any']}]}"

UNUSED static struct config config;
UNUSED static struct container container;
UNUSED static struct request req;
static struct error err;

/* Runs the test with the configured roots in the folder, so that the machine's own Docker has no part in it.
 */
UNUSED static int
start (void **state)
{
    config_init (&config);
    err = (struct error){0};
    if (folder_make (state) < 0)
        return -1;
    (void) snprintf (config.docker_root, sizeof config.docker_root, "%s/docker", folder);
    (void) snprintf (config.containerd_root, sizeof config.containerd_root, "%s/containerd", folder);
    return 0;
}

#define engine_test(test) cmocka_unit_test_setup_teardown (test, start, folder_remove)

UNUSED static void
put_record (const char *root, const char *id, const char *labels)
{
    char text[2048];

    (void) snprintf (text, sizeof text,
                     "{'ID': '%s', 'Name': '/web', 'Driver': 'overlay2', 'Image': 'sha256:" IMAGE "',"
                     " 'Config': {'Image': 'jellyfin:10', 'Labels': {%s}}}",
                     id, labels);
    put_json (in_folder ("%s/containers/%s/config.v2.json", root, id), text);
}

/* The image configuration where the graph drivers keep it.  */
UNUSED static void
put_image (const char *root, const char *config_member)
{
    char text[1024];

    (void) snprintf (text, sizeof text, "{'architecture': 'amd64', 'config': %s}", config_member);
    put_json (in_folder ("%s/image/overlay2/imagedb/content/sha256/" IMAGE, root), text);
}

/* %s in the spec is the folder.  */
UNUSED static int
ask (const char *id, const char *spec_text)
{
    char text[4096], *out = text;
    json_t *spec;
    int r;

    for (const char *p = spec_text; *p; p++)
        if (strncmp (p, "%s", 2) == 0) {
            out += snprintf (out, sizeof text - (size_t) (out - text), "%s", folder);
            p++;
        } else {
            *out++ = *p;
        }
    *out = '\0';
    spec = parse (text);
    memset (&container, 0, sizeof container);
    request_init (&req);
    r = engine_request (spec, "/run/containerd/io.containerd.runtime.v2.task/moby/x", id, &config, &container,
                        &req, &err);
    json_decref (spec);
    return r;
}

UNUSED static const char docker_spec[] = "{'root': {'path': '%s/docker/overlay2/" HEX_2 "/merged'},"
                                         " 'process': {'env': ['PATH=/bin']},"
                                         " 'mounts': [{'destination': '/proc', 'source': 'proc'},"
                                         "  {'destination': '/etc/resolv.conf',"
                                         "   'source': '%s/docker/containers/" ID "/resolv.conf'}]}";

#endif
