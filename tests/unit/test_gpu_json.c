#include "gpu_bed.h"

static void
check_json (const struct gpu *gpu, const char *wanted)
{
    _cleanup_json_ json_t *json = gpu_to_json (gpu), *want = json_loads (wanted, 0, NULL);
    _cleanup_free_ char *text = json_dumps (json, 0);

    assert_non_null (want);
    if (!json_equal (json, want))
        fail_msg ("%s\nwanted\n%s", text, wanted);
}

#define NOT_READY                                                                                            \
    "\"ready\":{\"level\":null,\"profiles\":[],\"driver\":null,\"reason\":null,\"expectation\":null}"

static void
json_says_null_for_what_is_not_known (void **state)
{
    struct gpu gpu = pci_gpu ("0000:00:02.0", "i915", 0), vgem = platform_gpu ("platform-vgem", 1);

    (void) state;
    (void) strcpy (gpu.name, "igpu");
    (void) strcpy (gpu.model, "Alder Lake-N");
    gpu.slots = 16;
    gpu.device = 0x00d1;
    check_json (
        &gpu, "{\"name\":\"igpu\",\"pci\":\"0000:00:02.0\",\"driver\":\"i915\",\"vendor\":\"0x8086\","
              "\"device\":\"0x00d1\",\"model\":\"Alder Lake-N\",\"render\":\"renderD128\",\"card\":\"card0\","
              "\"state\":\"present\",\"reason\":null," NOT_READY ","
              "\"slots\":{\"total\":16},\"simulated\":false}");
    (void) strcpy (vgem.name, "gpu1");
    (void) strcpy (vgem.model, "\xff\xfe not UTF-8");
    vgem.card.name[0] = '\0';
    vgem.slots = 1;
    vgem.simulated = true;
    check_json (&vgem, "{\"name\":\"gpu1\",\"pci\":null,\"driver\":\"vgem\",\"vendor\":null,\"device\":null,"
                       "\"model\":null,\"render\":\"renderD129\",\"card\":null,\"state\":\"present\","
                       "\"reason\":null," NOT_READY ",\"slots\":{\"total\":1},"
                       "\"simulated\":true}");
}

static void
json_says_what_the_gpu_can_do (void **state)
{
    struct gpu gpu = pci_gpu ("0000:00:02.0", "i915", 0);
    json_t *json;

    (void) state;
    gpu.ready = (struct gpu_ready){.knowledge = GPU_KNOWN,
                                   .abilities = {.decode = 1U << VIDEO_AV1, .vpp = true},
                                   .level = "vaapi",
                                   .driver = "iHD",
                                   .reason = "VA-API works",
                                   .expectation = "more"};
    json = gpu_to_json (&gpu);
    assert_json (json_object_get (json, "ready"),
                 "{'level':'vaapi','profiles':['vpp','av1-decode'],'driver':'iHD','reason':'VA-API works',"
                 "'expectation':'more'}");
    json_decref (json);
}

static void
json_of_a_lost_gpu_has_a_reason_and_no_nodes (void **state)
{
    struct gpu gpu = pci_gpu ("0000:00:02.0", "i915", 0);
    _cleanup_json_ json_t *json = NULL;

    (void) state;
    gpu.state = GPU_LOST;
    json = gpu_to_json (&gpu);
    assert_string_equal (json_string_value (json_object_get (json, "state")), "lost");
    assert_true (json_is_string (json_object_get (json, "reason")));
    assert_true (json_is_null (json_object_get (json, "render")));
    assert_true (json_is_null (json_object_get (json, "card")));
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (json_says_null_for_what_is_not_known),
        cmocka_unit_test (json_says_what_the_gpu_can_do),
        cmocka_unit_test (json_of_a_lost_gpu_has_a_reason_and_no_nodes),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
