/* Podman's records: which container a bundle, or a root file system, is of.  */
#include "tests/unit/engine_bed.h"

#include "oci/podman.h"

static char bundle[PATH_MAX];

static const char *
records (const char *id, const char *layer)
{
    static char text[512];

    (void) snprintf (text, sizeof text,
                     "[{'id': '" OTHER "', 'layer': '" HEX_4 "'},"
                     " {'id': '%s', 'layer': '%s', 'names': ['web'], 'image': '" IMAGE "'}]",
                     id, layer);
    return text;
}

static void
assert_bundle_of (const char *root, const char *expected)
{
    assert_true (podman_bundle_of (root, bundle, sizeof bundle));
    assert_string_equal (bundle, expected);
}

static void
a_root_file_system_tells_its_container (void **state)
{
    (void) state;
    put_json (in_folder ("overlay-containers/containers.json"), records (ID, HEX_2));
    assert_bundle_of (in_folder ("overlay/" HEX_2 "/merged"),
                      in_folder ("overlay-containers/" ID "/userdata"));
    put_json (in_folder ("vfs-containers/volatile-containers.json"), records (ID, HEX_3));
    assert_bundle_of (in_folder ("vfs/dir/" HEX_3), in_folder ("vfs-containers/" ID "/userdata"));
}

static void
what_is_no_containers_root_is_none (void **state)
{
    static const char *const roots[] = {
        "overlay/" HEX_3 "/merged",       /* a layer that is no container's */
        "overlay/" HEX_2 "/diff",         /* not where it is mounted */
        "overlay/" HEX_2 "/merged/below", /* below it */
        "overlay/2222/merged",
        "vfs/dir/" HEX_2, /* of another driver's store */
        "dir/" HEX_2,
        "rootfs",
    };

    (void) state;
    put_json (in_folder ("overlay-containers/containers.json"), records (ID, HEX_2));
    for (size_t i = 0; i < countof (roots); i++)
        assert_false (podman_bundle_of (in_folder ("%s", roots[i]), bundle, sizeof bundle));
    assert_false (podman_bundle_of (HEX_2, bundle, sizeof bundle));
    assert_false (podman_bundle_of ("", bundle, sizeof bundle));
    assert_false (podman_bundle_of (NULL, bundle, sizeof bundle));
    assert_false (podman_bundle_of (in_folder ("overlay/" HEX_2 "/merged"), bundle, 64));
}

static void
a_bundle_tells_its_container (void **state)
{
    struct podman podman;

    (void) state;
    put_json (in_folder ("overlay-containers/containers.json"), records (ID, HEX_2));
    assert_true (podman_find (in_folder ("overlay-containers/" ID "/userdata"), &podman));
    assert_true (podman.found);
    assert_string_equal (podman.name, "web");
    assert_string_equal (podman.image, IMAGE);
    /* One without a record is a bundle of Podman's all the same.  */
    assert_true (podman_find (in_folder ("overlay-containers/" HEX_3 "/userdata"), &podman));
    assert_false (podman.found);
    assert_false (podman_find (in_folder ("overlay/" ID "/userdata"), &podman));
    assert_false (podman_find (in_folder ("overlay-containers/" ID), &podman));
    assert_false (podman_find (NULL, &podman));
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        engine_test (a_root_file_system_tells_its_container),
        engine_test (what_is_no_containers_root_is_none),
        engine_test (a_bundle_tells_its_container),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
