/* Engines' records in a folder, laid out as Docker 26 and 28 lay them out (read off real ones).  */
#include "tests/unit/testing.h"

#include "oci/config.h"
#include "oci/engine.h"

#define ID    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OTHER "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define IMAGE "1111111111111111111111111111111111111111111111111111111111111111"
#define HEX_2 "2222222222222222222222222222222222222222222222222222222222222222"
#define HEX_3 "3333333333333333333333333333333333333333333333333333333333333333"
#define HEX_4 "4444444444444444444444444444444444444444444444444444444444444444"

static struct config config;
static struct container container;
static struct request req;
static struct error err;

/* Runs the test with the configured roots in the folder, so that the machine's own Docker has no part in it.
 */
static int
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

static void
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
static void
put_image (const char *root, const char *config_member)
{
    char text[1024];

    (void) snprintf (text, sizeof text, "{'architecture': 'amd64', 'config': %s}", config_member);
    put_json (in_folder ("%s/image/overlay2/imagedb/content/sha256/" IMAGE, root), text);
}

/* %s in the spec is the folder.  */
static int
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

static const char docker_spec[] = "{'root': {'path': '%s/docker/overlay2/" HEX_2 "/merged'},"
                                  " 'process': {'env': ['PATH=/bin']},"
                                  " 'mounts': [{'destination': '/proc', 'source': 'proc'},"
                                  "  {'destination': '/etc/resolv.conf',"
                                  "   'source': '%s/docker/containers/" ID "/resolv.conf'}]}";

static void
a_label_of_docker_opts_in (void **state)
{
    (void) state;
    put_record ("docker", ID,
                "'dri.enable': 'true', 'dri.gpu': 'arc', 'com.docker.compose.project': 'media',"
                " 'com.docker.compose.service': 'jellyfin'");
    put_image ("docker", "{'Labels': null}");
    assert_ok (ask (ID, docker_spec));
    assert_true (req.enable);
    assert_string_equal (req.text[KEY_GPU], "arc");
    assert_int_equal (req.source[KEY_GPU], SOURCE_LABEL);
    assert_string_equal (container.id, ID);
    assert_string_equal (container.name, "web");
    assert_string_equal (container.image, "jellyfin:10");
    assert_string_equal (container.engine, "docker");
    assert_string_equal (container.project, "media");
    assert_string_equal (container.service, "jellyfin");
}

static void
without_a_word_to_us_there_is_no_request_and_no_look_at_the_image (void **state)
{
    (void) state;
    put_record ("docker", ID, "'a': 'b', 'driver': 'x'");
    assert_ok (ask (ID, docker_spec));
    assert_false (req.enable);
    assert_string_equal (container.name, "web");
}

/* --- where the record is found --- */

static void
assert_found (const char *spec)
{
    assert_ok (ask (ID, spec));
    assert_true (req.enable);
    assert_string_equal (container.engine, "docker");
    assert_string_equal (container.name, "web");
}

static void
the_record_is_found_by_any_of_the_engines_files (void **state)
{
    static const char *const files[] = {"hostname", "hosts", "resolv.conf"};
    char spec[1024];

    (void) state;
    put_record ("elsewhere", ID, "'dri.enable': 'true'");
    put_image ("elsewhere", "{}");
    for (size_t i = 0; i < countof (files); i++) {
        (void) snprintf (spec, sizeof spec,
                         "{'mounts': [{'destination': '/etc/%s', 'source': '%%s/elsewhere/containers/" ID
                         "/%s'}]}",
                         files[i], files[i]);
        assert_found (spec);
    }
}

/* network_mode: container:X mounts X's files: its folder tells the data-root, not the container.  */
static void
with_anothers_network_the_record_is_still_ones_own (void **state)
{
    (void) state;
    put_record ("elsewhere", ID, "'dri.enable': 'true'");
    put_record ("elsewhere", OTHER, "'dri.enable': 'false', 'dri.gpu': 'wrong'");
    put_image ("elsewhere", "{}");
    assert_found ("{'mounts': [{'destination': '/etc/hosts', 'source': '%s/elsewhere/containers/" OTHER
                  "/hosts'}]}");
    assert_string_equal (req.text[KEY_GPU], "");
}

static void
without_a_network_the_record_is_found_from_the_root_file_system (void **state)
{
    static const char *const paths[] = {
        "%s/elsewhere/overlay2/" HEX_2 "/merged",
        "%s/elsewhere/rootfs/overlayfs/" ID,
        "%s/elsewhere/vfs/dir/" HEX_2,
    };
    char spec[1024];

    (void) state;
    put_record ("elsewhere", ID, "'dri.enable': 'true'");
    put_image ("elsewhere", "{}");
    for (size_t i = 0; i < countof (paths); i++) {
        (void) snprintf (spec, sizeof spec, "{'root': {'path': '%s'}}", paths[i]);
        assert_found (spec);
    }
}

/* userns-remap: <data-root>/<uid>.<gid>/containers/…  */
static void
the_suffix_of_userns_remap_is_part_of_the_root (void **state)
{
    (void) state;
    put_record ("docker/100000.100000", ID, "'dri.enable': 'true'");
    put_image ("docker/100000.100000", "{'Labels': {'dri.gpu': 'image'}}");
    assert_found ("{'mounts': [{'destination': '/etc/hosts', 'source':"
                  " '%s/docker/100000.100000/containers/" ID "/hosts'}]}");
    assert_found ("{'root': {'path': '%s/docker/100000.100000/overlay2/" HEX_2 "/merged'}}");
}

static void
the_configured_root_is_looked_at_last (void **state)
{
    (void) state;
    put_record ("docker", ID, "'dri.enable': 'true'");
    put_image ("docker", "{}");
    assert_found ("{}");
    assert_found (
        "{'root': {'path': 'rootfs'}, 'mounts': [{'destination': '/etc/hosts', 'source': '/none'}]}");
    /* Also where there is no config.json that could be read.  */
    memset (&container, 0, sizeof container);
    assert_ok (engine_request (NULL, "/b", ID, &config, &container, &req, &err));
    assert_true (req.enable);
    put_record ("elsewhere", ID, "'dri.enable': 'true', 'dri.gpu': 'nearer'");
    put_image ("elsewhere", "{}");
    assert_found ("{'root': {'path': '%s/elsewhere/overlay2/" HEX_2 "/merged'}}");
    assert_string_equal (req.text[KEY_GPU], "nearer");
}

static void
a_record_of_another_container_is_not_taken (void **state)
{
    (void) state;
    put_record ("docker", ID, "'dri.enable': 'true'");
    put_json (in_folder ("docker/containers/" ID "/config.v2.json"),
              "{'ID': '" OTHER "', 'Config': {'Labels': {'dri.enable': 'true'}}}");
    assert_ok (ask (ID, docker_spec));
    assert_false (req.enable);
    assert_string_not_equal (container.engine, "docker");
    put (in_folder ("docker/containers/" ID "/config.v2.json"), "{\"ID\": \"" ID "\", ");
    assert_ok (ask (ID, docker_spec));
    assert_false (req.enable);
}

/* The id becomes part of a path.  */
static void
only_an_id_of_docker_is_looked_up (void **state)
{
    static const char *const ids[] = {
        "web",    "",
        "../" ID, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ID "a",   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };

    (void) state;
    for (size_t i = 0; i < countof (ids); i++) {
        if (ids[i][0])
            put_record ("docker", ids[i], "'dri.enable': 'true'");
        assert_ok (ask (ids[i], "{}"));
        assert_false (req.enable);
        assert_string_equal (container.id, ids[i]);
        assert_string_equal (container.engine, "containerd");
    }
}

static void
a_record_as_a_fifo_does_not_hang (void **state)
{
    (void) state;
    put_record ("docker", ID, "");
    assert_int_equal (unlink (in_folder ("docker/containers/" ID "/config.v2.json")), 0);
    assert_int_equal (mkfifo (in_folder ("docker/containers/" ID "/config.v2.json"), 0600), 0);
    (void) alarm (10);
    assert_ok (ask (ID, docker_spec));
    (void) alarm (0);
    assert_false (req.enable);
}

/* --- what counts --- */

static void
label_goes_before_annotation_before_environment (void **state)
{
    (void) state;
    put_record ("docker", ID, "'dri.enable': 'true', 'dri.gpu': 'label'");
    put_image ("docker", "{}");
    assert_ok (ask (ID, "{'annotations': {'dri.gpu': 'annotation', 'dri.access': 'exclusive'},"
                        " 'process': {'env': ['DRI_GPU=env', 'DRI_ACCESS=shared', 'DRI_SLOTS=3']}}"));
    assert_string_equal (req.text[KEY_GPU], "label");
    assert_int_equal (req.access, ACCESS_EXCLUSIVE);
    assert_int_equal (req.source[KEY_ACCESS], SOURCE_ANNOTATION);
    assert_int_equal (req.slots, 3);
    assert_int_equal (req.source[KEY_SLOTS], SOURCE_ENV);
}

static void
annotation_or_environment_alone_opt_in (void **state)
{
    (void) state;
    put_record ("docker", ID, "");
    put_image ("docker", "{'Env': ['DRI_GPU=image']}");
    assert_ok (ask (ID, "{'annotations': {'dri.enable': 'true'}}"));
    assert_true (req.enable);
    assert_ok (ask (ID, "{'process': {'env': ['DRI_ENABLE=true', 'DRI_SLOTS=2']}}"));
    assert_true (req.enable);
    assert_int_equal (req.slots, 2);
    assert_ok (ask (ID, "{'annotations': {'dri.enable': 'false'}, 'process': {'env': ['DRI_ENABLE=true']}}"));
    assert_false (req.enable);
}

static void
mesas_variables_are_not_ours (void **state)
{
    (void) state;
    put_record ("docker", ID, "");
    assert_ok (ask (ID, "{'process': {'env': ['DRI_PRIME=1', 'DRI_', 'DRI_GPUX=1', 'DRI_GPU']}}"));
    assert_false (req.enable);
}

/* A variable may be anybody's. Its value is judged where the container opted in.  */
static void
a_bad_variable_is_an_error_only_for_who_opted_in (void **state)
{
    (void) state;
    put_record ("docker", ID, "");
    put_image ("docker", "{}");
    assert_ok (ask (ID, "{'process': {'env': ['DRI_ACCESS=sometimes']}}"));
    assert_false (req.enable);
    assert_refused (
        ask (ID, "{'annotations': {'dri.enable': 'true'}, 'process': {'env': ['DRI_ACCESS=share']}}"),
        "did you mean \"shared\"?");
    assert_refused (ask (ID, "{'process': {'env': ['DRI_ENABLE=yes']}}"), "DRI_ENABLE");
}

static void
a_bad_label_or_annotation_is_always_an_error (void **state)
{
    (void) state;
    put_image ("docker", "{}");
    put_record ("docker", ID, "'dri.enabel': 'true'");
    assert_refused (ask (ID, docker_spec), "did you mean dri.enable?");
    assert_string_equal (container.name, "web");
    put_record ("docker", ID, "'dri.gpu': ''");
    assert_refused (ask (ID, docker_spec), "dri.gpu");
    put_record ("docker", ID, "");
    assert_refused (ask (ID, "{'annotations': {'dri.acess': 'x'}}"), "did you mean dri.access?");
}

static void
labels_and_variables_of_the_image_do_not_count (void **state)
{
    static const char spec[] = "{'process': {'env': ['DRI_SLOTS=3', 'DRI_WAIT=1s']}}";

    (void) state;
    put_record ("docker", ID, "'dri.enable': 'true', 'dri.gpu': 'image', 'dri.access': 'exclusive'");
    put_image ("docker",
               "{'Labels': {'dri.gpu': 'image', 'dri.access': 'shared'}, 'Env': ['A=b', 'DRI_SLOTS=3']}");
    assert_ok (ask (ID, spec));
    assert_true (req.enable);
    assert_int_equal (req.source[KEY_GPU], SOURCE_DEFAULT);
    /* Said otherwise for the container: its own.  */
    assert_int_equal (req.access, ACCESS_EXCLUSIVE);
    assert_int_equal (req.slots, 1);
    assert_int_equal (req.wait_ms, 1000);
    put_image ("docker", "{'Labels': {'dri.enable': 'true', 'dri.bad': 'x'}}");
    put_record ("docker", ID, "'dri.enable': 'true', 'dri.bad': 'x'");
    assert_ok (ask (ID, "{'process': {'env': []}}"));
    assert_false (req.enable);
    put_image ("docker", "{'Env': ['DRI_ENABLE=true']}");
    put_record ("docker", ID, "");
    assert_ok (ask (ID, "{'process': {'env': ['DRI_ENABLE=true']}}"));
    assert_false (req.enable);
}

static void
they_count_where_the_administrator_says_so (void **state)
{
    (void) state;
    config.image_requests = true;
    put_record ("docker", ID, "'dri.enable': 'true'");
    assert_ok (ask (ID, "{'process': {'env': ['DRI_SLOTS=3']}}"));
    assert_true (req.enable);
    assert_int_equal (req.slots, 3);
}

static void
an_annotation_is_never_the_images (void **state)
{
    (void) state;
    put_record ("docker", ID, "'dri.enable': 'true'");
    put_image ("docker", "{'Labels': {'dri.enable': 'true'}}");
    assert_ok (ask (ID, "{}"));
    assert_false (req.enable);
    assert_ok (ask (ID, "{'annotations': {'dri.enable': 'true'}}"));
    assert_true (req.enable);
}

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

static void
an_odd_record_is_survived (void **state)
{
    static const char *const records[] = {
        "{'ID': '" ID "'}",
        "{'ID': '" ID "', 'Config': null, 'Name': 7}",
        "{'ID': '" ID "', 'Config': {'Labels': []}, 'Name': ''}",
        "{'ID': '" ID "', 'Config': {'Labels': {'dri.enable': true, 'dri.gpu': 18}}}",
        "{'ID': 7}",
    };

    (void) state;
    put_image ("docker", "{}");
    for (size_t i = 0; i < countof (records); i++) {
        put_json (in_folder ("docker/containers/" ID "/config.v2.json"), records[i]);
        config.image_requests = i % 2;
        (void) ask (ID, docker_spec);
        assert_false (req.enable);
        config.image_requests = !config.image_requests;
        (void) ask (ID, docker_spec);
        assert_false (req.enable);
    }
}

/* --- other engines --- */

static void
other_engines_are_known_by_their_annotations (void **state)
{
    static const struct {
        const char *annotations, *engine, *name, *image;
    } cases[] = {
        {"'nerdctl/name': 'web'", "nerdctl", "web", ""},
        {"'io.kubernetes.cri.container-type': 'container', 'io.kubernetes.cri.container-name': 'web',"
         " 'io.kubernetes.cri.image-name': 'app:1'",
         "containerd-cri", "web", "app:1"},
        {"'io.kubernetes.cri-o.ContainerType': 'container', 'io.kubernetes.cri-o.Name': 'k8s_web',"
         " 'io.kubernetes.cri-o.ImageName': 'app:1'",
         "cri-o", "k8s_web", "app:1"},
        {"'other': 'x'", "containerd", "", ""},
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
        assert_string_equal (container.image, cases[i].image);
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
a_bundle_made_by_hand_has_an_environment_of_its_own (void **state)
{
    json_t *spec = parse ("{'process': {'env': ['DRI_ENABLE=true', 'DRI_GPU=arc']}}");

    (void) state;
    assert_ok (engine_request (spec, "/tmp/bundle", "web", &config, &container, &req, &err));
    assert_true (req.enable);
    assert_string_equal (req.text[KEY_GPU], "arc");
    assert_string_equal (container.engine, "oci");
    assert_string_equal (container.id, "web");
    json_decref (spec);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        engine_test (a_label_of_docker_opts_in),
        engine_test (without_a_word_to_us_there_is_no_request_and_no_look_at_the_image),
        engine_test (the_record_is_found_by_any_of_the_engines_files),
        engine_test (with_anothers_network_the_record_is_still_ones_own),
        engine_test (without_a_network_the_record_is_found_from_the_root_file_system),
        engine_test (the_suffix_of_userns_remap_is_part_of_the_root),
        engine_test (the_configured_root_is_looked_at_last),
        engine_test (a_record_of_another_container_is_not_taken),
        engine_test (only_an_id_of_docker_is_looked_up),
        engine_test (a_record_as_a_fifo_does_not_hang),
        engine_test (label_goes_before_annotation_before_environment),
        engine_test (annotation_or_environment_alone_opt_in),
        engine_test (mesas_variables_are_not_ours),
        engine_test (a_bad_variable_is_an_error_only_for_who_opted_in),
        engine_test (a_bad_label_or_annotation_is_always_an_error),
        engine_test (labels_and_variables_of_the_image_do_not_count),
        engine_test (they_count_where_the_administrator_says_so),
        engine_test (an_annotation_is_never_the_images),
        engine_test (an_image_that_is_not_found_refuses_who_addressed_us),
        engine_test (containerds_content_store_is_read_too),
        engine_test (a_broken_content_store_is_refused_not_followed),
        engine_test (a_record_cannot_name_a_path),
        engine_test (an_odd_record_is_survived),
        engine_test (other_engines_are_known_by_their_annotations),
        engine_test (podmans_annotations_count_unless_the_image_has_the_same),
        engine_test (a_container_of_podman_whose_image_is_not_known_is_refused_if_it_asks),
        engine_test (what_is_no_bundle_of_podmans_is_not_looked_up),
        engine_test (a_bundle_made_by_hand_has_an_environment_of_its_own),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
