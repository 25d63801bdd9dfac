/* States as runtimes write them (read off runc 1.1.5 and crun 1.21).  */
#include "tests/unit/testing.h"

#include <signal.h>

#include "hook/state.h"

static int
parse_text (struct state *s, const char *text, struct error *err)
{
    return state_parse (s, text, strlen (text), err);
}

static void
states_of_real_runtimes_are_understood (void **state)
{
    static const struct {
        const char *text, *id;
        pid_t pid;
    } cases[] = {
        {"{\"ociVersion\":\"1.0.2-dev\",\"id\":\"web\",\"status\":\"creating\",\"pid\":4711,\"bundle\":\"/"
         "b\","
         "\"annotations\":{\"a\":\"b\"}}",
         "web", 4711},
        {"{\"ociVersion\":\"1.0\",\"id\":\"web\",\"pid\":4711,\"root\":\"/b/rootfs\",\"bundle\":\"/b\","
         "\"status\":\"created\"}\n",
         "web", 4711},
        {"{\"ociVersion\":\"1.0.2\",\"id\":\"web\",\"status\":\"stopped\",\"bundle\":\"/b\"}", "web", 0},
        {"{\"id\":\"web\",\"pid\":0,\"status\":\"stopped\"}", "web", 0},
        {"{\"id\":\"web\",\"pid\":2147483647}", "web", 2147483647},
        {"{}", "", 0},
    };

    (void) state;
    for (size_t i = 0; i < countof (cases); i++) {
        struct error err = {0};
        struct state s;

        assert_ok (parse_text (&s, cases[i].text, &err));
        assert_string_equal (s.id, cases[i].id);
        assert_int_equal (s.pid, cases[i].pid);
    }
}

static void
what_is_no_state_is_refused (void **state)
{
    static const char *const texts[] = {
        "",
        "x",
        "[]",
        "7",
        "\"id\"",
        "null",
        "{",
        "{\"id\":\"a\"} x",
        "{\"pid\":-1}",
        "{\"pid\":2147483648}",
        "{\"pid\":9223372036854775807}",
        "{\"pid\":99999999999999999999}",
        "{\"id\":\"\xff\"}",
    };
    struct state s = {.pid = 77};
    struct error err = {0};

    (void) state;
    for (size_t i = 0; i < countof (texts); i++) {
        assert_refused (parse_text (&s, texts[i], &err), "the container's state on stdin");
        assert_int_equal (s.pid, 77);
    }
}

static void
a_long_id_is_cut_and_odd_types_are_none (void **state)
{
    char text[600] = "{\"id\":\"";
    struct error err = {0};
    struct state s;

    (void) state;
    memset (text + 7, 'x', 500);
    (void) strcpy (text + 507, "\"}");
    assert_ok (parse_text (&s, text, &err));
    assert_int_equal (strlen (s.id), sizeof s.id - 1);
    assert_ok (parse_text (&s, "{\"id\":7,\"pid\":\"12\"}", &err));
    assert_string_equal (s.id, "");
    assert_int_equal (s.pid, 0);
    assert_ok (parse_text (&s, "{\"pid\":12.0}", &err));
    assert_int_equal (s.pid, 0);
}

/* The text has no NUL at its end when it comes from a pipe.  */
static void
truncated_anywhere_it_is_refused (void **state)
{
    static const char text[] =
        "{\"ociVersion\":\"1.0\",\"id\":\"web\",\"pid\":4711,\"annotations\":{\"a\":\"\\n\"}}";
    struct error err = {0};
    struct state s;

    (void) state;
    for (size_t len = 0; len < strlen (text); len++) {
        char *copy = malloc (len ? len : 1);

        memcpy (copy, text, len);
        assert_int_equal (state_parse (&s, copy, len, &err), -1);
        free (copy);
    }
}

/* A state through a pipe, in pieces, by a child.  */
static int
read_from_child (struct state *s, size_t annotation, bool whole, struct error *err)
{
    int ends[2], r;
    pid_t child;

    assert_return_code (pipe (ends), errno);
    child = fork ();
    if (child == 0) {
        char piece[1000];

        memset (piece, 'x', sizeof piece);
        (void) dup2 (ends[1], 1);
        (void) close (ends[0]);
        (void) close (ends[1]);
        (void) !write (1, "{\"id\":\"web\",\"pid\":7,\"a\":\"", 25);
        for (; annotation > sizeof piece; annotation -= sizeof piece)
            (void) !write (1, piece, sizeof piece);
        (void) !write (1, piece, annotation);
        _exit (whole ? (int) write (1, "\"}", 2) : 0);
    }
    (void) close (ends[1]);
    r = state_read (s, ends[0], err);
    (void) close (ends[0]);
    return r;
}

static void
a_state_is_read_in_pieces_to_its_end (void **state)
{
    struct error err = {0};
    struct state s;

    (void) state;
    assert_ok (read_from_child (&s, 0, true, &err));
    assert_ok (read_from_child (&s, 900000, true, &err));
    assert_string_equal (s.id, "web");
    assert_int_equal (s.pid, 7);
    assert_refused (read_from_child (&s, 100, false, &err), "not a JSON object");
}

static void
an_endless_state_is_refused (void **state)
{
    struct error err = {0};
    struct state s;
    int zero = open ("/dev/zero", O_RDONLY | O_CLOEXEC);

    (void) state;
    assert_int_equal (read_from_child (&s, 2000000, true, &err), -1);
    assert_int_equal (err.status, EFBIG);
    assert_int_equal (state_read (&s, zero, &err), -1);
    assert_int_equal (err.status, EFBIG);
    (void) close (zero);
    assert_int_equal (state_read (&s, -1, &err), -1);
    assert_int_equal (err.status, EBADF);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (states_of_real_runtimes_are_understood),
        cmocka_unit_test (what_is_no_state_is_refused),
        cmocka_unit_test (a_long_id_is_cut_and_odd_types_are_none),
        cmocka_unit_test (truncated_anywhere_it_is_refused),
        cmocka_unit_test (a_state_is_read_in_pieces_to_its_end),
        cmocka_unit_test (an_endless_state_is_refused),
    };

    (void) signal (SIGPIPE, SIG_IGN);
    (void) signal (SIGCHLD, SIG_IGN); /* no zombies */
    return cmocka_run_group_tests (tests, NULL, NULL);
}
