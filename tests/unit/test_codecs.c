/* What generations of GPUs can do, and the sentences that are made of it.  */
#include "tests/unit/testing.h"

#include "broker/codecs.h"

static struct generation
find (uint16_t vendor, uint16_t device)
{
    struct generation g;

    if (!codecs_find (vendor, device, &g))
        fail_msg ("%04x:%04x is not known", vendor, device);
    return g;
}

static bool
can (const struct generation *g, const char *words)
{
    struct error err = {0};
    struct require require;

    assert_ok (require_parse (&require, words, &err));
    return !abilities_lack (&g->abilities, &require);
}

/* One of each, with what it can do and one thing that it is not said to do.  */
static void
each_generation_has_its_codecs (void **state)
{
    static const struct {
        uint16_t vendor, device;
        const char *name, *can, *not ;
    } cases[] = {
        {0x8086, 0x1912, "Skylake", "h264-encode,hevc-decode,vp8-decode", "hevc10-decode"},
        {0x8086, 0x5a85, "Apollo Lake", "hevc10-decode,vp9-decode", "vp9-10-decode"},
        {0x8086, 0x3185, "Gemini Lake", "hevc10-decode,vp9-decode", "hevc10-encode"},
        {0x8086, 0x5912, "Kaby Lake", "hevc10-encode,vp9-10-decode", "vp9-encode"},
        {0x8086, 0x3e92, "Coffee Lake", "hevc10-encode,vp9-10-decode", "av1-decode"},
        {0x8086, 0x3ea0, "Whiskey Lake", "hevc10-encode", "av1-decode"},
        {0x8086, 0x9bc8, "Comet Lake", "hevc10-decode", "vp9-encode"},
        {0x8086, 0x8a56, "Ice Lake", "vp9-10-encode", "av1-decode"},
        {0x8086, 0x4e61, "Jasper Lake", "vp9-encode,hevc10-encode", "av1-decode"},
        {0x8086, 0x9a49, "Tiger Lake", "av1-10-decode,vp8-decode,hevc12-decode", "av1-encode"},
        {0x8086, 0x4c8a, "Rocket Lake", "av1-decode", "vp8-decode"},
        {0x8086, 0x4680, "Alder Lake-S", "av1-decode", "av1-encode"},
        {0x8086, 0x46a6, "Alder Lake-P", "av1-decode", "av1-encode"},
        {0x8086, 0x46d1, "Alder Lake-N", "av1-decode,vc1-decode,hevc-encode", "av1-encode"},
        {0x8086, 0x46d4, "Alder Lake-N", "av1-decode", "av1-encode"},
        {0x8086, 0xa780, "Raptor Lake-S", "av1-decode", "av1-encode"},
        {0x8086, 0x56a5, "Arc (DG2)", "av1-encode,av1-10-encode,vp9-encode", "vc1-decode"},
        {0x8086, 0x56c1, "Flex (DG2)", "av1-encode", "vp8-decode"},
        {0x8086, 0x7d55, "Meteor Lake", "av1-encode,vp8-decode", "hevc12-encode"},
        {0x8086, 0x7d51, "Arrow Lake", "av1-encode", "vc1-decode"},
        {0x8086, 0x64a0, "Lunar Lake", "av1-encode,vp9-decode", "vp9-encode"},
        {0x8086, 0xe20b, "Battlemage", "av1-10-encode,hevc10-encode", "vp9-encode"},
        {0x8086, 0xb080, "Panther Lake", "vp9-encode", "vc1-decode"},
        {0x1002, 0x15dd, "Raven Ridge", "vp9-10-decode,hevc-encode", "hevc10-encode"},
        {0x1002, 0x1638, "Cezanne", "hevc10-encode", "av1-decode"},
        {0x1002, 0x731f, "Navi 10", "hevc10-encode,mpeg2-decode", "av1-decode"},
        {0x1002, 0x73df, "Navi 22", "av1-decode", "av1-encode"},
        {0x1002, 0x1681, "Rembrandt", "av1-decode,hevc10-encode", "mpeg2-decode"},
        {0x1002, 0x743f, "Navi 24", "hevc-decode", "h264-encode"},
        {0x1002, 0x744c, "Navi 31", "av1-encode,av1-10-decode", "mpeg2-decode"},
    };

    (void) state;
    for (size_t i = 0; i < countof (cases); i++) {
        struct generation g = find (cases[i].vendor, cases[i].device);

        assert_string_equal (g.name, cases[i].name);
        if (!can (&g, cases[i].can))
            fail_msg ("%s cannot do %s", g.name, cases[i].can);
        if (can (&g, cases[i].not ))
            fail_msg ("%s is said to do %s", g.name, cases[i].not );
        assert_true (can (&g, "h264-decode"));
        assert_false (can (&g, "h264-encode-cqp"));
        assert_false (can (&g, "vpp"));
    }
}

static void
what_is_not_in_the_table_is_not_guessed (void **state)
{
    struct generation g;

    (void) state;
    assert_false (codecs_find (0, 0, &g));
    assert_false (codecs_find (0x8086, 0x1616, &g)); /* Broadwell */
    assert_false (codecs_find (0x8086, 0x0bd5, &g)); /* Ponte Vecchio: between others */
    assert_false (codecs_find (0x1002, 0x67df, &g)); /* Polaris */
    assert_false (codecs_find (0x1002, 0x46d1, &g));
    assert_false (codecs_find (0x10de, 0x2484, &g));
    assert_false (codecs_find (0x1af4, 0x1050, &g));
}

/* --- sentences --- */

static void
explain (uint16_t device, const char *listed, const char *driver, const char *wanted, char out[512])
{
    struct generation g = find (device < 0x1000 ? 0x1002 : 0x8086, device);
    struct abilities abilities = g.abilities;
    struct error err = {0};
    struct require lacking, require;

    /* What it does not list.  */
    assert_ok (require_parse (&lacking, listed, &err));
    for (unsigned i = 0; i < lacking.n; i++) {
        if (lacking.list[i].task == TASK_DECODE)
            abilities.decode &= (uint16_t) ~(1U << lacking.list[i].video);
        else
            abilities.encode[lacking.list[i].video] = 0;
    }
    assert_ok (require_parse (&require, wanted, &err));
    codecs_explain (&g, &abilities, driver, "the image", wanted[0] ? &require : NULL, out, 512);
}

static void
what_the_driver_does_not_list_is_told (void **state)
{
    static const char i965[] = "Intel i965 driver for Intel(R) Coffee Lake - 2.4.1";
    static const char ihd[] = "Intel iHD driver for Intel(R) Gen Graphics - 23.1.1 ()";
    char text[512];

    (void) state;
    explain (0x46d1, "av1-decode,av1-10-decode", i965, "av1-decode", text);
    assert_string_equal (text,
                         "Alder Lake-N decodes AV1; this driver, i965 2.4.1, does not list it: the image "
                         "lacks iHD (intel-media-va-driver)");
    explain (0x46d1, "av1-decode,av1-10-decode,vp9-encode", ihd, "", text);
    assert_contains (text,
                     "Alder Lake-N decodes AV1 and AV1 10-bit and encodes VP9; this driver, iHD 23.1.1, does "
                     "not list that: the image has its free build");
    explain (0x56a5, "h264-decode,hevc-decode,vp9-decode", "Mesa Gallium driver 22.3.6 for X (y)", "", text);
    assert_contains (text,
                     "Arc (DG2) decodes H.264, HEVC and VP9; this driver, Mesa 22.3.6, does not list that");
    explain (0x46d1, "vp9-encode", "", "", text);
    assert_contains (text, "this driver, without a name, does not list it");
    explain (0x46d1, "vp9-encode", "Test fixture VA driver", "", text);
    assert_contains (text, "this driver, Test fixture VA driver, does not list it: the image has another");
}

static void
nothing_is_told_where_nothing_is_missing (void **state)
{
    char text[512];

    (void) state;
    explain (0x46d1, "", "x", "", text);
    assert_string_equal (text, "");
    /* The hardware does not do it either.  */
    explain (0x46d1, "av1-decode", "x", "av1-encode,vpp", text);
    assert_string_equal (text, "");
}

static void
a_long_sentence_is_cut (void **state)
{
    const struct abilities none = {.vpp = false};
    struct generation g = find (0x8086, 0x9a49);
    char text[40];

    (void) state;
    codecs_explain (&g, &none, "x", "this machine", NULL, text, sizeof text);
    assert_int_equal (strlen (text), sizeof text - 1);
}

static void
all_that_a_generation_can_do_is_one_sentence (void **state)
{
    struct generation generation;
    char text[300];

    (void) state;
    assert_true (codecs_find (0x1002, 0x743f, &generation)); /* encodes nothing */
    codecs_describe (&generation, text, sizeof text);
    assert_string_equal (text, "Navi 24 decodes H.264, HEVC, HEVC 10-bit, VP9 and VP9 10-bit");
    assert_true (codecs_find (0x1002, 0x1681, &generation));
    codecs_describe (&generation, text, sizeof text);
    assert_non_null (strstr (text, " and AV1 10-bit, and encodes H.264, HEVC and HEVC 10-bit"));
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (each_generation_has_its_codecs),
        cmocka_unit_test (what_is_not_in_the_table_is_not_guessed),
        cmocka_unit_test (what_the_driver_does_not_list_is_told),
        cmocka_unit_test (nothing_is_told_where_nothing_is_missing),
        cmocka_unit_test (a_long_sentence_is_cut),
        cmocka_unit_test (all_that_a_generation_can_do_is_one_sentence),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
