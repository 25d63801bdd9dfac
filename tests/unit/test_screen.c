/* The screen of drictl top: what it shows, in whatever size, and that nobody's name leaves its place.  */
#include "testing.h"

#include <locale.h>
#include <wchar.h>

#include "broker/drictl/screen.h"

#define JELLYFIN                                                                                             \
    "{\"container\":{\"name\":\"jellyfin\"},\"gpu\":\"igpu\",\"class\":\"interactive\",\"state\":"           \
    "\"active\","                                                                                            \
    "\"since\":1000,\"engines\":{\"render\":0.1,\"video\":0.9},\"memory\":{\"resident\":1048576}}"
#define FRIGATE                                                                                              \
    "{\"container\":{\"name\":\"frigate\"},\"gpu\":\"igpu\",\"class\":\"realtime\",\"state\":\"active\","    \
    "\"since\":1000,\"engines\":{\"render\":0.4,\"video\":0.2},\"memory\":{\"resident\":1024}}"
#define NEW                                                                                                  \
    "{\"container\":{\"name\":\"anew\"},\"gpu\":\"igpu\",\"class\":\"batch\",\"state\":\"active\","          \
    "\"since\":1000,"                                                                                        \
    "\"engines\":null,\"memory\":null}"
#define GPU                                                                                                  \
    "{\"name\":\"igpu\",\"state\":\"present\",\"model\":\"UHD\",\"slots\":{\"used\":3,\"total\":4},"         \
    "\"engines\":{\"render\":0.5,\"video\":1.0},\"memory\":{\"resident\":1049600}}"
#define STATUS(leases) "{\"gpus\":[" GPU "],\"leases\":[" leases "],\"queue\":[]}"

static struct screen screen;
static struct history history;
static char *text;

static int
setup (void **state)
{
    (void) state;
    history_init (&history);
    screen = (struct screen){.columns = 80, .rows = 24, .utf8 = true, .sort = SORT_RENDER, .now = 4600};
    return 0;
}

static int
teardown (void **state)
{
    (void) state;
    free (text);
    text = NULL;
    return 0;
}

static void
draw (const char *json)
{
    _cleanup_json_ json_t *status = json ? json_loads (json, 0, NULL) : NULL;

    assert_true (!json || status);
    history_take (&history, status);
    free (text);
    text = screen_draw (&screen, status, &history);
    assert_non_null (text);
}

static void
assert_shows (const char *wanted)
{
    if (!strstr (text, wanted))
        fail_msg ("expected \"%s\" in:\n%s", wanted, text);
}

static void
assert_shows_not (const char *unwanted)
{
    if (strstr (text, unwanted))
        fail_msg ("expected no \"%s\" in:\n%s", unwanted, text);
}

static void
assert_order (const char *first, const char *second)
{
    const char *a = strstr (text, first), *b = strstr (text, second);

    if (!a || !b || a > b)
        fail_msg ("expected %s before %s in:\n%s", first, second, text);
}

/* As wide and as high as the screen at most, and no escape but those of colours.  */
static void
assert_fits (void)
{
    unsigned rows = 1, columns = 0;
    wchar_t wide[1 << 14];
    size_t n = mbstowcs (wide, text, countof (wide));

    assert_true (n < countof (wide));
    for (size_t i = 0; i < n; i++) {
        if (wide[i] == L'\n') {
            rows++;
            columns = 0;
        } else if (wide[i] == 0x1b) {
            assert_int_equal (wide[i + 1], '[');
            for (i += 2; wide[i] != L'm'; i++)
                assert_true (wide[i] >= L'0' && wide[i] <= L'9');
        } else {
            assert_true (wcwidth (wide[i]) >= 0);
            columns += (unsigned) wcwidth (wide[i]);
            if (columns > screen.columns)
                fail_msg ("a line is longer than %u in:\n%s", screen.columns, text);
        }
    }
    if (rows > screen.rows)
        fail_msg ("%u rows, not %u:\n%s", rows, screen.rows, text);
}

static void
bars_and_figures_of_each_engine_are_shown (void **state)
{
    (void) state;
    draw (STATUS (JELLYFIN));
    assert_shows ("igpu  present, slots 3 of 4, memory 1.0 MiB");
    assert_shows ("  render        [█████████         ]  50%");
    assert_shows ("  video         [██████████████████] 100%");
    assert_shows ("jellyfin");

    assert_shows ("1.0 MiB");
    assert_shows_not ("copy ");
    assert_fits ();
}

/* 0% is a figure, n/a is none.  */
static void
what_is_not_known_is_no_zero (void **state)
{
    (void) state;
    draw (STATUS (NEW));
    assert_shows ("n/a");
    assert_shows_not ("0 B");
    draw ("{\"gpus\":[{\"name\":\"x\",\"state\":\"present\",\"slots\":{\"used\":0,\"total\":1},\"engines\":"
          "null}]}");
    assert_shows ("x  present, slots 0 of 1, memory n/a, n/a");
    draw ("{\"gpus\":[{\"name\":\"x\",\"state\":\"present\",\"slots\":{\"used\":0,\"total\":1},"
          "\"engines\":{\"render\":0}}]}");
    assert_shows ("  0%");
}

static void
a_minute_goes_by (void **state)
{
    (void) state;
    screen.columns = 200;
    for (unsigned i = 0; i < 59; i++)
        draw ("{\"gpus\":[{\"name\":\"igpu\",\"engines\":{\"render\":0.0}}]}");
    draw ("{\"gpus\":[{\"name\":\"igpu\",\"engines\":{\"render\":1.0}}]}");
    assert_shows ("▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁█");
    for (unsigned i = 0; i < 60; i++)
        draw ("{\"gpus\":[{\"name\":\"igpu\",\"engines\":{\"render\":0.5}}]}");
    assert_shows_not ("▁");
    assert_shows ("▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅");
    assert_shows_not ("▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅");
    draw (NULL);
    draw ("{\"gpus\":[{\"name\":\"igpu\",\"engines\":{\"render\":0.5}}]}");
    assert_shows ("▅ ▅"); /* nothing was known then */
}

static void
keys_sort (void **state)
{
    (void) state;
    draw (STATUS (JELLYFIN "," NEW "," FRIGATE));
    assert_order ("frigate", "jellyfin");
    assert_order ("jellyfin", "anew");
    assert_true (screen_sort_key ('v', &screen.sort));
    draw (STATUS (FRIGATE "," NEW "," JELLYFIN));
    assert_order ("jellyfin", "frigate");
    assert_true (screen_sort_key ('m', &screen.sort));
    draw (STATUS (FRIGATE "," JELLYFIN));
    assert_order ("jellyfin", "frigate");
    assert_true (screen_sort_key ('n', &screen.sort));
    draw (STATUS (JELLYFIN "," FRIGATE "," NEW));
    assert_order ("anew", "frigate");
    assert_order ("frigate", "jellyfin");
    assert_false (screen_sort_key ('x', &screen.sort));
}

/* From nothing to more than enough, with letters of one, two and three bytes.  */
static void
every_size_is_kept_to (void **state)
{
    (void) state;
    for (unsigned columns = 1; columns < 140; columns++)
        for (unsigned rows = 1; rows < 20; rows++) {
            screen.columns = columns;
            screen.rows = rows;
            screen.color = columns % 2;
            screen.message = rows % 3 == 0 ? "the broker does not answer" : NULL;
            draw (STATUS (JELLYFIN "," FRIGATE "," NEW));
            assert_fits ();
        }
}

static void
a_narrow_screen_leaves_out_what_matters_least (void **state)
{
    (void) state;
    screen.columns = 40;
    draw (STATUS (JELLYFIN));
    assert_shows ("RENDER");
    assert_shows ("MEMORY");
    assert_shows_not ("CLASS");
    assert_shows_not ("AGE");
    assert_fits ();
    screen.columns = 140;
    draw (STATUS (JELLYFIN));
    assert_shows ("CLASS");
    assert_shows ("COMPUTE");
    assert_shows ("AGE");
    assert_shows ("1h 0m");
}

static void
what_there_is_no_room_for_is_counted (void **state)
{
    (void) state;
    screen.rows = 8;
    draw (STATUS (JELLYFIN "," FRIGATE "," NEW "," NEW "," NEW "," NEW));
    assert_shows ("and ");
    assert_shows (" more");
    assert_shows ("q quit");
    assert_fits ();
}

static void
names_stay_in_their_place (void **state)
{
    (void) state;
    screen.color = true;
    draw (
        STATUS ("{\"container\":{\"name\":\"\\u001b[2Jx\\r\\n\\u202ey\\u009b\"},\"gpu\":\"a\\tb\\u0007\"}"));
    assert_shows ("\\u001b[2Jx\\u000d");
    assert_fits ();
    draw (STATUS (
        "{\"container\":{\"name\":\"漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字\"},\"gpu\":\"igpu\"}"));
    assert_fits ();
    draw (STATUS ("{\"container\":{\"name\":\"e\\u0301\\u0301\\u0301\"},\"gpu\":\"igpu\"}"));
    assert_fits ();
}

static void
no_color_is_none_and_ascii_is_ascii (void **state)
{
    (void) state;
    screen.utf8 = false;
    draw (STATUS ("{\"container\":{\"name\":\"caf\\u00e9\"},\"gpu\":\"igpu\"}"));
    for (const char *s = text; *s; s++)
        assert_true (*s == '\n' || (*s >= ' ' && *s < 0x7f));
    assert_shows ("caf? ");
    assert_shows ("[#########         ]");
    screen.color = true;
    draw (STATUS (JELLYFIN));
    assert_shows ("\033[31m##################");
}

static void
who_waits_and_who_has_no_lease_is_shown (void **state)
{
    (void) state;
    draw ("{\"gpus\":[],\"leases\":[],\"queue\":[{\"container\":{\"name\":\"late\"},\"position\":1,"
          "\"reason\":\"all "
          "taken\"}],\"unmanaged\":[{\"container\":{\"name\":\"plex\"},\"process\":{\"pid\":7,\"name\":\"x\"}"
          ",\"gpu\":"
          "\"igpu\",\"engines\":{\"video\":0.3}},{\"container\":null,\"process\":{\"pid\":42,\"name\":"
          "\"ffmpeg\"},"
          "\"gpu\":\"igpu\",\"engines\":null}]}");
    assert_shows ("1. waits: late: all taken");
    assert_shows ("WITHOUT A LEASE");
    assert_shows ("plex");
    assert_shows ("ffmpeg (42)");
    screen.message = "dri-broker does not answer";
    draw (NULL);
    assert_shows ("dri-broker does not answer");
}

#define with_screen(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int
main (void)
{
    const struct CMUnitTest tests[] = {
        with_screen (bars_and_figures_of_each_engine_are_shown),
        with_screen (what_is_not_known_is_no_zero),
        with_screen (a_minute_goes_by),
        with_screen (keys_sort),
        with_screen (every_size_is_kept_to),
        with_screen (a_narrow_screen_leaves_out_what_matters_least),
        with_screen (what_there_is_no_room_for_is_counted),
        with_screen (names_stay_in_their_place),
        with_screen (no_color_is_none_and_ascii_is_ascii),
        with_screen (who_waits_and_who_has_no_lease_is_shown),
    };

    (void) setlocale (LC_ALL, "C.UTF-8");
    return cmocka_run_group_tests (tests, NULL, NULL);
}
