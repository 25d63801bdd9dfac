#include "tests/unit/testing.h"

#include "oci/request.h"

static void
the_wire_form_holds_what_was_written_and_no_more (void **state)
{
    struct request req;
    struct error err = {0};
    json_t *json;

    (void) state;
    request_init (&req);
    assert_ok (request_set (&req, SOURCE_LABEL, "dri.gpu", "arc, any", &err));
    json = request_to_json (&req);
    assert_json (json, "{'gpu': 'arc, any'}");
    json_decref (json);
    assert_ok (request_set (&req, SOURCE_ENV, "DRI_ON_FAILURE", "start-without", &err));
    assert_ok (request_set (&req, SOURCE_ANNOTATION, "dri.enable", "true", &err));
    json = request_to_json (&req);
    assert_json (json, "{'enable': 'true', 'gpu': 'arc, any', 'on-failure': 'start-without'}");
    json_decref (json);
}

static void
the_wire_form_is_not_trusted (void **state)
{
    static const struct {
        const char *json, *words;
    } cases[] = {
        {"{'gpu': 1}", "dri.gpu is not a string"},
        {"{'gpu': null}", "dri.gpu is not a string"},
        {"{'gpu': ['any']}", "dri.gpu is not a string"},
        {"{'gpux': 'any'}", "did you mean dri.gpu?"},
        {"{'dri.gpu': 'any'}", "unknown label dri.dri.gpu"},
        {"{'slots': '4294967297'}", "dri.slots"},
        {"{'owner': '0:0:4755'}", "dri.owner"},
        {"{'on_failure': 'fail'}", "did you mean dri.on-failure?"},
        {"{'gpu': 'any', 'access': 'x'}", "dri.access"},
    };

    (void) state;
    for (size_t i = 0; i < countof (cases); i++) {
        struct request req = {.slots = 77};
        struct error err = {0};
        json_t *json = parse (cases[i].json);

        assert_refused (request_from_json (&req, json, &err), cases[i].words);
        assert_int_equal (req.slots, 77);
        json_decref (json);
    }
}

static const char *const values[KEY_COUNT][5] = {
    [KEY_ENABLE] = {"true", "false"},
    [KEY_GPU] = {"any", "all", "pci:0000:00:02.0, arc", "driver:xe,vendor:amd,8086:46d1,any", "renderD129"},
    [KEY_NODES] = {"render", "render,card"},
    [KEY_ACCESS] = {"shared", "exclusive", "monitor"},
    [KEY_CLASS] = {"interactive", "realtime", "batch"},
    [KEY_SLOTS] = {"1", "7", "1000"},
    [KEY_SHARE] = {"1%", "40%", "100%"},
    [KEY_REQUIRE] = {"h264-decode", "hevc-encode,av1-decode"},
    [KEY_READY] = {"auto", "off", "node", "driver", "vaapi"},
    [KEY_WAIT] = {"0s", "10s", "1500ms"},
    [KEY_ON_FAILURE] = {"fail", "start-without", "defer"},
    [KEY_OWNER] = {"auto", "host", "1000:1001", "0:44:0666"},
    [KEY_ROLE] = {"camera", "A.b_c-1"},
};

static void
assert_same_request (const struct request *a, const struct request *b)
{
    assert_int_equal (a->enable, b->enable);
    assert_int_equal (a->card, b->card);
    assert_int_equal (a->access, b->access);
    assert_int_equal (a->class, b->class);
    assert_int_equal (a->slots, b->slots);
    assert_int_equal (a->share, b->share);
    assert_int_equal (a->ready, b->ready);
    assert_int_equal (a->wait_ms, b->wait_ms);
    assert_int_equal (a->on_failure, b->on_failure);
    assert_int_equal (a->owner.kind, b->owner.kind);
    assert_int_equal (a->owner.uid, b->owner.uid);
    assert_int_equal (a->owner.gid, b->owner.gid);
    assert_int_equal (a->owner.mode, b->owner.mode);
    assert_int_equal (a->n_selectors, b->n_selectors);
    for (unsigned i = 0; i < a->n_selectors; i++) {
        assert_int_equal (a->selectors[i].kind, b->selectors[i].kind);
        assert_int_equal (a->selectors[i].vendor, b->selectors[i].vendor);
        assert_int_equal (a->selectors[i].device, b->selectors[i].device);
        assert_int_equal (a->selectors[i].prefix, b->selectors[i].prefix);
        assert_string_equal (a->selectors[i].text, b->selectors[i].text);
    }
    for (int i = 0; i < KEY_COUNT; i++) {
        assert_string_equal (a->text[i], b->text[i]);
        assert_int_equal (a->source[i], b->source[i]);
    }
}

static void
any_request_survives_the_wire (void **state)
{
    struct rng rng = rng_start (__func__);

    (void) state;
    for (unsigned i = 0; i < 3000; i++) {
        struct request req, back;
        struct error err = {0};
        json_t *json;

        request_init (&req);
        for (unsigned n = rng_below (&rng, 20); n > 0; n--) {
            enum request_key key = (enum request_key) rng_below (&rng, KEY_COUNT);
            const char *value = values[key][rng_below (&rng, 5)];

            if (value)
                assert_ok (request_set (&req, SOURCE_LABEL, request_key_name (key), value, &err));
        }
        json = request_to_json (&req);
        assert_ok (request_from_json (&back, json, &err));
        assert_same_request (&req, &back);
        json_decref (json);
    }
}

static void
names_are_those_that_users_write (void **state)
{
    (void) state;
    for (int i = 0; i < KEY_COUNT; i++) {
        struct request req;
        struct error err = {0};

        request_init (&req);
        assert_ok (
            request_set (&req, SOURCE_LABEL, request_key_name ((enum request_key) i), values[i][0], &err));
        assert_int_equal (req.source[i], SOURCE_LABEL);
    }
    assert_string_equal (request_key_name (KEY_ON_FAILURE), "dri.on-failure");
    assert_string_equal (request_source_name (SOURCE_ENV), "environment");
    assert_string_equal (request_source_name (SOURCE_LABEL), "label");
    assert_string_equal (access_name (ACCESS_MONITOR), "monitor");
    assert_string_equal (class_name (CLASS_REALTIME), "realtime");
    assert_string_equal (ready_name (READY_VAAPI), "vaapi");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (the_wire_form_holds_what_was_written_and_no_more),
        cmocka_unit_test (the_wire_form_is_not_trusted),
        cmocka_unit_test (any_request_survives_the_wire),
        cmocka_unit_test (names_are_those_that_users_write),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
