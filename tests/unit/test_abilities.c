/* From what a VA driver lists to the words of dri.require, and back.  */
#include "tests/unit/testing.h"

#include "broker/abilities.h"

static struct abilities
read_profiles (const char *text)
{
    json_t *profiles = parse (text);
    struct abilities abilities;

    abilities_read (&abilities, profiles);
    json_decref (profiles);
    return abilities;
}

static void
assert_words (const struct abilities *abilities, const char *words)
{
    json_t *json = abilities_to_json (abilities);

    assert_json (json, words);
    json_decref (json);
}

static void
profiles_become_words (void **state)
{
    struct abilities a = read_profiles (
        "[{'profile':'None','entrypoint':'VideoProc'},{'profile':'H264High','entrypoint':'VLD'},"
        "{'profile':'H264Main','entrypoint':'EncSlice'},{'profile':'H264High','entrypoint':'Stats'},"
        "{'profile':'HEVCMain','entrypoint':'EncSliceLP','rates':['cqp','vbr','mb']},"
        "{'profile':'HEVCMain','entrypoint':'EncSlice','rates':['icq']},"
        "{'profile':'JPEGBaseline','entrypoint':'EncPicture'},{'profile':'JPEGBaseline','entrypoint':'"
        "EncSlice'},"
        "{'profile':'VP9Profile2','entrypoint':'VLD','depths':[10]},"
        "{'profile':'AV1Profile0','entrypoint':'VLD','depths':[8]},"
        "{'profile':'HEVCMain12','entrypoint':'VLD','depths':[8,10]},"
        "{'profile':'VP8Version0_3','entrypoint':'VLD','depths':[]}]");

    (void) state;
    assert_words (&a, "['vpp','jpeg-encode','h264-decode','hevc-encode','hevc-encode-cqp','hevc-encode-vbr',"
                      "'hevc-encode-icq','vp9-10-decode','av1-decode']");
    a = read_profiles ("[{'profile':'AV1Profile0','entrypoint':'VLD'},"
                       "{'profile':'AV1Profile0','entrypoint':'EncSliceLP','depths':[8,10]}]");
    assert_words (&a, "['av1-decode','av1-encode','av1-10-decode','av1-10-encode']");
}

static void
what_is_no_profile_is_nothing (void **state)
{
    struct abilities a =
        read_profiles ("[1,null,{},'x',{'profile':1,'entrypoint':'VLD'},{'profile':'H264High'},"
                       "{'entrypoint':'VLD'},{'profile':'None','entrypoint':'VLD'},"
                       "{'profile':'H264High','entrypoint':'EncSliceLPX'}]");

    (void) state;
    assert_words (&a, "[]");
    abilities_read (&a, NULL);
    assert_words (&a, "[]");
}

/* Every word of the grammar: what is added is there, and nothing else.  */
static void
each_word_stands_for_itself (void **state)
{
    struct capability all[1 + VIDEO_COUNT * (1 + RATE_COUNT)] = {{.task = TASK_VPP}};
    unsigned n = 1;

    (void) state;
    for (unsigned v = 0; v < VIDEO_COUNT; v++) {
        all[n++] = (struct capability){.task = TASK_DECODE, .video = v};
        for (unsigned r = 0; r < RATE_COUNT; r++)
            all[n++] = (struct capability){.task = TASK_ENCODE, .video = v, .rate = r};
    }
    for (unsigned i = 0; i < n; i++) {
        struct abilities a = {.vpp = false};
        struct error err = {0};
        struct require require;

        capability_name (&all[i]);
        assert_ok (require_parse (&require, all[i].text, &err));
        abilities_add (&a, &require.list[0]);
        for (unsigned j = 0; j < n; j++) {
            /* A rate is not had without the encoder.  */
            bool encoder = all[i].task == TASK_ENCODE && all[j].task == TASK_ENCODE
                           && all[i].video == all[j].video && all[j].rate == RATE_ANY;

            assert_int_equal (abilities_have (&a, &all[j]), i == j || encoder);
        }
        assert_null (abilities_lack (&a, &require));
    }
}

static void
the_first_that_is_missing_is_told (void **state)
{
    struct abilities a = read_profiles ("[{'profile':'H264High','entrypoint':'VLD'}]");
    struct error err = {0};
    struct require require;

    (void) state;
    assert_ok (require_parse (&require, "h264-decode,vpp,av1-decode", &err));
    assert_string_equal (abilities_lack (&a, &require)->text, "vpp");
    assert_ok (require_parse (&require, "", &err));
    assert_null (abilities_lack (&a, &require));
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (profiles_become_words),
        cmocka_unit_test (what_is_no_profile_is_nothing),
        cmocka_unit_test (each_word_stands_for_itself),
        cmocka_unit_test (the_first_that_is_missing_is_told),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
