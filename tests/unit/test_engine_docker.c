/* Docker's record of a container: where it is found, and what in it counts.  */
#include "tests/unit/engine_bed.h"

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

/* The folder above a mount's source may be anybody's, and he could claim for himself what he likes.  */
static void
a_record_of_somebody_elses_making_is_not_believed (void **state)
{
    const char *record;

    (void) state;
    put_record ("docker", ID, "'dri.enable': 'true'");
    put_image ("docker", "{}");
    record = in_folder ("docker/containers/" ID "/config.v2.json");
    assert_ok (ask (ID, docker_spec));
    assert_true (req.enable);
    assert_return_code (chown (record, 1234, 0), errno);
    assert_ok (ask (ID, docker_spec));
    assert_false (req.enable);
    assert_string_not_equal (container.engine, "docker");
    /* The daemon's own, in the folder of a user that root is mapped to (userns-remap).  */
    assert_return_code (chown (record, 0, 1234), errno);
    assert_return_code (chown (in_folder ("docker/containers/" ID), 1234, 1234), errno);
    assert_ok (ask (ID, docker_spec));
    assert_true (req.enable);
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

/* Whoever asks by an annotation or a device has said nothing of the image's variables.  */
static void
the_images_variables_do_not_count_however_one_asks (void **state)
{
    static const char *const ways[] = {
        "'annotations': {'dri.enable': 'true'}",
        DEVICE_HOOK,
    };
    char spec[1024];

    (void) state;
    put_record ("docker", ID, "");
    put_image ("docker", "{'Env': ['DRI_NODES=render,card', 'DRI_GPU=all', 'DRI_ACCESS=exclusive']}");
    for (size_t i = 0; i < countof (ways); i++) {
        (void) snprintf (spec, sizeof spec,
                         "{%s, 'process': {'env': ['DRI_NODES=render,card', 'DRI_GPU=all',"
                         " 'DRI_ACCESS=exclusive', 'DRI_SLOTS=2']}}",
                         ways[i]);
        assert_ok (ask (ID, spec));
        assert_true (req.enable);
        assert_false (req.card);
        assert_int_equal (req.selectors[0].kind, SELECT_ANY);
        assert_int_equal (req.access, ACCESS_SHARED);
        /* His own.  */
        assert_int_equal (req.slots, 2);
    }
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

/* --- Swarm --- */

#define TASK "'com.docker.swarm.task': '', 'com.docker.swarm.task.id': 'gsz0', "

/* As Docker 26 writes the task of a service of a stack.  */
static void
a_task_of_swarm_is_known_by_its_service (void **state)
{
    (void) state;
    put_record ("docker", ID,
                TASK "'dri.enable': 'true', 'com.docker.stack.namespace': 'media',"
                     " 'com.docker.swarm.service.name': 'media_jellyfin'");
    put_image ("docker", "{}");
    assert_ok (ask (ID, docker_spec));
    assert_true (req.enable);
    assert_string_equal (container.project, "media");
    assert_string_equal (container.service, "media_jellyfin");
}

static int
ask_with_reservation (const char *labels, const char *env)
{
    char spec[512], all[512];

    (void) snprintf (all, sizeof all, TASK "'dri.enable': 'true'%s", labels);
    put_record ("docker", ID, all);
    (void) snprintf (spec, sizeof spec, "{'process': {'env': ['A=b', %s]}}", env);
    return ask (ID, spec);
}

static void
what_swarm_reserved_is_the_gpu (void **state)
{
    (void) state;
    put_image ("docker", "{}");
    assert_ok (ask_with_reservation ("", "'DOCKER_RESOURCE_DRI=pci:0000:00:02.0'"));
    assert_int_equal (req.n_selectors, 1);
    assert_int_equal (req.selectors[0].kind, SELECT_PCI);
    assert_int_equal (req.source[KEY_GPU], SOURCE_RESERVATION);
    assert_string_equal (req.text[KEY_GPU], "pci:0000:00:02.0");
    /* Swarm writes its own behind the service's.  */
    assert_ok (ask_with_reservation ("", "'DOCKER_RESOURCE_DRI=arc', 'DOCKER_RESOURCE_DRI=igpu'"));
    assert_string_equal (req.text[KEY_GPU], "igpu");
    /* A resource that is only counted.  */
    assert_ok (ask_with_reservation ("", "'DOCKER_RESOURCE_DRI=1'"));
    assert_int_equal (req.source[KEY_GPU], SOURCE_DEFAULT);
    assert_string_equal (req.reserved, "");
    assert_ok (ask_with_reservation ("", "'DOCKER_RESOURCE_GPU=arc', 'DOCKER_RESOURCE_DRIX=arc'"));
    assert_int_equal (req.source[KEY_GPU], SOURCE_DEFAULT);
}

/* What Swarm says is kept all the same, so that the contradiction can be told.  */
static void
what_the_user_says_goes_before_a_reservation (void **state)
{
    (void) state;
    put_image ("docker", "{}");
    assert_ok (ask_with_reservation (", 'dri.gpu': 'arc'", "'DOCKER_RESOURCE_DRI=igpu'"));
    assert_string_equal (req.text[KEY_GPU], "arc");
    assert_int_equal (req.source[KEY_GPU], SOURCE_LABEL);
    assert_string_equal (req.reserved, "igpu");
    assert_ok (ask_with_reservation ("", "'DRI_GPU=arc', 'DOCKER_RESOURCE_DRI=igpu'"));
    assert_string_equal (req.text[KEY_GPU], "arc");
    assert_int_equal (req.source[KEY_GPU], SOURCE_ENV);
}

static void
a_reservation_that_cannot_be_met_is_refused (void **state)
{
    (void) state;
    put_image ("docker", "{}");
    assert_refused (ask_with_reservation ("", "'DOCKER_RESOURCE_DRI=igpu,arc'"), "reserve dri=1");
    assert_ok (ask_with_reservation (", 'dri.gpu': 'all'", "'DOCKER_RESOURCE_DRI=igpu,arc'"));
    assert_int_equal (req.selectors[0].kind, SELECT_ALL);
    assert_refused (ask_with_reservation ("", "'DOCKER_RESOURCE_DRI=GPU 1!'"), "Swarm's reservation");
}

/* Only Swarm writes the label of a task; an image may bring the variable along, and neither asks for a GPU.
 */
static void
a_reservation_counts_in_a_task_of_swarm_only (void **state)
{
    static const char spec[] = "{'process': {'env': ['DOCKER_RESOURCE_DRI=arc']}}";

    (void) state;
    put_image ("docker", "{'Env': ['DOCKER_RESOURCE_DRI=arc']}");
    assert_ok (ask_with_reservation ("", "'DOCKER_RESOURCE_DRI=arc'"));
    assert_int_equal (req.source[KEY_GPU], SOURCE_DEFAULT);
    put_image ("docker", "{}");
    put_record ("docker", ID, "'dri.enable': 'true'");
    assert_ok (ask (ID, spec));
    assert_true (req.enable);
    assert_int_equal (req.source[KEY_GPU], SOURCE_DEFAULT);
    put_record ("docker", ID, TASK "'a': 'b'");
    assert_ok (ask (ID, spec));
    assert_false (req.enable);
}

static void
a_reservation_of_the_image_does_not_count_however_one_asks (void **state)
{
    static const char *const ways[] = {"'annotations': {'dri.enable': 'true'}", DEVICE_HOOK};
    char spec[512];

    (void) state;
    put_record ("docker", ID, TASK "'a': 'b'");
    for (size_t i = 0; i < countof (ways); i++) {
        (void) snprintf (spec, sizeof spec, "{%s, 'process': {'env': ['DOCKER_RESOURCE_DRI=arc']}}", ways[i]);
        put_image ("docker", "{'Env': ['DOCKER_RESOURCE_DRI=arc']}");
        assert_ok (ask (ID, spec));
        assert_true (req.enable);
        assert_int_equal (req.source[KEY_GPU], SOURCE_DEFAULT);
        assert_string_equal (req.reserved, "");
        put_image ("docker", "{}");
        assert_ok (ask (ID, spec));
        assert_string_equal (req.text[KEY_GPU], "arc");
    }
}

/* Without an image that could be read: an annotation that asks for nothing, and no variable of ours.  */
static void
where_the_image_could_say_nothing_it_is_not_looked_for (void **state)
{
    (void) state;
    put_record ("docker", ID, "");
    assert_ok (ask (ID, "{'process': {'env': ['DRI_GPU=arc', 'DOCKER_RESOURCE_DRI=arc']}}"));
    assert_false (req.enable);
    assert_ok (ask (ID, "{'annotations': {'dri.enable': 'true'}, 'process': {'env': ['DRI_PRIME=1']}}"));
    assert_true (req.enable);
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
        engine_test (a_record_of_somebody_elses_making_is_not_believed),
        engine_test (label_goes_before_annotation_before_environment),
        engine_test (annotation_or_environment_alone_opt_in),
        engine_test (mesas_variables_are_not_ours),
        engine_test (a_bad_variable_is_an_error_only_for_who_opted_in),
        engine_test (a_bad_label_or_annotation_is_always_an_error),
        engine_test (labels_and_variables_of_the_image_do_not_count),
        engine_test (the_images_variables_do_not_count_however_one_asks),
        engine_test (they_count_where_the_administrator_says_so),
        engine_test (an_annotation_is_never_the_images),
        engine_test (a_task_of_swarm_is_known_by_its_service),
        engine_test (what_swarm_reserved_is_the_gpu),
        engine_test (what_the_user_says_goes_before_a_reservation),
        engine_test (a_reservation_that_cannot_be_met_is_refused),
        engine_test (a_reservation_counts_in_a_task_of_swarm_only),
        engine_test (a_reservation_of_the_image_does_not_count_however_one_asks),
        engine_test (where_the_image_could_say_nothing_it_is_not_looked_for),
        engine_test (an_odd_record_is_survived),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
