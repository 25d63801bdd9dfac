#include "tests/unit/testing.h"

#include "oci/request.h"

static void
the_environment_has_the_same_keys (void **state)
{
    static const struct {
        const char *name, *value;
    } cases[KEY_COUNT] = {
        {"DRI_ENABLE", "true"},       {"DRI_GPU", "all"},
        {"DRI_NODES", "render,card"}, {"DRI_ACCESS", "monitor"},
        {"DRI_CLASS", "batch"},       {"DRI_SLOTS", "3"},
        {"DRI_SHARE", "40%"},         {"DRI_REQUIRE", "av1-decode"},
        {"DRI_READY", "off"},         {"DRI_WAIT", "1s"},
        {"DRI_ON_FAILURE", "defer"},  {"DRI_OWNER", "host"},
        {"DRI_ROLE", "camera"},
    };
    struct request req;
    struct error err = {0};

    (void) state;
    request_init (&req);
    for (int i = 0; i < KEY_COUNT; i++) {
        assert_true (request_owns_env (cases[i].name));
        assert_ok (request_set (&req, SOURCE_ENV, cases[i].name, cases[i].value, &err));
        assert_string_equal (req.text[i], cases[i].value);
        assert_int_equal (req.source[i], SOURCE_ENV);
    }
    assert_true (req.enable && req.card && req.slots == 3 && req.share == 40 && req.wait_ms == 1000);
    assert_refused (request_set (&req, SOURCE_ENV, "DRI_ACCESS", "share", &err), "DRI_ACCESS");
}

static void
of_the_environment_only_our_keys_are_ours (void **state)
{
    (void) state;
    assert_false (request_owns_env ("DRI_PRIME"));
    assert_false (request_owns_env ("DRI_PRIME_DEBUG"));
    assert_false (request_owns_env ("DRI_"));
    assert_false (request_owns_env ("DRI"));
    assert_false (request_owns_env (""));
    assert_false (request_owns_env ("LIBGL_DRI_GPU"));
    assert_false (request_owns_env ("dri.gpu"));
    assert_false (request_owns_env ("DRI_GPUS"));
    assert_false (request_owns_env ("DRI_ENABLE_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
    assert_true (request_owns_label ("dri.prime"));
    assert_true (request_owns_label ("dri."));
    assert_false (request_owns_label ("driver.gpu"));
    assert_false (request_owns_label ("io.dri.lease"));
    assert_false (request_owns_label ("DRI.enable"));
    assert_false (request_owns_label ("dri"));
}

/* Whatever the order in which they are read.  */
static void
label_goes_before_annotation_before_environment (void **state)
{
    static const unsigned orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    static const struct {
        enum request_source source;
        const char *name, *value;
    } said[] = {
        {SOURCE_ENV, "DRI_GPU", "from-env"},
        {SOURCE_ANNOTATION, "dri.gpu", "from-annotation"},
        {SOURCE_LABEL, "dri.gpu", "from-label"},
    };
    struct error err = {0};

    (void) state;
    for (size_t i = 0; i < countof (orders); i++)
        for (unsigned most = 0; most < 3; most++) {
            struct request req;

            request_init (&req);
            for (unsigned j = 0; j < 3; j++)
                if (orders[i][j] <= most)
                    assert_ok (request_set (&req, said[orders[i][j]].source, said[orders[i][j]].name,
                                            said[orders[i][j]].value, &err));
            assert_string_equal (req.selectors[0].text, said[most].value);
            assert_string_equal (req.text[KEY_GPU], said[most].value);
            assert_int_equal (req.source[KEY_GPU], said[most].source);
        }
}

static void
a_bad_value_is_refused_even_where_a_label_overrides_it (void **state)
{
    struct request req;
    struct error err = {0};

    (void) state;
    request_init (&req);
    assert_ok (request_set (&req, SOURCE_LABEL, "dri.access", "exclusive", &err));
    assert_refused (request_set (&req, SOURCE_ANNOTATION, "dri.access", "share", &err),
                    "did you mean \"shared\"?");
    assert_ok (request_set (&req, SOURCE_ANNOTATION, "dri.access", "shared", &err));
    assert_int_equal (req.access, ACCESS_EXCLUSIVE);
}

static void
a_second_value_takes_the_place_of_the_first_whole (void **state)
{
    struct request req;
    struct error err = {0};

    (void) state;
    request_init (&req);
    assert_ok (request_set (&req, SOURCE_LABEL, "dri.gpu", "a,b,c", &err));
    assert_ok (request_set (&req, SOURCE_LABEL, "dri.gpu", "d", &err));
    assert_int_equal (req.n_selectors, 1);
    assert_ok (request_set (&req, SOURCE_LABEL, "dri.owner", "1:2:600", &err));
    assert_ok (request_set (&req, SOURCE_LABEL, "dri.owner", "auto", &err));
    assert_int_equal (req.owner.kind, OWNER_AUTO);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (the_environment_has_the_same_keys),
        cmocka_unit_test (of_the_environment_only_our_keys_are_ours),
        cmocka_unit_test (label_goes_before_annotation_before_environment),
        cmocka_unit_test (a_bad_value_is_refused_even_where_a_label_overrides_it),
        cmocka_unit_test (a_second_value_takes_the_place_of_the_first_whole),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
