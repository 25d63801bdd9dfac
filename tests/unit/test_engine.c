/* Engines that keep what they know in annotations, or in a store of their own.  */
#include "tests/unit/engine_bed.h"

static void
other_engines_are_known_by_their_annotations (void **state)
{
    static const struct {
        const char *annotations, *engine, *name;
    } cases[] = {
        {"'nerdctl/name': 'web', 'nerdctl/namespace': 'default'", "nerdctl", "web"},
        {"'other': 'x'", "containerd", ""},
    };
    char spec[1024];

    (void) state;
    for (size_t i = 0; i < countof (cases); i++) {
        (void) snprintf (spec, sizeof spec, "{'annotations': {%s, 'dri.enable': 'true'}}",
                         cases[i].annotations);
        assert_ok (ask (ID, spec));
        assert_true (req.enable);
        assert_string_equal (container.engine, cases[i].engine);
        assert_string_equal (container.name, cases[i].name);
        /* The environment of these specs may come from the image, which we cannot ask.  */
        (void) snprintf (spec, sizeof spec, "{'annotations': {%s}, 'process': {'env': ['DRI_ENABLE=true']}}",
                         cases[i].annotations);
        assert_ok (ask (ID, spec));
        assert_false (req.enable);
        config.image_requests = true;
        assert_ok (ask (ID, spec));
        assert_true (req.enable);
        config.image_requests = false;
    }
}

/* As Podman 5.4 and containers/storage lay them out (read off real ones).  */
static int
ask_podman (const char *annotations, const char *bundle)
{
    char text[1024];
    json_t *spec;
    int r;

    (void) snprintf (
        text, sizeof text,
        "{'annotations': {'io.container.manager': 'libpod', %s}, 'process': {'env': ['DRI_ENABLE=true']}}",
        annotations);
    spec = parse (text);
    r = engine_request (spec, bundle, ID, &config, &container, &req, &err);
    json_decref (spec);
    return r;
}

static void
put_podman (const char *file, const char *manifest)
{
    put_json (in_folder ("podman/overlay-containers/%s", file),
              "[{'id': '" OTHER "', 'names': ['other'], 'image': '" HEX_2 "'},"
              " {'id': '" ID "', 'names': ['film', 'second'], 'image': '" IMAGE "',"
              "  'metadata': '{\\\"image-name\\\":\\\"localhost/app:latest\\\"}', 'created': '2026'}]");
    put_json (in_folder ("podman/overlay-images/" IMAGE "/manifest"), manifest);
}

static void
podmans_annotations_count_unless_the_image_has_the_same (void **state)
{
    static const char *const files[] = {"containers.json", "volatile-containers.json"};
    char bundle[PATH_MAX];

    (void) state;
    for (size_t i = 0; i < countof (files); i++) {
        put_podman (files[i],
                    "{'schemaVersion': 2, 'annotations': {'dri.enable': 'true', 'dri.gpu': 'arc'}}");
        (void) snprintf (bundle, sizeof bundle, "%s/podman/overlay-containers/" ID "/userdata", folder);
        assert_ok (ask_podman ("'dri.enable': 'true'", bundle));
        assert_false (req.enable);
        assert_string_equal (container.name, "film");
        assert_string_equal (container.image, "localhost/app:latest");
        assert_string_equal (container.engine, "podman");
        assert_int_equal (ask_podman ("'dri.enable': 'yes'", bundle), -1);
        put_podman (files[i], "{'schemaVersion': 2}");
        assert_ok (ask_podman ("'dri.enable': 'true', 'dri.gpu': 'arc'", bundle));
        assert_true (req.enable);
        assert_string_equal (req.text[KEY_GPU], "arc");
        assert_int_equal (req.source[KEY_GPU], SOURCE_ANNOTATION);
        assert_int_equal (unlink (in_folder ("podman/overlay-containers/%s", files[i])), 0);
    }
}

static void
a_container_of_podman_whose_image_is_not_known_is_refused_if_it_asks (void **state)
{
    char bundle[PATH_MAX];

    (void) state;
    (void) snprintf (bundle, sizeof bundle, "%s/podman/overlay-containers/" ID "/userdata", folder);
    assert_int_equal (ask_podman ("'dri.enable': 'true'", bundle), -1);
    assert_non_null (strstr (err.message, "cannot tell the container's dri.* annotations from its image's"));
    assert_ok (ask_podman ("'other': 'true'", bundle));
    assert_false (req.enable);
    put_podman ("containers.json", "[]");
    put (in_folder ("podman/overlay-images/" IMAGE "/manifest"), "no JSON");
    assert_int_equal (ask_podman ("'dri.enable': 'true'", bundle), -1);
    /* --rootfs: there is no image that could have brought it along.  */
    put_json (in_folder ("podman/overlay-containers/containers.json"),
              "[{'id': '" ID "', 'names': ['film'], 'image': ''}]");
    assert_ok (ask_podman ("'dri.enable': 'true'", bundle));
    assert_true (req.enable);
}

/* Before 4.6 Podman copied the annotations of images: they must not make it another engine's.  */
static void
an_image_of_podmans_cannot_pass_for_another_engines (void **state)
{
    static const char *const marks[] = {
        "'io.kubernetes.cri.container-type': 'container'",
        "'io.kubernetes.cri-o.ContainerType': 'container'",
        "'nerdctl/name': 'web'",
    };
    char bundle[PATH_MAX], annotations[128], manifest[256];

    (void) state;
    (void) snprintf (bundle, sizeof bundle, "%s/podman/overlay-containers/" ID "/userdata", folder);
    for (size_t i = 0; i < countof (marks); i++) {
        (void) snprintf (annotations, sizeof annotations, "'dri.enable': 'true', %s", marks[i]);
        (void) snprintf (manifest, sizeof manifest, "{'annotations': {%s}}", annotations);
        put_podman ("containers.json", manifest);
        assert_ok (ask_podman (annotations, bundle));
        assert_false (req.enable);
        assert_string_equal (container.engine, "podman");
    }
}

static void
what_is_no_bundle_of_podmans_is_not_looked_up (void **state)
{
    static const char *const bundles[] = {
        "/",
        "",
        "/userdata",
        "/x/overlay-containers/" ID,
        "/x/overlay-containers/../userdata",
        "/x/overlay/" ID "/userdata",
        "/-containers/" ID "/userdata",
    };

    (void) state;
    for (size_t i = 0; i < countof (bundles); i++)
        assert_int_equal (ask_podman ("'dri.enable': 'true'", bundles[i]), -1);
}

static void
ask_bundle (const char *id, const char *text)
{
    json_t *spec = parse (text);

    assert_ok (engine_request (spec, "/tmp/bundle", id, &config, &container, &req, &err));
    assert_string_equal (container.id, id);
    json_decref (spec);
}

/* Some engine that we do not know may have made it, and taken its environment from an image.  */
static void
of_a_bundle_without_an_engine_annotations_and_devices_count (void **state)
{
    static const char env[] = "{'process': {'env': ['DRI_ENABLE=true', 'DRI_GPU=arc']}}";

    (void) state;
    ask_bundle ("web", env);
    assert_false (req.enable);
    assert_string_equal (container.engine, "oci");
    ask_bundle ("web", "{'annotations': {'dri.enable': 'true'}, 'process': {'env': ['DRI_GPU=arc']}}");
    assert_true (req.enable);
    assert_int_equal (req.source[KEY_GPU], SOURCE_DEFAULT);
    ask_bundle ("web", "{'process': {'env': ['DRI_GPU=arc']}, " DEVICE_HOOK "}");
    assert_true (req.enable);
    assert_int_equal (req.source[KEY_GPU], SOURCE_DEFAULT);
    config.image_requests = true;
    ask_bundle ("web", env);
    assert_true (req.enable);
    assert_string_equal (req.text[KEY_GPU], "arc");
}

/* Its annotations and environment are the base image's, whosoever's marks are among them.  */
static void
in_a_build_only_a_device_asks (void **state)
{
    static const char id[] = "buildah-buildah1234567";
    static const char *const marks[] = {
        "'x': 'y'",
        "'io.container.manager': 'libpod'",
        "'io.kubernetes.cri.container-type': 'container'",
        "'nerdctl/name': 'web'",
    };
    char spec[1024];

    (void) state;
    for (size_t i = 0; i < countof (marks); i++) {
        (void) snprintf (spec, sizeof spec,
                         "{'annotations': {%s, 'dri.enable': 'true', 'dri.gpu': 'arc'},"
                         " 'process': {'env': ['DRI_ENABLE=true']}}",
                         marks[i]);
        ask_bundle (id, spec);
        assert_false (req.enable);
        assert_string_equal (container.engine, "buildah");
    }
    config.image_requests = true;
    ask_bundle (id, spec);
    assert_true (req.enable);
    config.image_requests = false;
    ask_bundle (id, "{'annotations': {'dri.gpu': 'all'}, " DEVICE_HOOK "}");
    assert_true (req.enable);
    assert_int_equal (req.source[KEY_GPU], SOURCE_DEFAULT);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        engine_test (other_engines_are_known_by_their_annotations),
        engine_test (podmans_annotations_count_unless_the_image_has_the_same),
        engine_test (a_container_of_podman_whose_image_is_not_known_is_refused_if_it_asks),
        engine_test (an_image_of_podmans_cannot_pass_for_another_engines),
        engine_test (what_is_no_bundle_of_podmans_is_not_looked_up),
        engine_test (of_a_bundle_without_an_engine_annotations_and_devices_count),
        engine_test (in_a_build_only_a_device_asks),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
