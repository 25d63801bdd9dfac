/* What an image itself says, in each store that Docker may have it in.  */
#include "tests/unit/engine_bed.h"

/* Else a label of the image would count wherever its store is not found.  */
static void
an_image_that_is_not_found_refuses_who_addressed_us (void **state)
{
    (void) state;
    put_record ("docker", ID, "'dri.enable': 'true'");
    assert_refused (ask (ID, docker_spec), "\"image-requests\": true");
    assert_contains (err.message, "/docker/image");
    put_record ("docker", ID, "'a': 'b'");
    assert_ok (ask (ID, docker_spec));
}

static void
put_blob (const char *store, const char *hex, const char *text)
{
    put_json (in_folder ("%s/io.containerd.content.v1.content/blobs/sha256/%s", store, hex), text);
}

static const char an_index[] =
    "{'manifests': [{'digest': 'sha256:" HEX_4 "'}, {'digest': 'sha256:" HEX_2 "'}]}";
static const char a_manifest[] = "{'config': {'digest': 'sha256:" HEX_3 "'}, 'layers': []}";
static const char a_config[] = "{'config': {'Labels': {'dri.gpu': 'image'}}}";

/* The digest of the container's image is that of an index, of a manifest, or of the configuration.  */
static void
containerds_content_store_is_read_too (void **state)
{
    static const char *const stores[] = {"containerd", "docker/containerd/daemon"};

    (void) state;
    put_record ("docker", ID, "'dri.enable': 'true', 'dri.gpu': 'image'");
    for (size_t i = 0; i < countof (stores); i++) {
        const char *const steps[][2] = {{HEX_3, a_config}, {HEX_2, a_manifest}, {IMAGE, an_index}};

        for (size_t j = 0; j < countof (steps); j++)
            put_blob (stores[i], steps[j][0], steps[j][1]);
        assert_ok (ask (ID, docker_spec));
        assert_true (req.enable);
        assert_int_equal (req.source[KEY_GPU], SOURCE_DEFAULT);
        put_blob (stores[i], IMAGE, a_manifest);
        assert_ok (ask (ID, docker_spec));
        assert_int_equal (req.source[KEY_GPU], SOURCE_DEFAULT);
        put_blob (stores[i], IMAGE, a_config);
        assert_ok (ask (ID, docker_spec));
        assert_int_equal (req.source[KEY_GPU], SOURCE_DEFAULT);
        assert_int_equal (
            unlink (in_folder ("%s/io.containerd.content.v1.content/blobs/sha256/" IMAGE, stores[i])), 0);
    }
    assert_int_equal (ask (ID, docker_spec), -1);
}

/* An index of indexes of itself, blobs that are none, digests that are paths.  */
static void
a_broken_content_store_is_refused_not_followed (void **state)
{
    static const char *const blobs[] = {
        "{'manifests': [{'digest': 'sha256:" IMAGE "'}]}",
        "{'manifests': []}",
        "{'manifests': [{}, null, 7, {'digest': 'sha256:../../../../etc/passwd'}]}",
        "{'layers': [], 'config': {'digest': 'md5:1'}}",
        "{'layers': []}",
    };

    (void) state;
    put_record ("docker", ID, "'dri.enable': 'true'");
    for (size_t i = 0; i < countof (blobs); i++) {
        put_blob ("containerd", IMAGE, blobs[i]);
        assert_refused (ask (ID, docker_spec), "cannot tell the container's dri.* labels");
    }
    put (in_folder ("containerd/io.containerd.content.v1.content/blobs/sha256/" IMAGE), "no JSON");
    assert_refused (ask (ID, docker_spec), "cannot tell the container's dri.* labels");
}

/* Each of these paths leads to a file that would do.  */
static void
a_record_cannot_name_a_path (void **state)
{
    static const struct {
        const char *driver, *image, *words;
    } cases[] = {
        {"overlay2", "../../../../../evil/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "names no image"},
        {"overlay2", "../../../../../evil/x", "names no image"},
        {"../evil", IMAGE, "is neither in"},
        {"x/../../evil", IMAGE, "is neither in"},
        {"..", IMAGE, "is neither in"},
        {"", IMAGE, "is neither in"},
    };
    char text[512];

    (void) state;
    put (in_folder ("docker/image/x/file"), "x");
    put (in_folder ("docker/image/overlay2/imagedb/content/sha256/file"), "x");
    put_json (in_folder ("docker/evil/x"), "{'config': {}}");
    put_json (in_folder ("docker/evil/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), "{'config': {}}");
    put_json (in_folder ("docker/evil/imagedb/content/sha256/" IMAGE), "{'config': {}}");
    put_json (in_folder ("docker/imagedb/content/sha256/" IMAGE), "{'config': {}}");
    put_json (in_folder ("docker/image/imagedb/content/sha256/" IMAGE), "{'config': {}}");
    for (size_t i = 0; i < countof (cases); i++) {
        (void) snprintf (text, sizeof text,
                         "{'ID': '" ID "', 'Driver': '%s', 'Image': 'sha256:%s',"
                         " 'Config': {'Labels': {'dri.enable': 'true'}}}",
                         cases[i].driver, cases[i].image);
        put_json (in_folder ("docker/containers/" ID "/config.v2.json"), text);
        assert_refused (ask (ID, docker_spec), cases[i].words);
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        engine_test (an_image_that_is_not_found_refuses_who_addressed_us),
        engine_test (containerds_content_store_is_read_too),
        engine_test (a_broken_content_store_is_refused_not_followed),
        engine_test (a_record_cannot_name_a_path),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
