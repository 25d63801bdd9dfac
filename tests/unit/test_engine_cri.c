/* The annotations of Kubernetes' engines. Those of containerd are read off a config.json that the CRI of 1.7
 * made; those of CRI-O stand as its SpecAddAnnotations (internal/factory/container) writes them, since Debian
 * has no CRI-O.  */
#include "tests/unit/engine_bed.h"

#define CONTAINERD                                                                                           \
    "'io.kubernetes.cri.sandbox-id': '" OTHER "', 'io.kubernetes.cri.sandbox-name': 'jellyfin-0',"           \
    "'io.kubernetes.cri.sandbox-namespace': 'media', 'io.kubernetes.cri.sandbox-uid': 'c4f0'"
#define CONTAINERD_CONTAINER                                                                                 \
    CONTAINERD ", 'io.kubernetes.cri.container-type': 'container',"                                          \
               "'io.kubernetes.cri.container-name': 'app', 'io.kubernetes.cri.image-name': 'jellyfin:10'"
#define CONTAINERD_SANDBOX                                                                                   \
    CONTAINERD ", 'io.kubernetes.cri.container-type': 'sandbox',"                                            \
               "'io.kubernetes.cri.sandbox-log-directory': '/var/log/pods/media_jellyfin-0_c4f0'"

#define CRIO                                                                                                 \
    "'io.container.manager': 'cri-o', 'io.kubernetes.cri-o.SandboxID': '" OTHER "',"                         \
    "'io.kubernetes.cri-o.ImageName': 'jellyfin:10', 'io.kubernetes.cri-o.TTY': 'false'"
#define CRIO_CONTAINER                                                                                       \
    CRIO ", 'io.kubernetes.cri-o.ContainerType': 'container',"                                               \
         "'io.kubernetes.cri-o.Name': 'k8s_app_jellyfin-0_media_c4f0_0',"                                    \
         "'io.kubernetes.pod.namespace': 'media', 'io.kubernetes.pod.name': 'jellyfin-0',"                   \
         "'io.kubernetes.container.name': 'app'"
#define CRIO_SANDBOX                                                                                         \
    CRIO ", 'io.kubernetes.cri-o.ContainerType': 'sandbox',"                                                 \
         "'io.kubernetes.cri-o.KubeName': 'jellyfin-0', 'io.kubernetes.cri-o.Namespace': 'media'"

static int
ask_with (const char *annotations, const char *ours)
{
    char spec[2048];

    (void) snprintf (spec, sizeof spec,
                     "{'annotations': {%s, %s}, 'process': {'env': ['DRI_ENABLE=true', 'DRI_SLOTS=2']}}",
                     annotations, ours);
    return ask (ID, spec);
}

static void
a_container_is_known_by_namespace_pod_and_name (void **state)
{
    static const char *const annotations[] = {CONTAINERD_CONTAINER, CRIO_CONTAINER};
    static const char *const engines[] = {"containerd-cri", "cri-o"};

    (void) state;
    for (size_t i = 0; i < countof (annotations); i++) {
        assert_ok (ask_with (annotations[i], "'dri.enable': 'true', 'dri.gpu': 'pci:0000:00:02.0'"));
        assert_true (req.enable);
        assert_int_equal (req.selectors[0].kind, SELECT_PCI);
        assert_int_equal (req.source[KEY_GPU], SOURCE_ANNOTATION);
        assert_string_equal (container.id, ID);
        assert_string_equal (container.engine, engines[i]);
        assert_string_equal (container.name, "media/jellyfin-0/app");
        assert_string_equal (container.project, "media");
        assert_string_equal (container.service, "jellyfin-0");
        assert_string_equal (container.image, "jellyfin:10");
    }
}

/* containerd before 1.5 wrote neither pod nor namespace.  */
static void
what_is_not_said_is_left_out_of_the_name (void **state)
{
    (void) state;
    assert_ok (ask_with ("'io.kubernetes.cri.container-type': 'container',"
                         "'io.kubernetes.cri.container-name': 'app'",
                         "'dri.enable': 'true'"));
    assert_string_equal (container.name, "app");
    assert_string_equal (container.project, "");
}

/* The pod's annotations reach the sandbox too. A slip of the pen there is told where the container starts. */
static void
a_sandbox_never_asks (void **state)
{
    static const char *const annotations[] = {CONTAINERD_SANDBOX, CRIO_SANDBOX};

    (void) state;
    for (size_t i = 0; i < countof (annotations); i++) {
        for (int image_requests = 0; image_requests < 2; image_requests++) {
            config.image_requests = image_requests != 0;
            assert_ok (ask_with (annotations[i], "'dri.enable': 'true', 'dri.acess': 'exclusive'"));
            assert_false (req.enable);
        }
    }
}

static void
a_bad_annotation_is_refused_by_its_name (void **state)
{
    (void) state;
    assert_refused (ask_with (CONTAINERD_CONTAINER, "'dri.acess': 'exclusive'"), "did you mean dri.access?");
    assert_string_equal (container.name, "media/jellyfin-0/app");
    assert_refused (ask_with (CRIO_CONTAINER, "'dri.slots': 'many'"), "dri.slots");
}

/* It may be the image's.  */
static void
the_environment_does_not_count (void **state)
{
    static const char *const annotations[] = {CONTAINERD_CONTAINER, CRIO_CONTAINER};

    (void) state;
    for (size_t i = 0; i < countof (annotations); i++) {
        assert_ok (ask_with (annotations[i], "'x': 'y'"));
        assert_false (req.enable);
        assert_ok (ask_with (annotations[i], "'dri.enable': 'true'"));
        assert_int_equal (req.slots, 1);
        config.image_requests = true;
        assert_ok (ask_with (annotations[i], "'x': 'y'"));
        assert_true (req.enable);
        assert_int_equal (req.slots, 2);
        config.image_requests = false;
    }
}

static void
labels_of_cri_o_are_read_from_their_json (void **state)
{
    (void) state;
    assert_ok (ask_with (
        CRIO ", 'io.kubernetes.cri-o.ContainerType': 'container'",
        "'io.kubernetes.cri-o.Labels': '{\\\"io.kubernetes.pod.namespace\\\":\\\"media\\\","
        "\\\"io.kubernetes.pod.name\\\":\\\"tv\\\",\\\"io.kubernetes.container.name\\\":\\\"app\\\","
        "\\\"dri.enable\\\":\\\"true\\\",\\\"dri.gpu\\\":\\\"arc\\\"}', 'dri.gpu': 'igpu'"));
    assert_true (req.enable);
    assert_string_equal (req.text[KEY_GPU], "arc");
    assert_int_equal (req.source[KEY_GPU], SOURCE_LABEL);
    assert_string_equal (container.name, "media/tv/app");
}

/* A pod's annotations come along with its containers: those of the other engine name another pod.  */
static void
a_pod_cannot_pass_for_another (void **state)
{
    static const char *const others[] = {
        CRIO_CONTAINER
        ", 'io.kubernetes.cri.container-type': 'container',"
        "'io.kubernetes.cri.sandbox-namespace': 'bank', 'io.kubernetes.cri.sandbox-name': 'vault'",
        CRIO_CONTAINER ", 'io.kubernetes.cri.container-type': 'sandbox'",
        CONTAINERD_CONTAINER ", 'io.kubernetes.cri-o.ContainerType': 'container',"
                             "'io.kubernetes.pod.namespace': 'bank', 'io.kubernetes.pod.name': 'vault'",
    };

    (void) state;
    for (size_t i = 0; i < countof (others); i++) {
        assert_refused (ask_with (others[i], "'dri.enable': 'true'"), "of two engines");
        /* CRI-O passes any annotation on, and its own are over them; containerd those which root lists.  */
        assert_string_equal (container.engine, "cri-o");
        assert_ok (ask_with (others[i], "'x': 'y'"));
        assert_false (req.enable);
    }
}

static void
odd_annotations_are_survived (void **state)
{
    static const char *const odd[] = {
        "'io.kubernetes.cri-o.ContainerType': 7, 'io.kubernetes.cri-o.Labels': 7",
        "'io.kubernetes.cri-o.ContainerType': 'container', 'io.kubernetes.cri-o.Labels': '['",
        "'io.kubernetes.cri-o.ContainerType': 'container', 'io.kubernetes.cri-o.Labels': '[1]'",
        ("'io.kubernetes.cri-o.ContainerType': 'container', 'io.kubernetes.cri-o.Labels': "
         "'{\\\"dri.gpu\\\":1}'"),
        "'io.kubernetes.cri.container-type': null, 'io.kubernetes.cri.container-name': {}",
        "'io.kubernetes.cri.container-type': 'container', 'io.kubernetes.cri.sandbox-name': 5",
    };

    (void) state;
    for (size_t i = 0; i < countof (odd); i++) {
        assert_ok (ask_with (odd[i], "'dri.enable': 'true'"));
        assert_true (req.enable);
        assert_string_equal (container.name, "");
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        engine_test (a_container_is_known_by_namespace_pod_and_name),
        engine_test (what_is_not_said_is_left_out_of_the_name),
        engine_test (a_sandbox_never_asks),
        engine_test (a_bad_annotation_is_refused_by_its_name),
        engine_test (the_environment_does_not_count),
        engine_test (labels_of_cri_o_are_read_from_their_json),
        engine_test (a_pod_cannot_pass_for_another),
        engine_test (odd_annotations_are_survived),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
